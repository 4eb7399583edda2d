"""Infinity's own HTTP client against this server, through a restart, and beside its engine."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from infinity import infinity_http as http
from infinity.common import FDE, ConflictType, InfinityException, SortType, SparseVector
from infinity.index import IndexInfo, IndexType
from infinity.table import ExplainType

import infinity_cases
from infinity_server import InfinityServer, rows_of

HERE = Path(__file__).resolve().parent
ENGINE_SECONDS_MAX = 120


@pytest.fixture(scope="module")
def running():
    """A server whose one port has every interface behind its name."""
    with InfinityServer() as server:
        yield server


def connect(server):
    return http.infinity_http(net=http.http_network_util(f"{server.infinity_url}/"))


def code_of(call, *arguments, **options):
    with pytest.raises(InfinityException) as raised:
        call(*arguments, **options)
    return int(raised.value.error_code)


COLUMNS = {
    "id": {"type": "integer"},
    "title": {"type": "varchar", "comment": "what it is called"},
    "price": {"type": "float", "default": 1.5},
    "day": {"type": "date", "default": "2024-01-01"},
    "sold": {"type": "bool", "default": False},
    "v": {"type": "vector,2,float"},
    "s": {"type": "sparse,100,float,int", "default": {"1": 1.0}},
    "t": {"type": "tensor,2,float", "default": [[1.0, 0.0]]},
}
TITLES = [
    "the quick brown fox",
    "quick quick dog jumps over",
    "lazy dogs sleep all day long in the sun",
    "brown bears and foxes running",
    "fox fox fox",
]


def rows():
    return [
        {
            "id": at,
            "title": title,
            "price": at * 1.5,
            "day": f"2024-03-0{at + 1}",
            "sold": at % 2 == 0,
            "v": [float(at), float(at + 1)],
            "s": SparseVector([at, at + 10], [1.0, 0.5]),
            "t": [[float(at), 0.0], [0.0, 1.0]],
        }
        for at, title in enumerate(TITLES)
    ]


def values(frame, column):
    return list(frame[0][column])


def check(table):
    """What holds of the filled table, before a restart and after."""
    frame = table.output(["id", "title", "_row_id"]).to_df()
    assert values(frame, "id") == [0, 1, 2, 3, 4]
    assert values(frame, "title") == TITLES
    assert len(set(values(frame, "ROW_ID"))) == 5

    def near(metric):
        score = "_distance" if metric == "l2" else "_similarity"
        found = table.output(["id", score]).match_dense("v", [0.0, 1.0], "float", metric, 3)
        return found.to_df()

    found = near("l2")
    assert values(found, "id") == [0, 1, 2]
    assert values(found, "DISTANCE") == [0.0, 2.0, 8.0]
    found = near("ip")
    assert values(found, "id") == [4, 3, 2]
    assert values(found, "SIMILARITY") == [5.0, 4.0, 3.0]
    found = near("cosine")
    assert values(found, "id")[0] == 0
    # The scores are those of Infinity 0.5.2 for the same texts.
    for query, expected in [
        ("quick", {1: 1.225308, 0: 1.034111}),
        ("fox", {4: 0.955802, 0: 0.636667, 3: 0.488987}),
        ("fox quick", {0: 1.670778, 1: 1.225308, 4: 0.955802, 3: 0.488987}),
        ("fox AND brown", {0: 1.670778, 3: 1.283226}),
        ('"quick brown"', {0: 1.034111}),
        ("run", {3: 1.257669}),
        ("quick^2 fox", {0: 2.704889, 1: 2.450616, 4: 0.955802, 3: 0.488987}),
    ]:
        found = table.output(["id", "_score"]).match_text("title", query, 10).to_df()
        assert values(found, "id") == list(expected), query
        for score, wanted in zip(values(found, "SCORE"), expected.values(), strict=True):
            assert score == pytest.approx(wanted, abs=2e-6), query
    fused = table.output(["id", "_score"]).match_dense("v", [0.0, 1.0], "float", "l2", 3)
    fused = fused.match_text("title", "fox", 10)
    found = fused.fusion("rrf", 10).to_df()
    assert values(found, "id")[:3] == [0, 4, 1]
    assert values(found, "SCORE")[0] == pytest.approx(1 / 61 + 1 / 62, abs=1e-6)
    sparse = table.output(["id", "_similarity"])
    sparse = sparse.match_sparse("s", SparseVector([2, 12], [1.0, 2.0]), "ip", 1)
    assert values(sparse.to_df(), "SIMILARITY") == [2.0]
    tensor = table.output(["id", "_score"]).match_tensor("t", [[1.0, 0.0], [0.0, 1.0]], "float", 2)
    assert values(tensor.to_df(), "SCORE") == [5.0, 4.0]


def moved(server, database, table):
    """Rows that leave as a file and come back into another table."""
    for kind in ("csv", "jsonl"):
        options = {"file_type": kind, "header": True}
        table.export_data(f"goods.{kind}", options)
        assert code_of(table.export_data, f"goods.{kind}", options) == 7002
        other = database.create_table("copy", COLUMNS)
        other.import_data(f"goods.{kind}", options)
        everything = ["id", "title", "price", "day", "sold", "v", "s", "t"]
        frames = [one.output(everything).to_df()[0] for one in (table, other)]
        assert frames[0].equals(frames[1]), kind
        database.drop_table("copy")
    assert code_of(table.import_data, "none.csv", {}) == 7008
    assert code_of(table.import_data, "goods.csv", {"file_type": "xml"}) == 3037
    table.export_data("near.fvecs", {"file_type": "fvecs"}, ["v"])
    vectors = database.create_table("vectors", {"v": COLUMNS["v"]})
    vectors.import_data("near.fvecs", {"file_type": "fvecs"})
    assert len(vectors.output(["v"]).to_df()[0]) == len(TITLES)
    database.drop_table("vectors")
    assert (server.files / "near.fvecs").stat().st_size == len(TITLES) * 12


def served(client, table):
    """Explanations, indexes of other kinds, and what the server tells of itself."""
    for kind in ExplainType:
        near = table.output(["id"]).filter("id > 1")
        assert "shop.goods" in near.explain(kind)
    table.compact()
    table.optimize()
    table.dump_index("near")
    table.alter_index("near", {"compress_to_lvq": ""})
    assert code_of(table.alter_index, "near", {"wrong": ""}) == 3061
    lists = {"metric": "l2", "centroids_num_ratio": "1.0"}
    table.create_index("lists", IndexInfo("v", IndexType.IVF, lists))
    near = table.output(["id"]).match_dense("v", [0.0, 1.0], "float", "l2", 2, {"nprobe": "4"})
    assert values(near.to_df(), "id") == [0, 1]
    table.drop_index("lists")
    late = {"pq_subspace_num": "2", "pq_subspace_bits": "8"}
    table.create_index("late", IndexInfo("t", IndexType.EMVB, late))
    table.drop_index("late")
    database = client.get_database("shop")
    assert code_of(table.rename, "goods") == 3017
    table.rename("wares")
    assert database.list_tables().table_names == ["wares"]
    assert code_of(database.get_table, "goods") == 3022
    wares = database.get_table("wares")
    assert len(wares.output(["id"]).to_df()[0]) == len(TITLES)
    wares.rename("goods")
    assert client.show_current_node().node_role == "standalone"
    assert client.show_node("standalone").node_status == "alive"
    assert len(client.show_nodes().nodes) == 1
    client.set_role_standalone("standalone")
    assert code_of(client.set_role_admin) == 3032
    assert int(client.show_global_variable("query_count")["query_count"]) > 0
    assert client.show_admin_variables().data == "standalone"
    assert client.show_config("time_zone").config_value == "UTC"
    assert code_of(client.set_config, "version", "2") == 3076
    client.create_database("store")
    client.get_database("store").create_table("shelf", {"n": {"type": "int"}})
    client.create_database_snapshot("store", "all")
    assert code_of(client.restore_database_snapshot, "all") == 3016
    client.drop_database("store")
    client.restore_database_snapshot("all")
    assert client.get_database("store").list_tables().table_names == ["shelf"]
    client.drop_database("store")
    client.drop_snapshot("all")


def test_a_session_of_the_client_through_a_restart(running):
    client = connect(running)
    assert client.list_databases().db_names == ["default_db"]
    client.create_database("shop", ConflictType.Error)
    assert code_of(client.create_database, "shop", ConflictType.Error) == 3016
    client.create_database("shop", ConflictType.Ignore)
    assert client.show_database("shop").database_name == "shop"
    assert code_of(client.create_database, "1shop") == 3003
    database = client.get_database("shop")
    assert code_of(database.create_table, "goods", {}) == 3048
    table = database.create_table("goods", COLUMNS)
    assert code_of(database.create_table, "goods", COLUMNS) == 3017
    assert database.list_tables().table_names == ["goods"]
    assert database.show_table("goods").column_count == len(COLUMNS)
    types_shown = table.show_columns_type()
    assert types_shown["v"] == "Embedding(float,2)"
    assert types_shown["s"] == "Sparse(float,int32,100)"
    assert types_shown["id"] == "Integer"
    table.insert(rows())
    for name, column, kind, parameters in [
        ("words", "title", IndexType.FullText, {"analyzer": "standard"}),
        ("near", "v", IndexType.Hnsw, {"m": "16", "ef_construction": "50", "metric": "l2"}),
        ("few", "s", IndexType.BMP, {"block_size": "16", "compress_type": "raw"}),
        ("by_id", "id", IndexType.Secondary, {}),
    ]:
        table.create_index(name, IndexInfo(column, kind, parameters))
    assert sorted(table.list_indexes().index_names) == ["by_id", "few", "near", "words"]
    again = IndexInfo("id", IndexType.Secondary, {})
    assert code_of(table.create_index, "by_id", again) == 3018
    assert code_of(table.drop_index, "none") == 3023
    assert code_of(table.create_index, "x", IndexInfo("none", IndexType.Secondary, {})) == 3024
    assert table.show_index("near").index_type == "HNSW"
    check(table)

    for condition, expected in [
        ("id > 2", [3, 4]),
        ("id between 1 and 3 and not sold", [1, 3]),
        ("title like '%fox%'", [0, 3, 4]),
        ("id in (1, 4) or price = 3", [1, 2, 4]),
        ("id % 2 = 0 and price + 1 > 2", [2, 4]),
        ("day >= '2024-03-04'", [3, 4]),
        ("filter_text('title', 'fox')", [0, 3, 4]),
        ("filter_text('title', 'dog') and id < 2", [1]),
        ("char_length(title) = 11", [4]),
    ]:
        assert values(table.output(["id"]).filter(condition).to_df(), "id") == expected, condition
    computed = table.output(["id + 1", "sqrt(id)"]).to_df()
    assert values(computed, "(id + 1)") == [1, 2, 3, 4, 5]
    assert values(computed, "sqrt(id)")[4] == pytest.approx(2.0)
    whole = table.output(["max(id)", "count(*)", "avg(price)", "sum(id)"]).to_df()
    assert [values(whole, name)[0] for name in ("max(id)", "count(star)", "sum(id)")] == [4, 5, 10]
    groups = table.output(["sold", "count(*)"]).group_by(["sold"]).to_df()
    assert values(groups, "count(star)") == [3, 2]
    ordered = table.output(["id"]).sort([["price", SortType.Desc]]).limit(2).offset(1).to_df()
    assert values(ordered, "id") == [3, 2]
    counted = table.output(["id"]).filter("id > 0").limit(1).option({"total_hits_count": True})
    assert counted.to_df()[1] == {"total_hits_count": 4}
    marked = table.output(["title"]).highlight(["title"]).match_text("title", "running", 1)
    assert values(marked.to_df(), "title") == ["brown bears and foxes <em>running</em>"]

    table.update("id = 2", {"price": 9.25})
    assert values(table.output(["price"]).filter("id = 2").to_df(), "price") == [9.25]
    table.insert([{"id": 9, "title": "gone", "v": [0.0, 0.0]}])
    assert table.delete("id = 9").deleted_rows == 1
    assert code_of(table.delete, "id =") == 3063
    assert code_of(table.delete, "none = 1") == 3024
    moved(running, database, table)
    table.add_columns({"extra": {"type": "varchar", "default": "here"}})
    assert values(table.output(["extra"]).limit(1).to_df(), "extra") == ["here"]
    table.drop_columns(["extra"])
    assert "extra" not in table.show_columns_type()

    database.create_table_snapshot("before", "goods")
    assert code_of(database.create_table_snapshot, "before", "goods") == 3100

    running.restart()
    client = connect(running)
    table = client.get_database("shop").get_table("goods")
    check(table)
    served(client, table)
    assert len(table.show_segments()) == 1
    assert len(table.show_blocks(0)) == 1
    assert [one.name for one in client.list_snapshots().snapshots] == ["before"]
    client.get_database("shop").drop_table("goods")
    client.get_database("shop").restore_table_snapshot("before")
    table = client.get_database("shop").get_table("goods")
    check(table)
    client.drop_snapshot("before")
    table.drop_index("by_id")
    client.get_database("shop").drop_table("goods", ConflictType.Error)
    assert code_of(client.get_database("shop").drop_table, "goods", ConflictType.Error) == 3022
    client.drop_database("shop")
    assert code_of(client.drop_database, "default_db") == 3033
    assert client.list_databases().db_names == ["default_db"]


def test_both_generations_read_errors_and_lists(running):
    url = f"{running.url}/infinity"
    failed = requests.get(f"{url}/databases/none").json()
    assert failed["error_code"] == 3021
    assert failed["error_message"] == failed["error_msg"]
    listed = requests.get(f"{url}/databases/default_db/tables").json()
    assert listed["tables"] == listed["table_names"]
    assert requests.get(f"{url}/nothing/here").status_code == 404


def test_a_browser_searches_by_post(running):
    url = f"{running.url}/infinity/databases/default_db/tables/posted"
    fields = [{"name": "a", "type": "int"}, {"name": "v", "type": "vector,2,float"}]
    assert requests.post(url, json={"fields": fields}).json() == {"error_code": 0}
    inserted = requests.post(f"{url}/docs", json=[{"a": 1, "v": [1, 1.2]}, {"a": 2, "v": [0, 1]}])
    assert inserted.json()["error_code"] == 0
    body = {"output": ["a", "v"], "filter": "a = 1"}
    found = requests.post(f"{url}/docs/search", json=body).json()
    assert found["output"] == [[{"a": 1}, {"v": "[1,1.2]"}]]
    assert found == requests.get(f"{url}/docs", json=body).json()
    assert "output" not in requests.get(f"{url}/docs", json={**body, "filter": "a = 7"}).json()
    for body, code in [
        ({}, 3050),
        ({"output": ["a"], "wrong": 1}, 3069),
        ({"output": ["none"]}, 3013),
        ({"output": ["a"], "filter": "none = 1"}, 3024),
        ({"output": ["a"], "filter": "a ="}, 3069),
        ({"output": ["a"], "filter": "nope(a) = 1"}, 3030),
        ({"output": ["_score"]}, 3013),
    ]:
        assert requests.get(f"{url}/docs", json=body).json()["error_code"] == code, body
    assert requests.delete(url).json() == {"error_code": 0}


# Where the engine of 0.5.2 answers otherwise, and why.
DIFFERENCES = {
    "insert unknown column": "3013 since 0.6, as its source says",
    "index v Hnsw {'metric': 'l2', 'm': '0'}": "a graph needs links",
    "index sp BMP {'compress_type': 'raw'}": "0.5.2 does not know the name yet",
    "index b Secondary {}": "truth values have an index here",
    "output ['year(d)', 'month(d)', 'day(d)']": "functions that came later",
    "output ['reverse(s)', 'md5(s)']": "functions that came later",
    "output ['_row_id']": "ids of ours are no segment and offset",
    "filter s like '%fox%'": "the client of 0.5.2 cannot say it",
    "filter s like 'quick%'": "the client of 0.5.2 cannot say it",
    "filter s not like '%fox%'": "the client of 0.5.2 cannot say it",
    "sparse all": "rows that share nothing with the query are not found",
    "text {'bm25_param_b': '0'}": "0.5.2 knows no parameters of BM25",
    "text {'bm25_param_b': '2'}": "0.5.2 knows no parameters of BM25",
    "fusion weighted_sum {'weights': '0.7,0.3'}": "scaled by least and most since 0.6",
}


@pytest.fixture(scope="module")
def engine():
    """What the cases come to in Infinity's own engine."""
    with tempfile.TemporaryDirectory(prefix="infinity-engine-") as folder:
        home = Path(folder) / "home"
        with open(Path(folder) / "log", "w+") as log:
            line = [sys.executable, str(HERE / "infinity_engine.py"), str(home)]
            subprocess.run(line, stdout=log, stderr=log, timeout=ENGINE_SECONDS_MAX, check=False)
            log.seek(0)
            assert (home / "found.json").exists(), log.read()[-4000:]
        return json.loads((home / "found.json").read_text())


def same(ours, theirs):
    """Whether two results are the same, up to the last digits of scores."""
    if isinstance(ours, int) or isinstance(theirs, int):
        return ours == theirs
    filled = [{k: list(v) for k, v in each.items() if len(v)} for each in (ours, theirs)]
    if filled[0].keys() != filled[1].keys():
        return False
    return all(alike(list(filled[0][key]), filled[1][key]) for key in filled[0])


def alike(ours, theirs):
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(alike, ours, theirs))
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(alike(ours[k], theirs[k]) for k in ours)
    if isinstance(ours, float) or isinstance(theirs, float):
        return ours == pytest.approx(theirs, rel=1e-5, abs=1e-6)
    return ours == theirs


def test_the_engine_says_the_same(running, engine):
    client = connect(running)
    client.create_database("beside")
    kit = SimpleNamespace(
        ConflictType=ConflictType,
        IndexInfo=IndexInfo,
        IndexType=IndexType,
        SortType=SortType,
        SparseVector=SparseVector,
    )
    ours = infinity_cases.run(client.get_database("beside"), kit, InfinityException)
    client.drop_database("beside")
    assert len(engine) >= 140, sorted(engine)
    assert set(engine) <= set(ours)
    wrong = {
        name: (ours[name], found)
        for name, found in engine.items()
        if same(ours[name], found) == (name in DIFFERENCES)
    }
    assert not wrong, "\n".join(f"{name}: {each}" for name, each in wrong.items())
    assert set(DIFFERENCES) <= set(engine)


def test_the_client_changes_settings(running):
    db = connect(running)
    for name, value in [("log_level", "debug"), ("cleanup_interval", 70)]:
        before = db.show_config(name).config_value
        assert db.set_config(name, value).error_code == 0
        assert db.show_config(name).config_value == value
        assert db.set_config(name, before).error_code == 0
        assert db.show_config(name).config_value == before
    assert code_of(db.set_config, "log_level", 1) == 3010
    assert code_of(db.set_config, "mem_index_capacity", 1000) == 3076


def test_the_client_inserts_encodings_of_tensors(running):
    client = connect(running)
    client.create_database("encoded", ConflictType.Ignore)
    db = client.get_database("encoded")
    fields = {"id": {"type": "int"}, "v": {"type": "vector,64,float"}}
    table = db.create_table("t", fields, ConflictType.Replace)
    tensors = [[[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]], [[-1.0, 0.0, 0.0]], [[0.0, -1.0, 1.0]] * 5]
    rows = [{"id": at, "v": FDE(tensor, 64)} for at, tensor in enumerate(tensors)]
    assert table.insert(rows).error_code == 0
    assert code_of(table.insert, [{"id": 9, "v": FDE(tensors[0], 32)}]) == 3010
    path = "/databases/encoded/tables/t/docs"
    for metric in ["ip", "cosine", "l2"]:
        for wanted, tensor in enumerate(tensors):
            match = {
                "match_method": "dense", "fields": "v", "element_type": "float", "topn": 3,
                "metric_type": metric, "fde": {"tensor_data": tensor, "target_dimension": 64},
            }
            found = rows_of(running.ask("GET", path, {"output": ["id"], "search": [match]}))
            assert found[0] == {"id": wanted}, (metric, wanted, found)
    client.drop_database("encoded")


FEATURES = [
    # What Infinity's own tests expect of its current version.
    ('[{"Tag1":1},{"Tag2":2}]', 5.267063),
    ('[{"Tag1":2},{"Tag2":1}]', 4.267063),
    ('[{"Tag2":3},{"Tag3":4}]', 6.267063),
]


def test_the_client_adds_rank_features(running):
    client = connect(running)
    client.create_database("ranked", ConflictType.Ignore)
    db = client.get_database("ranked")
    fields = {name: {"type": "varchar"} for name in ["id", "content", "tag"]}
    table = db.create_table("t", fields, ConflictType.Replace)
    rows = [
        {"id": str(at), "content": "hello world", "tag": tag}
        for at, (tag, _) in enumerate(FEATURES)
    ]
    table.insert(rows)
    for name, column, parameters in [
        ("words", "content", {}),
        ("tags", "tag", {"analyzer": "rankfeatures"}),
    ]:
        table.create_index(name, IndexInfo(column, IndexType.FullText, parameters))
    found, _ = table.output(["id", "_score"]).match_text("content", "hello world", 10).to_df()
    assert len(set(found["SCORE"])) == 1
    wanted = {"rank_features": "tag^Tag1^1.0,tag^Tag2^2.0"}
    search = table.output(["id", "_score"]).match_text("content", "hello world", 10, wanted)
    found, _ = search.to_df()
    scores = dict(zip(found["id"], found["SCORE"], strict=True))
    assert scores == {
        str(at): pytest.approx(score, abs=1e-6) for at, (_, score) in enumerate(FEATURES)
    }
    # A row that has a feature is found without a word, if the filter lets it.
    table.insert([{"id": "3", "content": "bye", "tag": '[{"Tag1":0.8}]'}])
    search = table.output(["id", "_score"]).match_text("content", "hello", 10, wanted)
    found, _ = search.filter("id <> '0'").to_df()
    scores = dict(zip(found["id"], found["SCORE"], strict=True))
    assert set(scores) == {"1", "2", "3"}
    assert scores["3"] == pytest.approx(0.8, abs=4e-4)
    client.drop_database("ranked")


def test_the_client_indexes_functions(running):
    client = connect(running)
    client.create_database("functional", ConflictType.Ignore)
    db = client.get_database("functional")
    table = db.create_table("t", {"name": {"type": "varchar"}}, ConflictType.Replace)
    table.insert([{"name": name} for name in ["Ann", "ann", "Bob"]])
    ask = lambda: table.output(["name"]).filter("lower(name) = 'ann'").to_df()[0]["name"].tolist()
    before = ask()
    assert sorted(before) == ["Ann", "ann"]
    table.create_index("f", IndexInfo("LOWER(name)", IndexType.SecondaryFunctional))
    assert ask() == before
    shown = table.show_index("f")
    assert shown.index_type == "SECONDARYFUNCTIONAL"
    path = "/databases/functional/tables/t"
    shown = running.ask("GET", f"{path}/indexes/f")
    assert shown["function_info"] == "lower(name)"
    assert shown["index_column_names"] == "name"
    assert shown["other_parameters"] == "cardinality = high"
    listed = running.ask("GET", f"{path}/indexes")["indexes"]
    assert listed == [
        {"index_name": "f", "index_type": "SECONDARYFUNCTIONAL", "columns": "name"}
    ]
    running.restart()
    assert connect(running).get_database("functional").get_table("t").show_index("f")
    refused = running.ask("DELETE", f"{path}/columns", {"column_names": ["name"]})
    assert refused["error_code"] == 3099
    table = connect(running).get_database("functional").get_table("t")
    assert table.drop_index("f").error_code == 0
    assert running.ask("GET", f"{path}/indexes")["indexes"] == []
    connect(running).drop_database("functional")
