"""The Milvus interface through its own client, and every refusal with its code."""

import functools

import numpy as np
import pytest
import requests
from milvus import IndexType, MetricType, Milvus

from skerry_server import Server, free_port

DIM = 32
ROWS = 300
BIT_BYTES = 8


class Counted:
    """The client; every call must succeed, and is counted."""

    def __init__(self, port):
        self.client = Milvus(host="127.0.0.1", port=port, handler="HTTP")
        self.calls = 0

    def __getattr__(self, name):
        method = getattr(self.client, name)

        @functools.wraps(method)
        def called(*arguments, **options):
            self.calls += 1
            answer = method(*arguments, **options)
            status, value = answer if isinstance(answer, tuple) else (answer, None)
            assert status.OK(), (name, status)
            return value

        return called


@pytest.fixture(scope="module")
def port():
    """The port of the Milvus interface."""
    return free_port()


@pytest.fixture(scope="module")
def server(port):
    """A server with the Milvus interface beside that of Qdrant."""
    with Server(options=[f"--milvus-port={port}"]) as running:
        yield running


@pytest.fixture(scope="module")
def url(server, port):
    """Where the Milvus interface listens."""
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def client(server, port):
    """A client whose calls all succeed."""
    return Counted(port)


def rows(seed, count=ROWS, dim=DIM):
    """Random vectors."""
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


def bits(seed, count=ROWS):
    """Random vectors of bits."""
    return np.random.default_rng(seed).integers(0, 256, (count, BIT_BYTES), dtype=np.uint8)


def l2(query, data):
    """Squared distances."""
    return ((data.astype(np.float64) - query.astype(np.float64)) ** 2).sum(axis=1)


def ids_of(found):
    """Ids per query."""
    return [[hit.id for hit in row] for row in found]


def test_a_whole_life(server, client):
    """Create, insert, index, search, filter by partition, delete, restart, search again."""
    data, others, queries = rows(1), rows(2, 100), rows(3, 5)
    assert client.server_version() == "1.1.1"
    assert client.server_status() == "OK"
    client.create_collection({
        "collection_name": "life", "dimension": DIM, "index_file_size": 64,
        "metric_type": MetricType.L2,
    })
    assert client.has_collection("life")
    assert not client.has_collection("no_life")
    assert "life" in client.list_collections()
    described = client.get_collection_info("life")
    assert (described.dimension, described.index_file_size) == (DIM, 64)
    assert described.metric_type == MetricType.L2

    given = client.insert("life", data.tolist(), ids=list(range(ROWS)))
    assert given == list(range(ROWS))
    client.flush(["life"])
    assert client.count_entities("life") == ROWS
    client.create_partition("life", "red")
    client.create_partition("life", "dark red")
    assert client.has_partition("life", "red")
    assert not client.has_partition("life", "blue")
    tags = [partition.tag for partition in client.list_partitions("life")]
    assert tags == ["_default", "red", "dark red"]
    client.insert("life", others[:50].tolist(), ids=list(range(1000, 1050)), partition_tag="red")
    client.insert("life", others[50:].tolist(), ids=list(range(1050, 1100)),
                  partition_tag="dark red")
    client.flush()

    everything = np.vstack([data, others])
    names = np.array(list(range(ROWS)) + list(range(1000, 1100)))

    def nearest(query, allowed, count):
        distances = np.where(allowed, l2(query, everything), np.inf)
        order = np.argsort(distances, kind="stable")[:count]
        return names[order].tolist(), distances[order]

    def compare(**options):
        """Asks for the nearest of `allowed` and compares them with those that numpy finds."""
        allowed = options.pop("allowed", np.ones(len(names), bool))
        found = client.search("life", 10, queries.tolist(), **options)
        for query, row in zip(queries, found):
            expected, distances = nearest(query, allowed, 10)
            assert [hit.id for hit in row] == expected
            assert np.allclose([hit.distance for hit in row], distances, rtol=1e-5)

    compare(params={})
    params = {
        IndexType.FLAT: ({}, {}),
        IndexType.IVF_FLAT: ({"nlist": 8}, {"nprobe": 8}),
        IndexType.IVF_SQ8: ({"nlist": 8}, {"nprobe": 8}),
        IndexType.IVF_PQ: ({"nlist": 8, "m": 8}, {"nprobe": 8}),
        IndexType.HNSW: ({"M": 16, "efConstruction": 200}, {"ef": 200}),
        IndexType.RNSG: ({"search_length": 45, "out_degree": 50, "candidate_pool_size": 300,
                          "knng": 100}, {"search_length": 100}),
        IndexType.ANNOY: ({"n_trees": 16}, {"search_k": -1}),
    }
    for kind, (build, look) in params.items():
        client.create_index("life", kind, build)
        index = client.get_index_info("life")
        assert (index._index_type, index._params) == (kind, build)
        compare(params=look)
    client.drop_index("life")
    red, dark = (names >= 1000) & (names < 1050), names >= 1050
    compare(params={}, partition_tags=["red"], allowed=red)
    compare(params={}, partition_tags=["(.*)red"], allowed=red | dark)
    compare(params={}, partition_tags=["_default", "red"], allowed=~dark)

    stats = client.get_collection_stats("life")
    counts = {partition["tag"]: partition["row_count"] for partition in stats["partitions"]}
    assert (stats["row_count"], counts) == (400, {"_default": 300, "red": 50, "dark red": 50})
    [segment] = stats["partitions"][1]["segments"]
    assert client.list_id_in_segment("life", segment["name"]) == list(range(1000, 1050))
    found = client.search_in_segment("life", [segment["name"]], queries.tolist(), 3, params={})
    assert ids_of(found) == [nearest(query, red, 3)[0] for query in queries]

    vectors = client.get_entity_by_id("life", [1000, 7, 4711])
    assert np.array_equal(np.array(vectors[:2], dtype=np.float32), everything[[300, 7]])
    assert vectors[2] == []
    client.delete_entity_by_id("life", list(range(0, 100)) + [4711])
    client.flush(["life"])
    assert client.count_entities("life") == 300
    client.drop_partition("life", "dark red")
    assert client.count_entities("life") == 250
    client.compact("life")
    client.load_collection("life")
    client.release_collection("life")
    left = (names >= 100) & ~dark
    compare(params={}, allowed=left)

    client.create_index("life", IndexType.HNSW, {"M": 16, "efConstruction": 200})
    server.restart()
    compare(params={"ef": 200}, allowed=left)
    compare(params={"ef": 200}, partition_tags=["r.d"], allowed=red)
    assert client.count_entities("life") == 250
    assert client.get_index_info("life")._index_type == IndexType.HNSW
    tags = [partition.tag for partition in client.list_partitions("life")]
    assert tags == ["_default", "red"]
    client.insert("life", [queries[0].tolist()], ids=[5])
    assert ids_of(client.search("life", 1, [queries[0].tolist()], params={"ef": 50})) == [[5]]
    client.drop_collection("life")
    assert not client.has_collection("life")
    assert client.calls >= 40


def test_the_server_chooses_ids(server, client):
    client.create_collection({"collection_name": "auto", "dimension": DIM,
                              "metric_type": MetricType.IP})
    data = rows(5, 40)
    ids = client.insert("auto", data[:20].tolist()) + client.insert("auto", data[20:].tolist())
    assert len(set(ids)) == 40 and ids == sorted(ids)
    assert all(len(str(number)) == 19 for number in ids)
    query = rows(6, 1)[0]
    products = data.astype(np.float64) @ query.astype(np.float64)
    [row] = client.search("auto", 40, [query.tolist()], params={})
    assert [hit.id for hit in row] == [ids[i] for i in np.argsort(-products)]
    assert np.allclose([hit.distance for hit in row], np.sort(products)[::-1], atol=1e-4)
    status, none = client.client.insert("auto", data[:1].tolist(), ids=[1])
    assert (status.code, none) == (12, [])
    client.drop_collection("auto")


def distances(metric, query, data):
    """Distances of a vector of bits as Milvus defines them."""
    differing = np.unpackbits(query ^ data, axis=1).sum(axis=1)
    both = np.unpackbits(query & data, axis=1).sum(axis=1)
    either = np.unpackbits(query | data, axis=1).sum(axis=1)
    if metric == MetricType.HAMMING:
        return differing.astype(np.float64)
    if metric == MetricType.JACCARD:
        return 1 - both / either
    return -np.log2(both / either)


@pytest.mark.parametrize("metric", [MetricType.HAMMING, MetricType.JACCARD, MetricType.TANIMOTO])
def test_bits_are_compared(server, client, metric):
    name = f"bits_{metric.name}"
    client.create_collection({"collection_name": name, "dimension": 8 * BIT_BYTES,
                              "metric_type": metric})
    data, queries = bits(7), bits(8, 5)
    client.insert(name, [bytes(row) for row in data], ids=list(range(ROWS)))
    for index, params in [(IndexType.FLAT, {}), (IndexType.IVF_FLAT, {"nlist": 4})]:
        client.create_index(name, index, params)
        found = client.search(name, 10, [bytes(row) for row in queries], params={"nprobe": 4})
        for query, row in zip(queries, found):
            expected = distances(metric, query, data)
            told = [hit.distance for hit in row]
            assert np.allclose(told, np.sort(expected)[:10], atol=1e-5)
            assert np.allclose(told, expected[[hit.id for hit in row]], atol=1e-5)
    assert client.get_entity_by_id(name, [3]) == [bytes(data[3])]
    client.drop_collection(name)


def test_structures_find_only_matches(server, client):
    """A substructure search finds what contains the query; a superstructure search the contrary."""
    wide, narrow = bytes([255] * BIT_BYTES), bytes([1] + [0] * (BIT_BYTES - 1))
    other = bytes([0] * (BIT_BYTES - 1) + [2])
    for metric, query, expected in [
        (MetricType.SUBSTRUCTURE, narrow, [1, 2]),
        (MetricType.SUPERSTRUCTURE, narrow, [2]),
        (MetricType.SUBSTRUCTURE, bytes([3] * BIT_BYTES), [1]),
    ]:
        client.create_collection({"collection_name": "parts", "dimension": 8 * BIT_BYTES,
                                  "metric_type": metric})
        client.insert("parts", [wide, narrow, other], ids=[1, 2, 3])
        [row] = client.search("parts", 3, [query], params={})
        assert sorted(hit.id for hit in row) == expected, metric
        assert {hit.distance for hit in row} == {0.0}
        client.drop_collection("parts")


def test_stored_vectors_are_searched_for(url, client):
    client.create_collection({"collection_name": "twins", "dimension": 2})
    # The client itself refuses ids below zero; the interface has them.
    body = {"vectors": [[0, 0], [1, 0], [5, 5]], "ids": ["1", "-2", "3"]}
    assert requests.post(f"{url}/collections/twins/vectors", json=body).status_code == 201
    body = {"search": {"topk": 2, "params": {}, "ids": ["1", "77", "-2"]}}
    answer = requests.put(f"{url}/collections/twins/vectors", json=body).json()
    found = [[hit["id"] for hit in row] for row in answer["result"]]
    assert found == [["1", "-2"], [], ["-2", "1"]]
    assert answer["result"] == answer["results"] and answer["num"] == 3
    assert answer["result"][0][1]["distance"] == "1.000000"
    client.drop_collection("twins")


def test_an_empty_collection_finds_nothing(url, client):
    client.create_collection({"collection_name": "empty", "dimension": 2})
    body = {"search": {"topk": 2, "params": {}, "vectors": [[1, 2]]}}
    answer = requests.put(f"{url}/collections/empty/vectors", json=body)
    assert answer.json() == {"num": 0, "result": [], "results": []}
    answer = requests.get(f"{url}/collections/empty/vectors?ids=1")
    assert (answer.status_code, answer.json()["code"]) == (404, 4)
    client.drop_collection("empty")


def test_an_id_that_exists_gets_the_new_vector(client):
    client.create_collection({"collection_name": "again", "dimension": 2})
    client.insert("again", [[0, 0]], ids=[1])
    client.insert("again", [[3, 4]], ids=[1])
    assert client.count_entities("again") == 1
    assert client.get_entity_by_id("again", [1]) == [[3.0, 4.0]]
    client.drop_collection("again")


def test_settings_survive_a_restart(server, client, url):
    assert client.get_config("cache", "cache_size")
    told = client.set_config("cache", "preload_collection", "c")
    assert told == "set_config cache.preload_collection c successfully;"
    assert requests.get(f"{url}/system/config").json()["restart_required"] is True
    answer = requests.put(f"{url}/config/advanced", json={"use_blas_threshold": 500})
    assert answer.json() == {"message": "OK", "code": 0}
    server.restart()
    tree = requests.get(f"{url}/system/config").json()
    assert tree["cache"]["preload_collection"] == "c"
    assert tree["restart_required"] is False
    assert tree["network"]["http.port"] == url.rsplit(":", 1)[1]
    assert requests.get(f"{url}/config/advanced").json()["use_blas_threshold"] == 500


def test_other_interfaces_see_the_same(server, client, url):
    """What one interface writes, the other reads, and what cannot be told is said."""
    client.create_collection({"collection_name": "shared", "dimension": 2})
    client.create_partition("shared", "red")
    client.insert("shared", [[1, 2]], ids=[1], partition_tag="red")
    found = server.request("GET", "/collections/shared/points/1").json()["result"]
    assert found["payload"] == {"milvus_partition": "red"} and found["vector"] == [1.0, 2.0]
    body = {"points": [{"id": 2, "vector": [3, 4]}]}
    server.request("PUT", "/collections/shared/points?wait=true", json=body)
    assert client.get_entity_by_id("shared", [2, 1]) == [[3.0, 4.0], [1.0, 2.0]]
    stats = client.get_collection_stats("shared")
    assert [partition["row_count"] for partition in stats["partitions"]] == [1, 1]
    body = {"vectors": {"size": 2, "distance": "Cosine"}}
    server.request("PUT", "/collections/round", json=body)
    answer = requests.get(f"{url}/collections/round")
    assert (answer.status_code, answer.json()["code"]) == (400, 23)
    assert "round" not in client.list_collections()
    client.drop_collection("shared")
    server.request("DELETE", "/collections/round")


def refused(url, method, path, body, status, code):
    """One request that is refused."""
    answer = requests.request(method, url + path, json=body)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), (method, path, body, told)
    assert told["message"]


ROW = [[1.0, 2.0, 3.0, 4.0]]
REFUSALS = [
    ("POST", "/collections/c/partitions", {"partition_tag": "red"}, 400, 1),
    ("GET", "/collections/none", None, 404, 4),
    ("GET", "/collections/c/segments/1/ids", None, 404, 4),
    ("DELETE", "/collections/c/partitions", {"partition_tag": "blue"}, 404, 4),
    ("PUT", "/system/task", {"load": {"collection_name": "none"}}, 400, 4),
    ("POST", "/collections", {"collection_name": "n", "dimension": 4, "index_file_size": 0}, 400,
     5),
    ("POST", "/collections/c/indexes", {"index_type": "IVFFLAT", "params": {"nlist": 0}}, 400, 5),
    ("POST", "/collections", {"collection_name": "n", "dimension": 32769}, 400, 7),
    ("POST", "/collections/c/vectors", {"ids": ["1"], "vectors": [[1.0]]}, 400, 7),
    ("POST", "/collections/c/indexes", {"index_type": "J46", "params": {}}, 400, 8),
    ("POST", "/collections", {"collection_name": "c", "dimension": 4}, 400, 9),
    ("GET", "/collections/9090&*&()", None, 400, 9),
    ("DELETE", "/collections/c/partitions", {"partition_tag": "_default"}, 400, 9),
    ("PUT", "/collections/c/vectors", {"search": {"topk": 0, "params": {}, "vectors": ROW}}, 400,
     10),
    ("POST", "/collections/c/vectors", {"ids": ["1"], "vectors": []}, 400, 11),
    ("POST", "/collections/c/vectors", {"vectors": ROW}, 400, 12),
    ("POST", "/collections", {"collection_name": "n", "dimension": 4, "metric_type": "L0"}, 400,
     23),
    ("PUT", "/system/other", {}, 400, 32),
    ("GET", "/collections/c/vectors", None, 400, 33),
    ("POST", "/collections", {}, 400, 34),
    ("PUT", "/collections/c/vectors", {}, 400, 35),
    ("GET", "/collections?offset=-1", None, 400, 37),
    ("GET", "/config/gpu_resources", None, 404, 32),
]


def test_refusals_have_their_codes(url, client):
    client.create_collection({"collection_name": "c", "dimension": 4})
    client.create_partition("c", "red")
    client.insert("c", ROW, ids=[1])
    for refusal in REFUSALS:
        refused(url, *refusal)
    answer = requests.post(f"{url}/collections/c/vectors", data="{")
    assert (answer.status_code, answer.json()["code"]) == (400, 36)
    assert client.count_entities("c") == 1
    client.drop_collection("c")


def test_a_key_is_asked_for():
    port = free_port()
    with Server(options=[f"--milvus-port={port}"], environment={"SKERRY_API_KEY": "k"}):
        url = f"http://127.0.0.1:{port}"
        refused(url, "GET", "/collections", None, 401, 3)
        assert requests.get(f"{url}/state").json() == {"message": "Success", "code": 0}
        headers = {"Authorization": "Bearer k"}
        assert requests.get(f"{url}/collections", headers=headers).json()["count"] == 0


def test_it_answers_behind_its_prefix():
    with Server(one_port=True) as server:
        assert server.request("GET", "/milvus/state").json()["code"] == 0
        assert server.request("GET", "/milvus").text == "Welcome to milvus"
