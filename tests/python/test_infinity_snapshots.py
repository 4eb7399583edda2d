"""Snapshots of Infinity: kept, listed, brought back, let go, through a restart."""

import pytest
import requests

from infinity_server import InfinityServer, rows_of

D = "/databases/default_db"
FIELDS = [
    {"name": "id", "type": "int"},
    {"name": "s", "type": "varchar"},
    {"name": "v", "type": "vector,2,float"},
]


@pytest.fixture
def server():
    """A server with a database of its own."""
    with InfinityServer() as running:
        yield running


def fill(server, path, count):
    assert server.ask("POST", path, {"fields": FIELDS})["error_code"] == 0
    rows = [{"id": n, "s": f"row {n}", "v": [n, 1]} for n in range(count)]
    assert server.ask("POST", f"{path}/docs", rows)["error_code"] == 0


def ids(server, path):
    return [row["id"] for row in rows_of(server.ask("GET", f"{path}/docs", {"output": ["id"]}))]


def code(server, method, path, **body):
    return server.ask(method, path, body)["error_code"]


def test_a_table_comes_back(server):
    path = f"{D}/tables/t"
    fill(server, path, 3)
    index = {"fields": ["v"], "index": {"type": "hnsw", "metric": "l2"}}
    assert server.ask("POST", f"{path}/indexes/near", index)["error_code"] == 0
    named = {"db_name": "default_db", "table_name": "t", "snapshot_name": "one"}
    assert code(server, "POST", "/snapshots", **named) == 0
    assert code(server, "POST", "/snapshots", **named) == 3100
    assert code(server, "POST", "/snapshots", **{**named, "table_name": "none"}) == 3022
    assert code(server, "POST", "/snapshots", **{**named, "snapshot_name": "a b"}) == 3003
    kept = server.ask("GET", "/snapshots")["snapshots"]
    assert [(one["name"], one["scope"]) for one in kept] == [("one", "table")]
    assert isinstance(kept[0]["commit"], int) and kept[0]["size"].endswith("B")
    assert server.ask("GET", "/snapshots/one")["snapshot"] == kept[0]

    assert code(server, "DELETE", f"{path}/docs", filter="id > 0") == 0
    assert code(server, "POST", "/snapshots/restore", snapshot_name="one") == 3017
    assert ids(server, path) == [0]
    assert code(server, "DELETE", path) == 0
    # It outlives its table, and a restart.
    server.restart()
    assert server.ask("GET", "/snapshots")["snapshots"] == kept
    assert code(server, "POST", "/snapshots/restore", snapshot_name="one") == 0
    assert ids(server, path) == [0, 1, 2]
    assert server.ask("GET", f"{path}/indexes")["indexes"][0]["index_name"] == "near"
    fresh = [{"id": 9, "s": "new", "v": [0, 0]}]
    assert server.ask("POST", f"{path}/docs", fresh)["error_code"] == 0
    assert ids(server, path) == [0, 1, 2, 9]

    assert code(server, "DELETE", "/snapshots/one") == 0
    assert code(server, "DELETE", "/snapshots/one") == 3088
    assert code(server, "POST", "/snapshots/restore", snapshot_name="one") == 3088
    assert server.ask("GET", "/snapshots")["snapshots"] == []
    assert server.request("GET", "/qdrant/collections/t/snapshots").json()["result"] == []


def test_a_snapshot_of_a_table_that_is_gone_is_let_go(server):
    path = f"{D}/tables/t"
    fill(server, path, 1)
    named = {"db_name": "default_db", "table_name": "t", "snapshot_name": "one"}
    assert code(server, "POST", "/snapshots", **named) == 0
    assert code(server, "DELETE", path) == 0
    assert code(server, "DELETE", "/snapshots/one") == 0
    assert server.ask("GET", f"{D}/tables")["tables"] == []
    assert server.ask("GET", "/snapshots")["snapshots"] == []


def test_a_snapshot_that_another_interface_let_go(server):
    path = f"{D}/tables/t"
    fill(server, path, 1)
    named = {"db_name": "default_db", "table_name": "t", "snapshot_name": "one"}
    assert code(server, "POST", "/snapshots", **named) == 0
    url = f"{server.url}/qdrant/collections/t/snapshots"
    [kept] = requests.get(url).json()["result"]
    assert requests.delete(f"{url}/{kept['name']}").status_code == 200
    assert code(server, "DELETE", path) == 0
    assert code(server, "POST", "/snapshots/restore", snapshot_name="one") == 3101
    assert server.ask("GET", f"{D}/tables")["tables"] == []
    assert code(server, "DELETE", "/snapshots/one") == 0


def test_snapshots_of_tables_end_with_their_database(server):
    assert code(server, "POST", "/databases/d") == 0
    fill(server, "/databases/d/tables/t", 1)
    named = {"db_name": "d", "table_name": "t", "snapshot_name": "one"}
    assert code(server, "POST", "/snapshots", **named) == 0
    assert code(server, "DELETE", "/databases/d") == 0
    assert server.ask("GET", "/snapshots")["snapshots"] == []


def test_a_database_comes_back(server):
    assert code(server, "POST", "/databases/d") == 0
    for table, count in [("t", 3), ("u", 1)]:
        fill(server, f"/databases/d/tables/{table}", count)
    named = {"db_name": "d", "snapshot_name": "all"}
    assert code(server, "POST", "/snapshots/database", **{**named, "db_name": "none"}) == 3021
    assert code(server, "POST", "/snapshots/database", **named) == 0
    assert code(server, "POST", "/snapshots/database", **named) == 3100
    [kept] = server.ask("GET", "/snapshots")["snapshots"]
    assert (kept["name"], kept["scope"]) == ("all", "database")
    assert code(server, "POST", "/snapshots/database/restore", snapshot_name="all") == 3016
    assert code(server, "POST", "/snapshots/restore", snapshot_name="all") == 3088
    assert code(server, "DELETE", "/databases/d/tables/u") == 0
    assert code(server, "DELETE", "/databases/d") == 0
    # It outlives its database, and a restart.
    server.restart()
    assert code(server, "POST", "/snapshots/database/restore", snapshot_name="all") == 0
    assert sorted(server.ask("GET", "/databases/d/tables")["tables"]) == ["t", "u"]
    assert ids(server, "/databases/d/tables/t") == [0, 1, 2]
    # Let go while its database is away: nothing is left of it.
    assert code(server, "DELETE", "/databases/d") == 0
    assert code(server, "DELETE", "/snapshots/all") == 0
    assert code(server, "POST", "/snapshots/database/restore", snapshot_name="all") == 3088
    assert server.ask("GET", "/databases")["databases"] == ["default_db"]


def test_everything_comes_back_as_it_was(server):
    assert code(server, "POST", "/databases/d") == 0
    fill(server, "/databases/d/tables/t", 2)
    fill(server, f"{D}/tables/t", 3)
    assert code(server, "POST", "/snapshots/system", snapshot_name="all") == 0
    [kept] = server.ask("GET", "/snapshots")["snapshots"]
    assert (kept["name"], kept["scope"]) == ("all", "system")
    # A database and rows are gone, a table and a database have come.
    assert code(server, "DELETE", "/databases/d") == 0
    assert code(server, "DELETE", f"{D}/tables/t/docs", filter="id > 0") == 0
    fill(server, f"{D}/tables/u", 1)
    assert code(server, "POST", "/databases/later") == 0
    fill(server, "/databases/later/tables/t", 1)
    assert code(server, "POST", "/snapshots/system/restore", snapshot_name="all") == 0
    assert server.ask("GET", "/databases")["databases"] == ["default_db", "d"]
    assert server.ask("GET", f"{D}/tables")["tables"] == ["t"]
    assert ids(server, f"{D}/tables/t") == [0, 1, 2]
    assert code(server, "POST", "/snapshots/system/restore", snapshot_name="all") == 0
    assert ids(server, "/databases/d/tables/t") == [0, 1]
    assert ids(server, f"{D}/tables/t") == [0, 1, 2]
    assert code(server, "DELETE", "/snapshots/all") == 0
    assert server.ask("GET", "/snapshots")["snapshots"] == []
