"""Infinity's own HTTP client against this server, through a restart."""

import pytest
import requests
from infinity import infinity_http as http
from infinity.common import ConflictType, InfinityException, SortType, SparseVector
from infinity.index import IndexInfo, IndexType

from skerry_server import Server


@pytest.fixture(scope="module")
def running():
    """A server whose one port has every interface behind its name."""
    with Server(one_port=True) as server:
        yield server


def connect(server):
    return http.infinity_http(net=http.http_network_util(f"{server.url}/infinity/"))


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
    table.add_columns({"extra": {"type": "varchar", "default": "here"}})
    assert values(table.output(["extra"]).limit(1).to_df(), "extra") == ["here"]
    table.drop_columns(["extra"])
    assert "extra" not in table.show_columns_type()

    running.restart()
    client = connect(running)
    table = client.get_database("shop").get_table("goods")
    check(table)
    assert len(table.show_segments()) == 1
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
