"""Infinity's interface by plain requests: every route, every error number, explanations."""

import re
import socket
import time

import pytest

from infinity_server import ROWS, D, InfinityServer, T, fill, rows_of
from skerry_server import REPOSITORY

@pytest.fixture(scope="module")
def server():
    """A server with a filled table, its indexes and a snapshot."""
    with InfinityServer() as running:
        fill(running)
        for name, column, index in [
            ("ft", "s", {"type": "fulltext"}),
            ("near", "v", {"type": "hnsw", "metric": "l2"}),
        ]:
            body = {"fields": [column], "index": index}
            assert running.ask("POST", f"{T}/indexes/{name}", body)["error_code"] == 0
        body = {"db_name": "default_db", "table_name": "t", "snapshot_name": "first"}
        assert running.ask("POST", "/snapshots", body)["error_code"] == 0
        yield running


SEARCH = {"output": ["id"]}
NEW = {"fields": [{"name": "a", "type": "int"}]}
# Every route of Infinity: method, path, body, and the keys of its answer, or the number that it
# refuses with. Those that change something come last, each after what it needs.
ROUTES = [
    ("GET", "/databases", None, ["databases"]),
    ("GET", D, None, ["database_name", "storage_directory", "table_count", "comment"]),
    ("POST", "/databases/d2", {}, []),
    ("GET", f"{D}/tables", None, ["tables", "table_names"]),
    ("POST", "/databases/d2/tables/x", NEW, []),
    ("GET", T, None, ["table_name", "column_count", "segment_count", "row_count"]),
    ("POST", f"{T}/rename", {"new_table_name": "t"}, 3017),
    ("GET", f"{T}/columns", None, ["columns", "table_name"]),
    ("POST", f"{T}/columns", {"fields": [{"name": "n", "type": "int", "default": 1}]}, []),
    ("DELETE", f"{T}/columns", {"column_names": ["n"]}, []),
    ("POST", f"{T}/docs", ROWS[:1], []),
    ("DELETE", f"{T}/docs", {"filter": "id = 77"}, ["deleted_rows"]),
    ("PUT", f"{T}/docs", {"filter": "id = 77", "update": {"s": "z"}}, []),
    ("GET", f"{T}/docs", SEARCH, ["output"]),
    ("POST", f"{T}/docs/search", SEARCH, ["output"]),
    ("GET", f"{T}/meta", {**SEARCH, "explain_type": "physical"}, ["output"]),
    ("POST", f"{T}/meta", {**SEARCH, "explain_type": "ast"}, ["output"]),
    ("PUT", T, {"file_path": "none", "file_type": "csv"}, 7008),
    ("GET", f"{D}/table/t", {"file_path": "r1.csv", "file_type": "csv"}, []),
    ("POST", f"{D}/table/t", {"file_path": "r2.csv", "file_type": "csv"}, []),
    ("PUT", f"{T}/compact", None, []),
    ("PUT", f"{T}/optimize", None, []),
    ("GET", f"{T}/indexes", None, ["indexes"]),
    ("POST", f"{T}/indexes/i2", {"fields": ["id"], "index": {"type": "secondary"}}, []),
    ("GET", f"{T}/indexes/i2", None, ["index_name", "index_type", "other_parameters"]),
    ("PUT", f"{T}/indexes/near", {"optimize_options": {"compress_to_lvq": ""}}, []),
    ("PUT", f"{T}/indexes/i2/dump", None, []),
    ("GET", f"{T}/indexes/i2/segment/0", None, ["segment_id", "chunk_count"]),
    ("GET", f"{T}/indexes/i2/segment/0/chunk/0", None, ["chunk_id", "row_count"]),
    ("DELETE", f"{T}/indexes/i2", {}, []),
    ("GET", f"{T}/segments", None, ["segments", "table_name"]),
    ("GET", f"{T}/segments/0", None, ["segment_id", "block_count"]),
    ("GET", f"{T}/segments/0/blocks", None, ["blocks", "segment_id"]),
    ("GET", f"{T}/segments/0/blocks/0", None, ["block_id", "row_count"]),
    ("GET", f"{T}/segments/0/blocks/0/0", None, ["column_id", "column_name"]),
    ("GET", "/snapshots", None, ["snapshots"]),
    ("POST", "/snapshots", {"db_name": "d2", "table_name": "x", "snapshot_name": "s2"}, []),
    ("GET", "/snapshots/s2", None, ["snapshot"]),
    ("POST", "/snapshots/restore", {"snapshot_name": "s2"}, 3017),
    ("DELETE", "/snapshots/s2", None, []),
    ("POST", "/snapshots/database", {"db_name": "d2", "snapshot_name": "s3"}, []),
    ("POST", "/snapshots/database/restore", {"snapshot_name": "s3"}, 3016),
    ("POST", "/snapshots/system", {"snapshot_name": "s4"}, []),
    ("POST", "/snapshots/system/restore", {"snapshot_name": "s4"}, []),
    ("DELETE", "/snapshots/s3", None, []),
    ("DELETE", "/snapshots/s4", None, []),
    ("GET", "/configs", None, ["version", "time_zone", "log_level", "cleanup_interval"]),
    ("GET", "/configs/version", None, ["version"]),
    ("POST", "/configs", {"log_level": "info"}, []),
    ("GET", "/variables/global", None, ["query_count", "current_timestamp"]),
    ("GET", "/variables/global/query_count", None, ["query_count"]),
    ("SET", "/variables/global", {"query_count": 1}, 3029),
    ("GET", "/variables/session", None, ["query_count", "connected_timestamp"]),
    ("GET", "/variables/session/query_count", None, ["query_count"]),
    ("SET", "/variables/session", {"query_count": 1}, 3029),
    ("GET", "/instance/buffer", None, ["buffer"]),
    ("GET", "/instance/profiles", None, ["profiles"]),
    ("GET", "/instance/memindex", None, ["index"]),
    ("GET", "/instance/queries", None, ["queries"]),
    ("GET", "/instance/queries/1", None, 3088),
    ("GET", "/instance/logs", None, ["logs"]),
    ("GET", "/instance/transactions", None, ["transactions"]),
    ("GET", "/instance/transactions/1", None, 3084),
    ("GET", "/instance/objects", None, ["objects"]),
    ("GET", "/instance/objects/x", None, 3088),
    ("GET", "/instance/files", None, ["files"]),
    ("GET", "/instance/memory", None, ["memory"]),
    ("GET", "/instance/memory/objects", None, ["memory_objects"]),
    ("GET", "/instance/memory/allocations", None, ["memory_allocations"]),
    ("POST", "/instance/flush", None, []),
    ("GET", "/admin/nodes", None, ["nodes"]),
    ("GET", "/admin/node/current", None, ["node"]),
    ("GET", "/admin/node/standalone", None, ["node"]),
    ("GET", "/admin/variables", None, ["role"]),
    ("GET", "/admin/variables/role", None, ["role"]),
    ("GET", "/admin/configs", None, ["version"]),
    ("GET", "/admin/logs", None, ["logs"]),
    ("POST", "/admin/node/current", {"role": "standalone"}, []),
    ("DELETE", "/admin/node/standalone", None, 3032),
    # 0.5.2 alone
    ("GET", "/admin/catalogs", None, ["catalogs"]),
    ("GET", "/instance/delta_checkpoint", None, []),
    ("GET", "/instance/global_checkpoint", None, []),
    ("POST", "/instance/table/compact", {"db_name": "default_db", "table_name": "t"}, []),
    ("DELETE", "/databases/d2/tables/x", {}, []),
    ("DELETE", "/databases/d2", {}, []),
]


def test_every_route_of_infinity_answers(server):
    for method, path, body, expected in ROUTES:
        answer = server.ask(method, path, body)
        if isinstance(expected, int):
            assert answer["error_code"] == expected, (method, path, answer)
        else:
            assert answer["error_code"] == 0, (method, path, answer)
            assert set(expected) <= set(answer), (method, path, answer)


def search(**fields):
    return ("GET", f"{T}/docs", {**SEARCH, **fields})


def match(**fields):
    return search(search=[fields])


def dense(**fields):
    body = {"match_method": "dense", "fields": "v", "query_vector": [0, 1], "topn": 3}
    return match(**{**body, "element_type": "float", "metric_type": "l2", **fields})


def without_vector(**fields):
    method, path, body = dense(**fields)
    del body["search"][0]["query_vector"]
    return (method, path, body)


def words(**params):
    return match(match_method="text", fields="s", matching_text="fox", topn=3, params=params)


def index(column, **parameters):
    return ("POST", f"{T}/indexes/new", {"fields": [column], "index": parameters})


def column(**field):
    return ("POST", f"{D}/tables/new", {"fields": [field]})


def row(**fields):
    return ("POST", f"{T}/docs", [{**ROWS[0], **fields}])


LONG = "x" * 65_536
IVF = {"type": "ivf", "metric": "l2"}
ERRORS = [
    (3003, "POST", "/databases/1a", {}),
    (3004, "POST", f"{D}/tables/a-b", NEW),
    (3005, *column(name="a b", type="int")),
    (3006, "POST", f"{T}/indexes/1i", {"fields": ["id"], "index": {"type": "secondary"}}),
    (3007, *column(name="a")),
    (3007, *column(type="int")),
    (3009, *index("id", type="hnsw", metric="l2")),
    (3009, *index("v", type="ivf")),
    (3009, *index("v", **IVF, min_points_per_centroid="8", max_points_per_centroid="2")),
    (3009, *index("v", **IVF, scalar_quantization_bits="8")),
    (3009, *index("v", **IVF, storage_type="scalar_quantization", scalar_quantization_bits="5")),
    (3009, *index("v", type="bmp")),
    (3009, *index("v", type="emvb", pq_subspace_num="2", pq_subspace_bits="8")),
    (3009, *index("v", type="plaid")),
    (3009, *index("v", type="smve")),
    (3009, *index("s", type="diskann", metric="l2")),
    (3009, *index("id", type="fulltext")),
    (3009, *index("v", type="secondary")),
    (3010, *row(v=[1.0])),
    (3010, *row(id="x")),
    (3010, "POST", "/configs", {"log_level": 1}),
    (3010, "POST", "/configs", {"cleanup_interval": "10"}),
    (3010, "POST", "/configs", {"cleanup_interval": 1.5}),
    (3010, *row(v={"function": "fde", "tensor_data": [[1, 2]], "target_dimension": 3})),
    (3067, *row(v={"function": "nope", "tensor_data": [[1, 2]], "target_dimension": 2})),
    (3067, *row(v={"function": "fde", "tensor_data": [[1, 2], [1]], "target_dimension": 2})),
    (3067, *row(v={"function": "fde", "tensor_data": [[1, 2]]})),
    (3069, *dense(fde={"tensor_data": [[1, 2]], "target_dimension": 2})),
    (3069, *without_vector()),
    (3069, *without_vector(fde={"tensor_data": [], "target_dimension": 2})),
    (3013, *without_vector(fde={"tensor_data": [[1, 2]], "target_dimension": 3})),
    (3036, *search(output=["fde(s, 2)"])),
    (3036, *search(output=["fde(t, 0)"])),
    (3036, *search(output=["fde([[1, 2], [3]], 4)"])),
    (3013, *words(rank_features="s^a")),
    (3013, *words(rank_features="s")),
    (3013, *words(rank_features="s^a^b")),
    (3013, *words(rank_features="s^a^1^2")),
    (3024, *words(rank_features="none^a")),
    (3013, *row(none=1)),
    (3013, "POST", f"{T}/docs", [{"id": 1}]),
    (3013, "GET", f"{T}/docs", {"output": ["none"]}),
    (3013, "GET", f"{T}/docs", {"output": ["_score"]}),
    (3013, *dense(query_vector=[1])),
    (3013, *match(match_method="sparse", fields="sp", query_vector={"1": 1.0}, topn=1,
                  metric_type="ip", params={"unheard_of": "1"})),
    (3013, *match(match_method="text", fields="s", matching_text="x", topn=1,
                  params={"operator": "x"})),
    (3013, *match(match_method="text", fields="s", matching_text="NOT x", topn=1)),
    (3014, *dense(params={"ef": "x"})),
    (3014, "PUT", f"{T}/indexes/near", {"optimize_options": "x"}),
    (3016, "POST", D, {}),
    (3017, "POST", T, NEW),
    (3018, "POST", f"{T}/indexes/ft", {"fields": ["s"], "index": {"type": "fulltext"}}),
    (3021, "GET", "/databases/none", None),
    (3022, "GET", f"{D}/tables/none", None),
    (3023, "GET", f"{T}/indexes/none", None),
    (3023, "PUT", f"{T}/indexes/none", {}),
    (3023, *dense(params={"index_name": "none"})),
    (3024, *index("none", type="secondary")),
    (3024, *dense(params={"index_name": "ft"})),
    (3024, *search(filter="none = 1")),
    (3025, *search(filter="max(id) = 1")),
    (3026, "GET", f"{T}/docs", {"output": ["id", "s"], "group_by": ["id"]}),
    (3027, "GET", "/variables/global/none", None),
    (3027, "GET", "/configs/none", None),
    (3028, "POST", "/configs", {"log_level": "loud"}),
    (3029, "SET", "/variables/global", {"query_count": 1}),
    (3030, *search(filter="nope(id) = 1")),
    (3032, "POST", f"{T}/columns", NEW),
    (3032, "POST", f"{T}/docs", [ROWS[0]] * 8193),
    (3009, *index("id", type="secondaryfunctional")),
    (3009, *index("1 + 1", type="secondaryfunctional")),
    (3009, *index("id + f", type="secondaryfunctional")),
    (3024, *index("lower(none)", type="secondaryfunctional")),
    (3030, *index("nope(s)", type="secondaryfunctional")),
    (3069, *index("lower(s", type="secondaryfunctional")),
    (3009, *index("lower(s)", type="secondaryfunctional", cardinality="some")),
    (3032, "PUT", f"{T}/indexes/near", {"optimize_options": {"lvq_avg": ""}}),
    (3033, "DELETE", D, {}),
    (3036, *search(filter="sqrt(id, 1) = 1")),
    (3037, "PUT", T, {"file_path": "a", "file_type": "parquet"}),
    (3037, "PUT", T, {"file_path": "a", "file_type": "csv", "delimiter": "||"}),
    (3037, "GET", f"{D}/table/t", {"file_path": "a", "file_type": "json"}),
    (3039, "GET", f"{D}/table/t", {"file_path": "a", "file_type": "fvecs"}),
    (3040, "POST", "/snapshots", {"db_name": "", "table_name": "t", "snapshot_name": "e"}),
    (3041, "POST", f"{T}/rename", {"new_table_name": ""}),
    (3042, *column(name="", type="int")),
    (3044, "POST", "/databases/" + "x" * 300, {}),
    (3045, "POST", f"{T}/rename", {"new_table_name": LONG}),
    (3046, *column(name=LONG, type="int")),
    (3048, "POST", f"{D}/tables/new", {"fields": []}),
    (3050, "GET", f"{T}/docs", {}),
    (3051, *column(name="a", type="hugeint")),
    (3052, *match(match_method="text", fields="s", matching_text="(x", topn=1)),
    (3055, *column(name="a", type="int", constraints=["sometimes"])),
    (3057, *row(v=[])),
    (3057, *dense(element_type="x")),
    (3057, *column(name="a", type="vector,2,int16")),
    (3060, *index("id", type="btree")),
    (3060, *index("id")),
    (3061, *index("v", type="hnsw")),
    (3061, *index("v", type="hnsw", metric="l2", zz="1")),
    (3061, *index("sp", type="bmp", block_size="257")),
    (3061, *index("t", type="emvb")),
    (3061, *index("t", type="plaid", nbits="3")),
    (3061, *index("v", type="diskann")),
    (3061, "PUT", f"{T}/indexes/near", {"optimize_options": {"zz": ""}}),
    (3063, "DELETE", f"{T}/docs", {"filter": "id ="}),
    (3067, "POST", f"{T}/docs", "{"),
    (3067, "POST", f"{T}/docs", []),
    (3067, "PUT", T, {}),
    (3068, "POST", f"{D}/tables/new", {"fields": NEW["fields"] * 2}),
    (3069, *search(unknown=1)),
    (3069, *search(filter="id =")),
    (3069, *dense(metric_type="x")),
    (3070, "GET", f"{T}/segments/7", None),
    (3072, "GET", f"{T}/segments/0/blocks/7", None),
    (3073, *dense(topn=0)),
    (3074, "POST", "/databases/new", {"create_option": "x"}),
    (3075, "DELETE", "/databases/new", {"drop_option": 1}),
    (3076, "POST", "/configs", {}),
    (3076, "POST", "/configs", {"log_level": "info", "cleanup_interval": 1}),
    (3076, "POST", "/configs", {"mem_index_capacity": 1}),
    (3076, "POST", "/configs", {"nothing": 1}),
    (3076, "POST", "/configs", {"cleanup_interval": -1}),
    (3077, *index("s", type="fulltext", analyzer="x")),
    (3079, *index("s", type="fulltext", analyzer="ngram-x")),
    (3081, "GET", f"{T}/meta", {**SEARCH, "explain_type": "x"}),
    (3082, "GET", f"{T}/indexes/ft/segment/0/chunk/7", None),
    (3084, "GET", "/instance/transactions/7", None),
    (3088, "GET", "/snapshots/none", None),
    (3092, *search(limit="1", option={"x": True})),
    (3099, "DELETE", f"{T}/columns", {"column_names": ["s"]}),
    (3100, "POST", "/snapshots",
     {"db_name": "default_db", "table_name": "t", "snapshot_name": "first"}),
    (5005, *search(filter="(" * 5000 + "id = 1" + ")" * 5000)),
    (7008, "PUT", T, {"file_path": "none.csv", "file_type": "csv"}),
    (7012, *column(name="a", type="vector,2")),
    (7012, *index("v", **IVF, centroids_num_ratio="x")),
    (7019, "GET", "/admin/node/none", None),
    (7026, "POST", "/admin/node/current", {"role": "king"}),
]
# Numbers of error.rs that other tests provoke, or that no request can.
ELSEWHERE = {
    2001: "test_keys",
    2002: "test_keys",
    3101: "test_infinity_snapshots.py",
    7002: "test_infinity_files.py",
    3043: "an index without a name is another path",
    3047: "no address is so long",
    4002: "two requests at one moment",
    5001: "a full disk",
    6001: "a query that is too slow",
    7005: "damaged files",
    7011: "an error inside the server",
    7024: "a store that does not answer",
}


@pytest.mark.parametrize(
    "case", ERRORS, ids=[f"{case[0]}-{at}" for at, case in enumerate(ERRORS)]
)
def test_every_error_number(server, case):
    code, method, path, body = case
    before = rows_of(server.ask("GET", f"{T}/docs", {"output": ["*"]}))
    answer = server.ask(method, path, body)
    assert answer["error_code"] == code, answer
    # What is refused changes nothing.
    assert rows_of(server.ask("GET", f"{T}/docs", {"output": ["*"]})) == before


def test_no_error_number_is_left_out():
    source = REPOSITORY / "crates/dialects/infinity/src/error.rs"
    known = {int(n) for n in re.findall(r"const [A-Z_]+: u32 = (\d+);", source.read_text())}
    assert known == {case[0] for case in ERRORS} | set(ELSEWHERE)


def test_not_null_is_refused(server):
    field = {"name": "a", "type": "int", "constraints": ["not null"]}
    assert server.ask("POST", f"{D}/tables/strict", {"fields": [field]})["error_code"] == 0
    assert server.ask("POST", f"{D}/tables/strict/docs", [{"a": None}])["error_code"] == 3055


def test_keys():
    keys = {"SKERRY_API_KEY": "full", "SKERRY_READ_ONLY_API_KEY": "read"}
    with InfinityServer(environment=keys) as server:
        def code(key, method="GET", path="/databases"):
            headers = {"api-key": key} if key else {}
            return server.ask(method, path, {}, headers=headers)["error_code"]

        assert code(None) == code("wrong") == 2001
        assert code("read") == code("full") == 0
        assert code("read", "POST", "/databases/x") == 2002
        assert code("full", "POST", "/databases/x") == 0


def test_explanations_tell_what_is_done(server):
    def explained(kind, **body):
        answer = server.ask("GET", f"{T}/meta", {"output": ["id"], **body, "explain_type": kind})
        assert answer["error_code"] == 0, answer
        titles = {title for line in answer["output"] for title in line}
        assert len(titles) == 1
        return "\n".join(line for each in answer["output"] for line in each.values())

    near = {
        "match_method": "dense", "fields": "v", "query_vector": [0, 1], "element_type": "float",
        "metric_type": "l2", "topn": 3, "params": {"ef": "77"},
    }
    for kind in ["ast", "unopt", "opt", "physical", "pipeline", "fragment", "analyze"]:
        text = explained(kind, filter="id > 1", limit="2")
        assert "id > 1" in text and "default_db.t" in text and "limit: 2" in text, text
    text = explained("physical", search=[near])
    assert "graph" in text and "ef: 77" in text, text
    text = explained("physical", search=[{**near, "params": {"ignore_index": "true"}}])
    assert "every row is compared" in text and "graph" not in text, text
    assert "every row" in explained("physical", search=[{**near, "metric_type": "cosine"}])
    assert "every row is tried" in explained("physical", filter="f > 1")
    assert "indexes of: s" in explained("physical", filter="filter_text('s', 'fox')")
    assert "rows: 3" in explained("analyze", search=[near])


def hang_up(server):
    """A connection that speaks no HTTP, which the server tells at its level `debug`."""
    with socket.create_connection(("127.0.0.1", server.port)) as stranger:
        stranger.sendall(b"what is this\r\n\r\n")
        stranger.recv(1000)


def test_the_level_of_the_log_acts():
    def told(server):
        time.sleep(0.3)
        return server.log_path.read_text().count("ended early")

    with InfinityServer() as server:
        assert server.ask("GET", "/configs/log_level")["log_level"] == "info"
        hang_up(server)
        assert told(server) == 0
        assert server.ask("POST", "/configs", {"log_level": "debug"})["error_code"] == 0
        assert server.ask("GET", "/configs")["log_level"] == "debug"
        hang_up(server)
        assert told(server) == 1
        assert server.ask("POST", "/configs", {"log_level": "critical"})["error_code"] == 0
        assert server.ask("GET", "/configs/log_level")["log_level"] == "critical"
        hang_up(server)
        before = told(server)
        assert before == 1
        server.stop()
        assert "closed" not in server.log_path.read_text()
        # A change holds until the server ends.
        server.start()
        assert server.ask("GET", "/configs/log_level")["log_level"] == "info"


def test_encodings_are_shown(server):
    outputs = ["fde(t, 8)", "fde(v, 8) as short", "FDE([[1, 0], [1, 0]], 8)", "fde([1, 0], 8)"]
    body = {"output": ["t", *outputs], "filter": "id = 1"}
    (row,) = rows_of(server.ask("GET", f"{T}/docs", body))
    assert row["t"] == "[[1,0]]"
    values = list(row.values())[1:]
    lists = [[float(x) for x in text.strip("[]").split(",")] for text in values]
    assert [len(one) for one in lists] == [8, 8, 8]
    # Equal rows are averaged, so that one is encoded as two are.
    assert list(row)[1:3] == ["fde(t, 8)", "short"]
    assert lists[0] == lists[2]
    assert values[0] == values[2]
