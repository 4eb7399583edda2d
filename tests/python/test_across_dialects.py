"""One database, several interfaces: what is written through one is read through all, and after a
restart again. A further interface is a class below and a line in INTERFACES."""

import json

import pytest

from skerry_server import Server

DIM = 4
VECTORS = [[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0]]
QUERY = [0.5, 1.0, 2.5, 0.0]
EXTRA = [9.0, 9.0, 9.0, 9.0]


class Interface:
    """What each interface is asked to do; all on one port, behind their prefixes.

    `metric` is how collections that it creates are compared: `l2` for squared distances, `ip` for
    inner products. `write` tells the ids of the vectors, in their order.
    """

    prefix = ""
    metric = "l2"
    deletes_by_id = True

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

    def field(self, name):
        """The name of the only vector field; empty for one without a name."""
        found = self.ask("GET", f"/collections/{name}")["result"]["config"]["params"]["vectors"]
        return "" if "size" in found else next(iter(found))

    def write(self, name, vectors, first_id):
        """Writes vectors under ids that count on from the first."""
        field = self.field(name)
        ids = range(first_id, first_id + len(vectors))
        named = [{field: vector} if field else vector for vector in vectors]
        points = [{"id": i, "vector": v} for i, v in zip(ids, named, strict=True)]
        self.ask("PUT", f"/collections/{name}/points?wait=true", {"points": points})
        return list(ids)

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
        field = self.field(name)
        plain = lambda vector: vector[field] if field else vector
        return {point["id"]: plain(point["vector"]) for point in found}

    def count(self, name):
        """Number of points."""
        return self.ask("POST", f"/collections/{name}/points/count", {})["result"]["count"]

    def search(self, name, query, metric):
        """Ids and scores, nearest first."""
        body = {"query": query, "limit": 10, "using": self.field(name)}
        found = self.ask("POST", f"/collections/{name}/points/query", body)["result"]["points"]
        power = 2 if metric == "l2" else 1
        return [(point["id"], point["score"] ** power) for point in found]


class Milvus(Interface):
    """The Milvus interface."""

    prefix = "milvus"

    def create(self, name):
        """A collection of vectors that are compared by Euclidean distance."""
        body = {"collection_name": name, "dimension": DIM, "metric_type": "L2"}
        self.ask("POST", "/collections", body)

    def write(self, name, vectors, first_id):
        """Writes vectors under ids that count on from the first."""
        ids = list(range(first_id, first_id + len(vectors)))
        body = {"ids": [str(i) for i in ids], "vectors": vectors}
        self.ask("POST", f"/collections/{name}/vectors", body)
        return ids

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

    def search(self, name, query, metric):
        """Ids and scores, nearest first."""
        # Whichever index a collection has, its parameter is among these.
        params = {"ef": 64, "nprobe": 16}
        body = {"search": {"topk": 10, "params": params, "vectors": [query]}}
        [row] = self.ask("PUT", f"/collections/{name}/vectors", body)["result"]
        return [(int(hit["id"]), float(hit["distance"])) for hit in row]


class Lynse(Interface):
    """The LynseDB interface."""

    prefix = "lynse"
    metric = "ip"

    def on(self, path, name, **fields):
        """A request about a collection of the database that all share."""
        at = {"database_name": "default_db", "collection_name": name}
        return self.ask("POST", path, {**at, **fields})["params"]

    def create(self, name):
        """A collection of vectors that are compared by their inner products."""
        self.on("/required_collection", name, dim=DIM)

    def write(self, name, vectors, first_id):
        """Writes vectors under ids that count on from the first."""
        ids = range(first_id, first_id + len(vectors))
        items = [{"id": i, "vector": v} for i, v in zip(ids, vectors, strict=True)]
        self.on("/upsert_items", name, items=items)
        return list(ids)

    def delete(self, name, ids):
        """Deletes by id."""
        self.on("/delete_items", name, ids=ids)

    def names(self):
        """Names of the collections."""
        body = {"database_name": "default_db"}
        return self.ask("POST", "/show_collections", body)["params"]["collections"]

    def read(self, name, ids):
        """Vectors by id."""
        known = [i for i in ids if self.on("/is_id_exists", name, id=i)["is_id_exists"]]
        vectors, found, _ = self.on("/query_vectors", name, filter_ids=known)["result"]
        return dict(zip(found, vectors, strict=True))

    def count(self, name):
        """Number of points that are not deleted."""
        return self.on("/stats", name)["stats"]["n_live"]

    def search(self, name, query, metric):
        """Ids and scores, nearest first."""
        found = self.on("/search", name, vector=query, k=10)["items"]
        return list(zip(found["ids"], found["scores"], strict=True))


class Infinity(Interface):
    """The Infinity interface, which chooses ids itself and deletes by values of columns."""

    prefix = "infinity"
    deletes_by_id = False

    def table(self, name, rest=""):
        """The path of a table, or of something of it."""
        return f"/databases/default_db/tables/{name}{rest}"

    def create(self, name):
        """A table with one column of vectors."""
        fields = [{"name": "v", "type": f"vector,{DIM},float"}]
        self.ask("POST", self.table(name), {"create_option": "error", "fields": fields})

    def column(self, name):
        """The column of the vectors."""
        columns = self.ask("GET", self.table(name, "/columns"))["columns"]
        [column] = [c["name"] for c in columns if c["type"].startswith("Embedding")]
        return column

    def select(self, name, body):
        """Rows as mappings."""
        rows = self.ask("POST", self.table(name, "/docs/search"), body).get("output", [])
        return [{k: v for cell in row for k, v in cell.items()} for row in rows]

    def rows(self, name):
        """All vectors by id, in the order of their ids."""
        column = self.column(name)
        rows = self.select(name, {"output": ["_row_id", column]})
        return {row["ROW_ID"]: json.loads(row[column]) for row in rows}

    def write(self, name, vectors, first_id):
        """Writes vectors and finds out under which ids."""
        before, column = self.rows(name), self.column(name)
        self.ask("POST", self.table(name, "/docs"), [{column: vector} for vector in vectors])
        after = self.rows(name)
        new = {tuple(vector): i for i, vector in after.items() if i not in before}
        return [new[tuple(vector)] for vector in vectors]

    def names(self):
        """Names of the tables."""
        return self.ask("GET", "/databases/default_db/tables")["tables"]

    def read(self, name, ids):
        """Vectors by id."""
        return {i: vector for i, vector in self.rows(name).items() if i in ids}

    def count(self, name):
        """Number of rows."""
        [row] = self.select(name, {"output": ["count(*)"]})
        return row["count(star)"]

    def search(self, name, query, metric):
        """Ids and scores, nearest first."""
        match = {"match_method": "dense", "fields": self.column(name), "query_vector": query}
        match |= {"element_type": "float", "metric_type": metric, "topn": 10}
        score = {"l2": "_distance", "ip": "_similarity"}[metric]
        rows = self.select(name, {"output": ["_row_id", score], "search": [match]})
        return [(row["ROW_ID"], row[score[1:].upper()]) for row in rows]


INTERFACES = [Qdrant, Milvus, Lynse, Infinity]


@pytest.fixture(scope="module")
def server():
    """A server with every interface on one port."""
    with Server(one_port=True) as running:
        yield running


def nearest(points, metric):
    """Ids and scores of all points, nearest first, computed here."""
    if metric == "l2":
        of = lambda v: sum((a - b) ** 2 for a, b in zip(v, QUERY, strict=True))
    else:
        of = lambda v: sum(a * b for a, b in zip(v, QUERY, strict=True))
    scored = [(i, of(vector)) for i, vector in points.items()]
    return sorted(scored, key=lambda pair: pair[1], reverse=metric == "ip")


def agree(reader, name, points, metric):
    """Reads everything through one interface."""
    assert name in reader.names()
    assert reader.count(name) == len(points)
    assert reader.read(name, [*points, 99]) == points
    found, expected = reader.search(name, QUERY, metric), nearest(points, metric)
    assert [i for i, _ in found] == [i for i, _ in expected]
    assert [d for _, d in found] == pytest.approx([d for _, d in expected], rel=1e-5)


@pytest.mark.parametrize("kind", INTERFACES, ids=lambda kind: kind.prefix)
def test_what_one_writes_all_read(server, kind):
    """Created and written through one interface, changed through all, read through all."""
    writer, name = kind(server), f"of_{kind.prefix}"
    everyone = [interface(server) for interface in INTERFACES]
    deleters = [interface for interface in everyone if interface.deletes_by_id]
    writer.create(name)
    points = dict(zip(writer.write(name, VECTORS, 1), VECTORS, strict=True))
    for reader in everyone:
        agree(reader, name, points, writer.metric)
    for number, other in enumerate(everyone):
        [extra] = other.write(name, [EXTRA], 100 + number)
        assert [r.count(name) for r in everyone] == [len(points) + 1] * len(everyone)
        deleters[(number + 1) % len(deleters)].delete(name, [extra])
        assert [r.count(name) for r in everyone] == [len(points)] * len(everyone)
    server.restart()
    for reader in everyone:
        agree(reader, name, points, writer.metric)
