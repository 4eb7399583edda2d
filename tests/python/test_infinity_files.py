"""Infinity's tables as files: exported, imported, refused."""

import itertools
import struct

import pytest
import requests

from infinity_server import D, InfinityServer, fill, rows_of
from skerry_server import Server

NEW = {"fields": [{"name": "a", "type": "int"}]}


@pytest.fixture(scope="module")
def server():
    """A server with a directory for files."""
    with InfinityServer() as running:
        yield running


def test_exported_files(server):
    fill(server, "e")

    def run(path, **body):
        answer = server.ask("POST", f"{D}/table/e", {"file_path": path, **body})
        return answer["error_code"]

    def text(path):
        return (server.files / path).read_text()

    columns = ["id", "s"]
    assert run("a/b.csv", file_type="csv", header=True, columns=columns) == 0
    assert text("a/b.csv") == (
        'id,s\n0,quick fox\n1,"a ""b"", c"\n2,"two\nlines"\n3,fox\n4,x\n'
    )
    assert run("a/b.csv", file_type="csv") == 7002
    assert text("a/b.csv").startswith("id,s\n0,")
    assert run("c.csv", file_type="csv", delimiter="|", columns=["id", "b", "f"]) == 0
    assert text("c.csv").splitlines()[1] == "1|false|1.1"
    assert run("p.csv", file_type="csv", columns=["id"], offset=1, limit="3", row_limit=2) == 0
    assert [text("p.csv"), text("p.csv.part1")] == ["1\n2\n", "3\n"]
    assert run("v.csv", file_type="csv", columns=["v", "sp", "t"], limit=1) == 0
    assert text("v.csv") == '"[0,0.25]","[1:1.000000]","[[1,0]]"\n'
    assert run("d.jsonl", file_type="jsonl", columns=["id", "v", "sp", "b"], limit=1) == 0
    assert text("d.jsonl") == '{"b":true,"id":0,"sp":{"1":1.0},"v":[0.0,0.25]}\n'
    assert run("f.fvecs", file_type="fvecs", columns=["v"]) == 0
    rows = [(2, float(at), at + 0.25) for at in range(5)]
    expected = b"".join(struct.pack("<iff", *row) for row in rows)
    assert (server.files / "f.fvecs").read_bytes() == expected
    assert run("x.csv", file_type="csv", columns=["none"]) == 3024
    assert run("x.csv", file_type="csv", columns=["_create_timestamp"]) == 3032
    assert run("x.fvecs", file_type="fvecs", columns=["id"]) == 3032
    for outside in ["../x.csv", "/tmp/x.csv"]:
        assert run(outside, file_type="csv") == 3014, outside
    assert not (server.files / "x.csv").exists()


def test_what_is_exported_is_imported_again(server):
    path = fill(server, "e")
    everything = {"output": ["*"]}
    before = rows_of(server.ask("GET", f"{path}/docs", everything))
    for at, kind in enumerate(["csv", "jsonl"]):
        name = f"again{at}.{kind}"
        body = {"file_path": name, "file_type": kind, "header": True}
        answer = server.ask("GET", f"{D}/table/e", body)
        assert answer["error_code"] == 0, answer
        copy = fill(server, f"copy{at}", rows=[])
        answer = server.ask("PUT", copy, body)
        assert answer["error_code"] == 0, answer
        after = rows_of(server.ask("GET", f"{copy}/docs", everything))
        assert after == before, kind


PAIR = [{"name": "id", "type": "int"}, {"name": "s", "type": "varchar"}]
WITH_DEFAULTS = [{**PAIR[0], "default": 7}, {**PAIR[1], "default": "dd"}]
VECTORS = [{"name": "v", "type": "vector,2,float"}]
IMPORTS = [
    # file type, columns, content, code or rows; as Infinity 0.5.2 has them
    ("csv", PAIR, '1,a\n2,"b,""c"\n', [(1, "a"), (2, 'b,"c')]),
    ("csv", PAIR, "1,a\r\n2,b", [(1, "a"), (2, "b")]),
    ("csv", PAIR, "", []),
    ("csv", WITH_DEFAULTS, "1\n2,\n,b\n", [(1, "dd"), (2, "dd"), (7, "b")]),
    ("csv", PAIR, "1\n", 3037),
    ("csv", PAIR, "1,\n", 3037),
    ("csv", PAIR, "1,a,3\n", 3039),
    ("csv", PAIR, "1,a\nz,b\n", 7012),
    ("csv", PAIR, "1,a\n\n2,b\n", 3037),
    ("csv", PAIR, b"1,\xff\n", 3037),
    ("csv", VECTORS, '"[1,2]"\n', [("[1,2]",)]),
    ("csv", VECTORS, "1 2\n", 3037),
    ("csv", VECTORS, '"[1,2,3]"\n', 3037),
    ("json", PAIR, '[{"id":1,"s":"a"},\n {"s":"}]","id":2, "z":3}]', [(1, "a"), (2, "}]")]),
    ("json", PAIR, "[]", []),
    ("json", PAIR, "", []),
    ("json", WITH_DEFAULTS, '[{"id":1}]', [(1, "dd")]),
    ("json", PAIR, '[{"id":1}]', 3037),
    ("json", PAIR, "[1]", 3037),
    ("json", PAIR, "[{", 3037),
    ("json", PAIR, '[{"id":1,"s":"a"}', 3037),
    ("json", PAIR, '[{"id":1,"s":"a"}] x', 3037),
    ("json", PAIR, '{"id":1,"s":"a"}', 3037),
    ("json", PAIR, '[{"id":"x","s":"a"}]', 3037),
    ("jsonl", PAIR, '{"id":1,"s":"a"}\n{"id":2,"s":"b"}\n', [(1, "a"), (2, "b")]),
    ("jsonl", PAIR, '{"id":1,"s":"a"}\n{', 3037),
    ("jsonl", PAIR, '{"id":1}\n', 3037),
    ("fvecs", VECTORS, struct.pack("<iffiff", 2, 1, 2, 2, 3, 4), [("[1,2]",), ("[3,4]",)]),
    ("fvecs", VECTORS, b"", []),
    ("fvecs", VECTORS, struct.pack("<ifff", 3, 1, 2, 3), 3037),
    ("fvecs", VECTORS, struct.pack("<iffi", 2, 1, 2, 2), 3037),
    ("fvecs", PAIR, b"", 3037),
]


def test_imported_files(server):
    names = (f"import{at}" for at in itertools.count())
    for kind, fields, content, expected in IMPORTS:
        name = next(names)
        data = content if isinstance(content, bytes) else content.encode()
        (server.files / name).write_bytes(data)
        path = f"{D}/tables/{name}"
        assert server.ask("POST", path, {"fields": fields})["error_code"] == 0
        answer = server.ask("PUT", path, {"file_path": name, "file_type": kind})
        code = expected if isinstance(expected, int) else 0
        assert answer["error_code"] == code, (kind, content, answer)
        found = rows_of(server.ask("GET", f"{path}/docs", {"output": ["*"]}))
        rows = [] if isinstance(expected, int) else expected
        assert [tuple(row.values()) for row in found] == rows, (kind, content)


def test_a_long_file_is_imported(server):
    """More rows than one write takes, and one bad row at their end: all or none."""
    (server.files / "long.csv").write_text("".join(f"{n},row {n}\n" for n in range(5000)))
    (server.files / "bad.csv").write_text("".join(f"{n},x\n" for n in range(5000)) + "z,x\n")
    path = f"{D}/tables/long"
    assert server.ask("POST", path, {"fields": PAIR})["error_code"] == 0
    count = {"output": ["count(*)"]}
    for name, code, rows in [("bad.csv", 7012, 0), ("long.csv", 0, 5000)]:
        answer = server.ask("PUT", path, {"file_path": name, "file_type": "csv"})
        assert answer["error_code"] == code, answer
        assert rows_of(server.ask("GET", f"{path}/docs", count)) == [{"count(star)": rows}]


def test_without_a_directory_there_are_no_files():
    with Server(one_port=True) as server:
        url = f"{server.url}/infinity{D}"
        assert requests.post(f"{url}/tables/t", json=NEW).json()["error_code"] == 0
        body = {"file_path": "x.csv", "file_type": "csv"}
        for answer in [
            requests.put(f"{url}/tables/t", json=body),
            requests.get(f"{url}/table/t", json=body),
        ]:
            assert answer.json()["error_code"] == 3032
            assert "--exchange-dir" in answer.json()["error_message"]
