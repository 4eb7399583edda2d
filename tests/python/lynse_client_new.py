"""What the client of LynseDB 0.9.0 does in a life: `lynse_client_new.py URL FOLDER before|after`.

Runs in an environment of its own, see requirements-lynse-new.txt. Every step is checked here; the
number of steps is the last line.
"""

import sys

import numpy as np
from lynse import VectorDBClient

URL, FOLDER, PHASE = sys.argv[1:]
STEPS = 0
rng = np.random.default_rng(9)
VECTORS = rng.random((12, 4), dtype=np.float32)
NAMES = ["a", "b", 1, 2, 7, 9]


def same(got, expected):
    """One step: what was got is what was expected."""
    global STEPS
    STEPS += 1
    assert got == expected, f"step {STEPS}: {got!r} is not {expected!r}"


def ids(result):
    """Ids of whatever the client gives for a result."""
    plain = getattr(result, "ids", result)
    return [i if isinstance(i, str) else int(i) for i in plain]


def value(of):
    """The value of what is a property in one version and a method in another."""
    return of() if callable(of) else of


def refused(call, *args, **kwargs):
    """One step: the call fails."""
    global STEPS
    STEPS += 1
    try:
        call(*args, **kwargs)
    except Exception:  # the client raises several kinds
        return
    raise AssertionError(f"step {STEPS}: {call} did not fail")


def nearest(query, k, names=NAMES):
    """Ids by inner product, best first."""
    return sorted(names, key=lambda n: -float(VECTORS[NAMES.index(n)] @ query))[:k]


def before():
    client = VectorDBClient(URL)
    db = client.create_database("newer", drop_if_exists=True)
    same("newer" in client.list_databases(), True)
    c = db.require_collection("c", drop_if_exists=True)
    same(c.exists(), True)
    c.add(
        ids=["a", "b"],
        vectors=VECTORS[:2],
        fields=[{"t": "hello world", "n": 1}, {"t": "bye"}],
    )
    same(tuple(c.shape), (2, 4))
    c.add(ids=[1, 2], vectors=VECTORS[2:4])
    c.add(
        ids=[7, 9],
        vectors=VECTORS[4:6],
        fields=[{"n": 5}, {"s": "x", "f": 1.5, "b": True, "l": [1], "z": None}],
    )
    same(tuple(c.shape), (6, 4))
    c.upsert(ids=[7], vectors=VECTORS[4:5], fields=[{"n": 6}])
    c.upsert(ids=["a"], vectors=VECTORS[:1])
    c.commit()
    query = VECTORS[8]
    same(ids(c.search(query, k=3)), nearest(query, 3))
    same(ids(c.search(query, k=3, where="n = 6")), [7])
    found = c.batch_search(VECTORS[8:10], k=2)
    same([ids(one) for one in found], [nearest(VECTORS[i], 2) for i in (8, 9)])
    same(ids(c.query(where="n = 6", return_ids_only=True)), [7])
    same(ids(c.query_vectors(filter_ids=["a", 7])), ["a", 7])
    same(ids(c.read_by_only_id("a")), ["a"])
    same(ids(c.read_by_only_id([7, "b"])), [7, "b"])
    refused(c.read_by_only_id, 777)
    refused(c.add, ids=["b"], vectors=VECTORS[:1])
    refused(c.search, [1.0, 2.0])
    c.delete(["a", 7])
    same(sorted(map(str, c.list_deleted_ids())), ["7", "a"])
    same("a" in ids(c.search(query, k=9)), False)
    c.restore(["a"])
    same(c.list_deleted_ids(), [7])
    same(ids(c.bm25_search("hello")), ["a"])
    same(c.is_id_exists("a"), True)
    same(c.is_id_exists("zz"), False)
    same(value(c.stats)["n_live"], 5)
    same(sorted(c.list_fields()), ["b", "f", "l", "n", "s", "t", "z"])
    c.build_index("HNSW-L2", m=8)
    same(value(c.index_mode), "HNSW-L2")
    same(ids(c.search(VECTORS[1], k=1)), ["b"])
    c.remove_index()
    c.create_vector_field("img", dim=2, metric="cosine")
    c.add_named_vectors("img", [[1, 0], [0, 1]], ["b", 1])
    same(ids(c.search([1, 0], vector_field="img")), ["b", 1])
    c.add_sparse_vectors([{1: 2.0}], ["b"])
    same(ids(c.search_sparse({1: 1.0})), ["b"])
    same(ids(c.hybrid_search(vector=VECTORS[0], text="hello"))[0], "a")
    same(len(ids(c.search_range(VECTORS[0], 0.0))), 5)
    same(c.search_profile(VECTORS[0], k=2)["profile"]["result_count"], 2)
    blob = bytes(range(256)) * 4096
    for key, content in [("a/b é", b"hello world"), ("large", b"old"), ("large", blob)]:
        same(c.write_blob(key, content)["status"], "success")
    same(c.read_blob("a/b é"), b"hello world")
    same(c.read_blob_range("a/b é", 6), b"world")
    same(c.read_blob_range("a/b é", 6, 2), b"wo")
    same(c.read_blob_range("a/b é", 6, 100), b"world")
    same(c.read_blob_range("a/b é", 11), b"")
    refused(c.read_blob_range, "a/b é", 12)
    same(c.read_blob("large"), blob)
    same(c.read_blob_range("large", 1_000_000, 300), blob[1_000_000:1_000_300])
    same(c.read_blob("none"), None)
    same(c.read_blob_range("none", 5), None)
    same([c.delete_blob("none"), c.write_blob("gone", b"x")["status"]], [False, "success"])
    same([c.delete_blob("gone"), c.delete_blob("gone"), c.read_blob("gone")], [True, False, None])
    refused(c.write_blob, "", b"x")
    refused(c.write_blob, "k" * 1025, b"x")
    same(tuple(c.shape), (6, 4))
    c.flush()
    c.checkpoint()
    same(value(db.show_collections), ["c"])
    c.close()


def after():
    client = VectorDBClient(URL)
    db = client.get_database("newer")
    c = db.get_collection("c")
    same(tuple(c.shape), (6, 4))
    same(c.list_deleted_ids(), [7])
    query = VECTORS[8]
    left = [name for name in NAMES if name != 7]
    same(ids(c.search(query, k=3)), nearest(query, 3, left))
    same(ids(c.bm25_search("bye")), ["b"])
    same(ids(c.search([1, 0], vector_field="img")), ["b", 1])
    same(c.read_blob("a/b é"), b"hello world")
    same(c.read_blob("large"), bytes(range(256)) * 4096)
    same(c.read_blob("gone"), None)
    same(c.compact(), 1)
    same(tuple(c.shape), (5, 4))
    refused(c.read_by_only_id, 7)
    db.drop_collection("c")
    same(value(db.show_collections), [])
    client.drop_database("newer")
    same("newer" in client.list_databases(), False)


{"before": before, "after": after}[PHASE]()
print(STEPS)
