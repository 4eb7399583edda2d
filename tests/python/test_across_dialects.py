"""One database, several interfaces: what is written through one is read through all, and after a
restart again. A further interface is a class below and a line in INTERFACES."""

import pytest

from skerry_server import Server

DIM = 4
POINTS = {1: [1.0, 0.0, 0.0, 0.0], 2: [0.0, 2.0, 0.0, 0.0], 3: [0.0, 0.0, 3.0, 0.0]}
QUERY = [0.0, 0.0, 2.5, 0.0]
# Squared distances to QUERY, nearest first.
NEAREST = [(3, 0.25), (1, 7.25), (2, 10.25)]


class Interface:
    """What each interface is asked to do; all on one port, behind their prefixes."""

    prefix = ""

    def __init__(self, server):
        self.server = server

    def ask(self, method, path, body=None):
        """One exchange that must succeed; its JSON, if there is some."""
        answer = self.server.request(method, f"/{self.prefix}{path}", json=body)
        assert answer.ok, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None


class Qdrant(Interface):
    """The Qdrant interface."""

    prefix = "qdrant"

    def create(self, name):
        """A collection of vectors that are compared by Euclidean distance."""
        self.ask("PUT", f"/collections/{name}", {"vectors": {"size": DIM, "distance": "Euclid"}})

    def write(self, name, points):
        """Writes vectors by id."""
        points = [{"id": i, "vector": vector} for i, vector in points.items()]
        self.ask("PUT", f"/collections/{name}/points?wait=true", {"points": points})

    def delete(self, name, ids):
        """Deletes by id."""
        self.ask("POST", f"/collections/{name}/points/delete?wait=true", {"points": ids})

    def names(self):
        """Names of the collections."""
        return [c["name"] for c in self.ask("GET", "/collections")["result"]["collections"]]

    def read(self, name, ids):
        """Vectors by id."""
        body = {"ids": ids, "with_vector": True}
        found = self.ask("POST", f"/collections/{name}/points", body)["result"]
        return {point["id"]: point["vector"] for point in found}

    def count(self, name):
        """Number of points."""
        return self.ask("POST", f"/collections/{name}/points/count", {})["result"]["count"]

    def search(self, name, query):
        """Ids and squared distances, nearest first."""
        body = {"query": query, "limit": 10}
        found = self.ask("POST", f"/collections/{name}/points/query", body)["result"]["points"]
        return [(point["id"], point["score"] ** 2) for point in found]


class Milvus(Interface):
    """The Milvus interface."""

    prefix = "milvus"

    def create(self, name):
        """A collection of vectors that are compared by Euclidean distance."""
        body = {"collection_name": name, "dimension": DIM, "metric_type": "L2"}
        self.ask("POST", "/collections", body)

    def write(self, name, points):
        """Writes vectors by id."""
        body = {"ids": [str(i) for i in points], "vectors": list(points.values())}
        self.ask("POST", f"/collections/{name}/vectors", body)

    def delete(self, name, ids):
        """Deletes by id."""
        body = {"delete": {"ids": [str(i) for i in ids]}}
        self.ask("PUT", f"/collections/{name}/vectors", body)

    def names(self):
        """Names of the collections."""
        found = self.ask("GET", "/collections?all_required=true")["collections"]
        return [collection["collection_name"] for collection in found]

    def read(self, name, ids):
        """Vectors by id."""
        ids = ",".join(str(i) for i in ids)
        found = self.ask("GET", f"/collections/{name}/vectors?ids={ids}")["vectors"]
        return {int(point["id"]): point["vector"] for point in found if point["vector"]}

    def count(self, name):
        """Number of points."""
        return self.ask("GET", f"/collections/{name}")["count"]

    def search(self, name, query):
        """Ids and squared distances, nearest first."""
        # Whichever index a collection has, its parameter is among these.
        params = {"ef": 64, "nprobe": 16}
        body = {"search": {"topk": 10, "params": params, "vectors": [query]}}
        [row] = self.ask("PUT", f"/collections/{name}/vectors", body)["result"]
        return [(int(hit["id"]), float(hit["distance"])) for hit in row]


INTERFACES = [Qdrant, Milvus]


@pytest.fixture(scope="module")
def server():
    """A server with every interface on one port."""
    with Server(one_port=True) as running:
        yield running


def agree(reader, name):
    """Reads everything through one interface."""
    assert name in reader.names()
    assert reader.count(name) == len(POINTS)
    assert reader.read(name, [1, 2, 3, 99]) == POINTS
    found = reader.search(name, QUERY)
    assert [i for i, _ in found] == [i for i, _ in NEAREST]
    assert [d for _, d in found] == pytest.approx([d for _, d in NEAREST], rel=1e-5)


@pytest.mark.parametrize("kind", INTERFACES, ids=lambda kind: kind.prefix)
def test_what_one_writes_all_read(server, kind):
    """Created and written through one interface, changed through all, read through all."""
    writer, name = kind(server), f"of_{kind.prefix}"
    everyone = [interface(server) for interface in INTERFACES]
    writer.create(name)
    writer.write(name, POINTS)
    for reader in everyone:
        agree(reader, name)
    for number, other in enumerate(everyone):
        other.write(name, {100 + number: [9.0, 9.0, 9.0, 9.0]})
        assert all(reader.count(name) == len(POINTS) + 1 for reader in everyone)
        deleter = everyone[(number + 1) % len(everyone)]
        deleter.delete(name, [100 + number])
    server.restart()
    for reader in everyone:
        agree(reader, name)
