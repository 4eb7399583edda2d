"""What the client of LynseDB 0.3.0 does in a life: `lynse_client_old.py URL FOLDER before|after`.

Runs in an environment of its own, see requirements-lynse-old.txt. Every step is checked here; the
number of steps is the last line.
"""

import sys

import numpy as np
from lynse import VectorDBClient

URL, FOLDER, PHASE = sys.argv[1:]
STEPS = 0
rng = np.random.default_rng(7)
VECTORS = rng.random((60, 8), dtype=np.float32)


def same(got, expected):
    """One step: what was got is what was expected."""
    global STEPS
    STEPS += 1
    assert got == expected, f"step {STEPS}: {got!r} is not {expected!r}"


def nearest(query, k, ids=range(60)):
    """Ids by inner product, best first."""
    return sorted(ids, key=lambda i: -float(VECTORS[i] @ query))[:k]


def ids(result):
    """Ids of whatever the client gives for a result."""
    return [int(i) for i in getattr(result, "ids", result)]


def value(of):
    """The value of what is a property in one version and a method in another."""
    return of() if callable(of) else of


def refused(call, *args, **kwargs):
    """One step: the call fails."""
    global STEPS
    STEPS += 1
    try:
        call(*args, **kwargs)
    except Exception as error:  # the client raises several kinds
        return str(error)
    raise AssertionError(f"step {STEPS}: {call} did not fail")


def before():
    client = VectorDBClient(URL)
    db = client.create_database("life", drop_if_exists=True)
    same("life" in client.list_databases(), True)
    same(db.database_exists()["params"]["exists"], True)
    c = db.require_collection("c", dim=8, drop_if_exists=True, description="a life")
    same(c.exists(), True)
    same(tuple(c.shape), (0, 8))
    with c.insert_session() as session:
        rows = [(VECTORS[i], i, {"n": i, "text": f"word{i % 5} all"}) for i in range(40)]
        session.bulk_add_items(rows)
    same(tuple(c.shape), (40, 8))
    for i in range(40, 50):
        c.add_item(VECTORS[i], id=i, field={"n": i, "text": "late all"})
    c.commit()
    same(tuple(c.shape), (50, 8))
    c.bulk_add_binary(VECTORS[50:])
    same(value(c.max_id), 59)
    same(c.is_id_exists(7), True)
    same(c.is_id_exists(700), False)
    refused(c.bulk_add_items, [(VECTORS[0], 0, {})])
    query = VECTORS[3]
    same(ids(c.search(query, k=5)), nearest(query, 5))
    same(ids(c.search(query, k=5, where="n < 10")), nearest(query, 5, range(10)))
    several = c.batch_search(VECTORS[:3], k=4)
    same([ids(one) for one in several], [nearest(VECTORS[i], 4) for i in range(3)])
    same(sorted(c.list_fields()), ["n", "text"])
    same(ids(c.query(where="n IN (3, 4) AND text LIKE 'word%'", return_ids_only=True)), [3, 4])
    same(len(c.query(filter_ids=[1, 2])), 2)
    same(ids(c.read_by_only_id([5, 6])), [5, 6])
    same(ids(c.head(3)), [0, 1, 2])
    same(ids(c.tail(2)), [58, 59])
    same(ids(c.query_vectors(filter_ids=[9])), [9])
    c.delete_items([0, 1])
    same(c.list_deleted_ids(), [0, 1])
    same(0 in ids(c.search(VECTORS[0], k=60)), False)
    c.restore_items([1])
    same(c.list_deleted_ids(), [0])
    c.upsert_items([(VECTORS[2], 2, {"n": 200, "text": "other"})])
    same(ids(c.query(where="n = 200", return_ids_only=True)), [2])
    c.build_index("HNSW-L2")
    same(value(c.index_mode), "HNSW-L2")
    by_distance = sorted(range(1, 60), key=lambda i: float(((VECTORS[i] - query) ** 2).sum()))
    same(ids(c.search(query, k=5)), by_distance[:5])
    c.build_index("FLAT-COS")
    same(ids(c.search(query, k=1)), [3])
    c.remove_index()
    same(value(c.index_mode), None)
    c.create_vector_field("image", dim=2, metric="l2")
    c.add_named_vectors("image", [[0, 0], [3, 4]], [4, 5])
    same(ids(c.search([0, 0], k=2, vector_field="image")), [4, 5])
    same([f["name"] for f in c.list_vector_fields()], ["default", "image"])
    c.add_sparse_vectors([{1: 2.0}, {1: 1.0, 9: 4.0}], [4, 5])
    same(ids(c.search_sparse({1: 1.0}, k=2)), [4, 5])
    same(ids(c.text_search("other", k=3)), [2])
    same(ids(c.hybrid_search(vector=query, text="late", k=10))[0] in range(40, 50), True)
    same(len(ids(c.search_range(query, threshold=0.0, max_results=7))), 7)
    same(c.search_profile(query, k=2)["profile"]["result_count"], 2)
    same(value(c.stats)["n_tombstoned"], 1)
    c.update_description("a longer life")
    same(db.show_collections_details()["c"]["description"], "a longer life")
    refused(c.search, [1.0], k=1)
    refused(c.query, where="n >")
    refused(c.query, where="none = 1")
    c.flush()
    c.checkpoint()
    c.export_to(f"{FOLDER}/export")
    c.snapshot_to(f"{FOLDER}/snapshot")
    refused(c.export_to, f"{FOLDER}/export")
    db.import_collection("imported", f"{FOLDER}/export")
    db.restore_collection("restored", f"{FOLDER}/snapshot")
    same(sorted(db.show_collections()), ["c", "imported", "restored"])
    same(tuple(db.get_collection("imported").shape), (59, 8))
    same(db.get_collection("restored").list_deleted_ids(), [0])
    db.snapshot_database(f"{FOLDER}/database")
    c.close()


def after():
    client = VectorDBClient(URL)
    same("life" in client.list_databases(), True)
    db = client.get_database("life")
    c = db.get_collection("c")
    same(tuple(c.shape), (60, 8))
    same(c.list_deleted_ids(), [0])
    query = VECTORS[3]
    same(ids(c.search(query, k=5)), nearest(query, 5, range(1, 60)))
    same(ids(c.search([0, 0], k=2, vector_field="image")), [4, 5])
    same(ids(c.search_sparse({1: 1.0}, k=2)), [4, 5])
    same(ids(c.query(where="n = 200", return_ids_only=True)), [2])
    same(c.compact(), 1)
    same(tuple(c.shape), (59, 8))
    same(ids(c.text_search("late", k=20)), list(range(40, 50)))
    db.drop_collection("imported")
    same(sorted(db.show_collections()), ["c", "restored"])
    client.drop_database("life")
    same("life" in client.list_databases(), False)


{"before": before, "after": after}[PHASE]()
print(STEPS)
