"""Requests that the real LynseDB 0.3.0 and ours are both asked, in this order."""

import json
import struct
from dataclasses import dataclass
from typing import Any, Callable

AT = {"database_name": "d", "collection_name": "c"}


@dataclass
class Case:
    """A request; `differs` says why the answers are not alike, `seen` what of them is compared."""

    path: str
    body: Any = None
    raw: bytes | None = None
    differs: str = ""
    seen: Callable = staticmethod(lambda answer: answer)


def binary(path, content):
    """A binary answer as plain values."""
    at = 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, content, at)
        at += struct.calcsize("<" + form)
        return list(values)

    def fields():
        nonlocal at
        (length,) = take("I")
        text = content[at : at + length]
        at += length
        return json.loads(text) if length else []

    def hits():
        (n,) = take("I")
        return [take(f"{n}Q"), [round(x, 4) for x in take(f"{n}f")], fields()]

    if path.startswith("/batch_search_binary"):
        answer = [hits() for _ in range(take("I")[0])]
    elif path.startswith("/search_binary"):
        answer = hits()
    elif path.startswith(("/head_binary", "/tail_binary")):
        n, dim = take("II")
        answer = [dim, take(f"{n * dim}f"), take(f"{n}Q"), fields()]
    else:
        return None
    assert at == len(content), "bytes are left over"
    return answer


def c(path, differs="", seen=None, **body):
    """A request about the collection."""
    case = Case(path, {**AT, **body}, differs=differs)
    if seen:
        case.seen = seen
    return case


def d(path, differs="", seen=None, **body):
    """A request about something else."""
    case = Case(path, body, differs=differs)
    if seen:
        case.seen = seen
    return case


def nothing(_):
    """That it succeeds is all that is compared."""


def databases(answer):
    """Without the one that always exists here."""
    names = answer["params"]["databases"]
    return [name for name in names if name != "default_db"]


def listed(name):
    """A list of the answer, in no order."""
    return lambda answer: sorted(json.dumps(one) for one in answer["params"][name])


def profile(answer):
    """A profile without its times and without how much was looked at."""
    kept = answer["params"]["profile"]
    names = ("index_path", "result_count", "total_vectors", "filter_matches", "query_kind")
    return [answer["params"]["items"], {name: kept[name] for name in names}]


def filled(answer):
    """Rows without fields that are null: some conditions make the real one add all columns."""
    rows = answer["params"]["result"]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def ranked(answer):
    """Results without the order of equal scores."""
    items = answer["params"]["items"]
    pairs = sorted(zip(items["scores"], items["ids"]))
    return [pairs, items["k"], items.get("index"), items.get("fusion")]


ONE = struct.pack("<4f", 1, 0, 0, 0)
VECTOR = [1, 0, 0, 0]
FRAME = "database_name=d&collection_name=c"

CASES = [
    Case("/", seen=nothing),
    Case("/healthz"),
    Case("/readyz", seen=nothing),
    Case("/metrics", seen=nothing),
    Case("/openapi.json", seen=nothing),
    d("/database_exists", database_name="d"),
    d("/create_database", database_name="d", drop_if_exists=False),
    d("/create_database", database_name="d"),
    Case("/list_databases", seen=databases),
    c("/required_collection", dim=4, description="hi"),
    c("/required_collection", dim=4, dtypes="float16"),
    c("/required_collection", dim=5, differs="the real one takes it and forgets its dimension"),
    c("/required_collection", dim=4, drop_if_exists=True, description="hi"),
    c("/required_collection"),
    d("/required_collection", database_name="zz", collection_name="c", dim=3),
    d("/required_collection", database_name="d", collection_name="new", dim=0),
    c("/is_collection_exists"),
    c("/collection_shape"),
    c("/stats"),
    c("/index_mode"),
    c("/max_id"),
    c("/list_fields"),
    c("/get_collection_config"),
    c("/get_collection_path", seen=nothing),
    d("/show_collections", database_name="d"),
    d("/show_collections_details", database_name="d"),
    c(
        "/add_item",
        item={
            "vector": VECTOR,
            "id": 5,
            "field": {
                "a": 1,
                "t": "Hello world",
                "f": 1.5,
                "b": True,
                "n": None,
                "l": [1, 2],
                "o": {"x": 1},
            },
        },
    ),
    c("/add_item", item={"vector": [0, 1, 0, 0], "field": {"a": 2, "t": "hello there"}}),
    c("/add_item", item={"vector": [0, 1, 0]}),
    c("/add_item", item={"vector": [0, 1, 0, 0], "id": 5}),
    c("/add_item", item={"vector": [0, 1, 0, 0], "id": -1}),
    c(
        "/bulk_add_items",
        items=[
            {"vector": [0, 0, 1, 0], "id": 8},
            {"vector": [0.5, 0.25, 0, 0]},
            {"vector": [0.1, 0.2, 0.3, 0.4], "id": 10, "field": {"a": 3}},
        ],
    ),
    c("/bulk_add_items", items=[{"vector": VECTOR, "id": 18}, {"vector": VECTOR, "id": 18}]),
    c("/bulk_add_items", items=[]),
    c("/bulk_add_items", items=[{"vector": VECTOR}, {"vector": [0.5]}]),
    c(
        "/upsert_items",
        items=[
            {"vector": [9, 1, 0, 0], "id": 5},
            {"vector": [2, 0, 0, 3], "id": 30, "field": {"z": "q"}},
        ],
    ),
    c("/upsert_items", items=[{"vector": [9, 0, 0, 0]}]),
    c("/commit"),
    c("/commit", items=[{"vector": [1.5, 1, 1, 1], "id": 40}]),
    c("/flush"),
    c("/checkpoint"),
    c("/max_id"),
    c("/list_fields", seen=listed("fields")),
    c("/query", where="a >= 2"),
    c(
        "/query",
        where="a >= 1 AND NOT t LIKE 'Hello%'",
        seen=filled,
        differs="the real one takes the opposite of an unknown truth for true",
    ),
    c("/query", where="t IS NULL AND a BETWEEN 1 AND 5", seen=filled),
    c("/query", where="a IN (1, 3)", return_ids_only=True),
    c("/query", where="l CONTAINS 1", return_ids_only=True, seen=nothing),
    c("/query", filter_ids=[5, 8]),
    c("/query", where="nope = 1"),
    c("/query", where="a >"),
    c("/query", where=""),
    c("/query", filter_ids=[777], differs="the real one takes it for the number of a row"),
    c(
        "/query",
        where="a <> 1",
        return_ids_only=True,
        differs="the real one gives everything for <>",
    ),
    c("/query_vectors", where="a=1"),
    c("/query_vectors", filter_ids=[5, 8]),
    c("/read_by_only_id", id=5),
    c("/read_by_only_id", id=[5, 8]),
    c("/head", n=2),
    c("/tail", n=2),
    Case(f"/head_binary?{FRAME}&n=2"),
    Case(f"/tail_binary?{FRAME}&n=3"),
    Case(f"/tail_binary?{FRAME}&n=x"),
    c("/search", vector=VECTOR),
    c("/search", vector=VECTOR, k=2, return_fields=True, where="a > 0"),
    c("/search", vector=VECTOR, k=3, approx=True, eps=0.3),
    c("/search", vector=[1, 0, 0]),
    c("/search", vector=VECTOR, k=0),
    c("/search", vector=VECTOR, k=10001),
    c("/search", vector="x"),
    c("/search"),
    c("/search_profile", vector=VECTOR, k=2, seen=profile),
    c("/search_profile", vector=VECTOR, k=2, where="a=1", return_fields=True, seen=profile),
    c("/batch_search", vectors=[VECTOR, [0, 1, 0, 0]], k=1, return_fields=True),
    c("/batch_search", vectors=[]),
    Case(f"/search_binary?{FRAME}&dim=4&k=3&return_fields=true", raw=ONE),
    Case(f"/search_binary?{FRAME}&dim=4&k=3&where=a+%3D+1", raw=ONE),
    Case(f"/search_binary?{FRAME}&dim=4&k=2", raw=ONE[:8]),
    Case(f"/batch_search_binary?{FRAME}&dim=4&n_queries=2&k=2", raw=ONE + ONE),
    c("/search_range", vector=VECTOR, threshold=0.4),
    c("/search_range", vector=VECTOR, threshold=0.4, max_results=1),
    c("/text_search", text="hello"),
    c("/text_search", text="hello world hello", k=1, return_fields=True, text_fields=["t"]),
    c("/text_search", text="  "),
    c("/text_search", text="hello", where="a = 1"),
    c("/hybrid_search", vector=VECTOR, text="hello", k=3, seen=ranked),
    c("/hybrid_search", k=3),
    c("/hybrid_search", text="hello", fusion="weighted", seen=ranked),
    c("/hybrid_search", vector=VECTOR, k=2, fusion="foo", seen=ranked),
    *[
        case
        for mode in (
            "FLAT-L2",
            "flat-cos",
            "FLAT-HAMMING",
            "FLAT-JACCARD",
            "HNSW-L2",
            "IVF-L2",
            "DiskANN-L2",
            "FLAT-IP-SQ8",
        )
        for case in (
            c("/build_index", index_mode=mode),
            c("/index_mode"),
            c("/search", vector=VECTOR, k=10, seen=ranked),
            c("/search_range", vector=VECTOR, threshold=0.6, seen=nothing),
        )
    ],
    c("/build_index", index_mode="IVF", n_clusters=2),
    c("/build_index", index_mode="FLAT", n_clusters=2),
    c("/build_index", index_mode="wat"),
    c("/remove_index"),
    c("/index_mode"),
    c("/build_index"),
    c("/remove_index"),
    c("/create_vector_field", field_name="img", dim=2),
    c("/create_vector_field", field_name="img", dim=2),
    c("/create_vector_field", field_name="img", dim=3),
    c("/create_vector_field", field_name="bad name", dim=3),
    c("/create_vector_field", field_name="default", dim=3),
    c("/create_vector_field", field_name="h", dim=3, metric="hamming"),
    c("/create_vector_field", field_name="l", dim=3, metric="l2", index_mode="flat-cos"),
    c(
        "/create_vector_field",
        field_name="l2",
        dim=3,
        metric="euclidean",
        index_mode="hnsw-l2",
        dtypes="float16",
    ),
    c("/list_vector_fields"),
    c("/add_named_vectors", field_name="img", vectors=[[1, 0], [0, 1]], ids=[5, 8]),
    c("/add_named_vectors", field_name="img", vectors=[[1, 0]], ids=[5]),
    c("/add_named_vectors", field_name="img", vectors=[[1, 0]], ids=[999]),
    c("/add_named_vectors", field_name="img", vectors=[[1, 0, 1]], ids=[10]),
    c("/add_named_vectors", field_name="nope", vectors=[[1, 0]], ids=[10]),
    c("/add_named_vectors", field_name="img", vectors=[[1, 0]], ids=[10, 30]),
    c("/search", vector=[1, 0], vector_field="img", k=3, return_fields=True),
    c("/search", vector=[1, 0], vector_field="nope", k=3),
    c("/build_vector_field_index", field_name="img", index_mode="HNSW-L2"),
    c("/search", vector=[1, 0], vector_field="img", k=3),
    c("/remove_vector_field_index", field_name="img"),
    c("/list_vector_fields"),
    c(
        "/add_sparse_vectors",
        vectors=[
            {"indices": [1, 5, 1], "values": [1, 2, 3]},
            {"indices": [5], "values": [-1]},
        ],
        ids=[5, 8],
    ),
    c("/add_sparse_vectors", vectors=[{"indices": [1], "values": [1]}], ids=[999]),
    c("/sparse_search", vector={"indices": [5], "values": [1]}, return_fields=True),
    c("/sparse_search", vector={"indices": [5], "values": [1]}, where="a = 1"),
    c("/sparse_search", vector={"indices": [5], "values": []}),
    c("/sparse_search", vector={"indices": [], "values": []}),
    c("/delete_items", ids=[5]),
    c("/list_deleted_ids"),
    c("/stats"),
    c("/collection_shape"),
    c("/is_id_exists", id=5),
    c("/is_id_exists", id=12345),
    c("/search", vector=VECTOR, k=2),
    c("/text_search", text="hello"),
    c("/restore_items", ids=[5, 12345]),
    c("/list_deleted_ids"),
    c("/delete_items", ids=[8]),
    c("/compact"),
    c("/collection_shape"),
    c("/stats"),
    c("/update_description", description="new"),
    c("/update_collection_description", description="x"),
    Case(f"/bulk_add_binary?{FRAME}&dim=4&n_vectors=1", raw=ONE),
    Case(f"/bulk_add_binary?{FRAME}&dim=4&n_vectors=3", raw=ONE + ONE),
    c("/snapshot_collection", snapshot_path="FOLDER/snapshot"),
    c("/snapshot_collection", snapshot_path="FOLDER/snapshot"),
    d(
        "/restore_collection",
        database_name="d",
        collection_name="c2",
        snapshot_path="FOLDER/snapshot",
    ),
    d(
        "/restore_collection",
        database_name="d",
        collection_name="c2",
        snapshot_path="FOLDER/snapshot",
    ),
    d(
        "/restore_collection",
        database_name="d",
        collection_name="c5",
        snapshot_path="FOLDER/none",
    ),
    c("/export_collection", export_path="FOLDER/export"),
    c("/export_collection", export_path="FOLDER/export"),
    d(
        "/import_collection",
        database_name="d",
        collection_name="c3",
        export_path="FOLDER/export",
    ),
    d("/query", database_name="d", collection_name="c3", where="a > 0"),
    d("/head", database_name="d", collection_name="c3", n=9),
    d(
        "/import_collection",
        database_name="d",
        collection_name="c3",
        export_path="FOLDER/export",
        overwrite=False,
    ),
    d("/snapshot_database", database_name="d", snapshot_path="FOLDER/database"),
    d("/restore_database", database_name="d2", snapshot_path="FOLDER/database"),
    d("/show_collections", database_name="d2", seen=listed("collections")),
    c("/close_collection"),
    d("/show_collections", database_name="d", seen=listed("collections")),
    d("/drop_collection", database_name="d", collection_name="gone"),
    c("/drop_collection"),
    c("/is_collection_exists"),
    c("/collection_shape"),
    c("/search", vector=VECTOR),
    c("/get_collection_config"),
    c("/is_id_exists", id=1),
    d("/drop_database", database_name="nope"),
    d("/delete_database", database_name="d"),
    d("/show_collections", database_name="d"),
    Case("/list_databases", seen=databases),
    d("/drop_database", database_name="d2"),
]
