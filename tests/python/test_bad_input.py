"""Bad input gets a clear error in the shape of the dialect, and nothing is lost by it."""

import json
import re
import resource
import subprocess
import time
from pathlib import Path

import pytest

from skerry_server import Server

BASE = "/collections/bad"
GOOD = {"id": 1, "vector": [1.0, 2.0, 3.0, 4.0], "payload": {"kept": True}}
BODY_BYTES_MAX = 32 * 1024 * 1024
JSON = {"content-type": "application/json"}
COUNT = {"exact": True}


@pytest.fixture(autouse=True, scope="module")
def collection(server):
    """A collection with one point, which every bad request must leave as it is."""
    body = {"vectors": {"size": 4, "distance": "Dot"}}
    assert server.request("PUT", BASE, json=body).status_code == 200
    answer = server.request("PUT", f"{BASE}/points?wait=true", json={"points": [GOOD]})
    assert answer.status_code == 200


@pytest.fixture(autouse=True)
def nothing_is_lost(server):
    """After each test the one point is there as it was."""
    yield
    record = server.request("GET", f"{BASE}/points/1").json()["result"]
    assert record == {**GOOD, "id": 1}
    count = server.request("POST", f"{BASE}/points/count", json=COUNT).json()
    assert count["result"]["count"] == 1


def error_of(answer, status, text=None):
    """The message of an error, after checking its shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert body.keys() == {"status", "time"}, "an error has no result"
    message = body["status"]["error"]
    if text is not None:
        assert text in message
    return message


def put_points(server, *points):
    """An upsert that waits."""
    return server.request("PUT", f"{BASE}/points?wait=true", json={"points": list(points)})


def put_text(server, text):
    """An upsert whose body is not built by a JSON library."""
    return server.request("PUT", f"{BASE}/points?wait=true", data=text, headers=JSON)


def query(server, body, what="query"):
    """A question about points."""
    return server.request("POST", f"{BASE}/points/{what}", json=body)


# Vectors


@pytest.mark.parametrize("size", [0, 1, 3, 5, 1000])
def test_wrong_dimension_on_write(server, size):
    answer = put_points(server, {"id": 2, "vector": [1.0] * size})
    expected = f"Wrong input: Vector dimension error: expected dim: 4, got {size}"
    error_of(answer, 400, expected if size else None)


def test_wrong_dimension_on_search(server):
    expected = "Wrong input: Vector dimension error: expected dim: 4, got 3"
    error_of(query(server, {"query": [1.0, 2.0, 3.0]}), 400, expected)
    error_of(query(server, {"vector": [1.0, 2.0, 3.0], "limit": 1}, "search"), 400, expected)


def test_one_bad_point_refuses_the_whole_request(server):
    good = [{"id": number, "vector": [1.0] * 4} for number in range(10, 20)]
    error_of(put_points(server, *good, {"id": 99, "vector": [1.0]}), 400)


def test_wrong_dimension_is_said_without_waiting_too(server):
    body = {"points": [{"id": 2, "vector": [1.0]}]}
    error_of(server.request("PUT", f"{BASE}/points", json=body), 400)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e39", "-1e39", "1e999"])
def test_numbers_that_are_not_finite_floats(server, number):
    text = f'{{"points":[{{"id":2,"vector":[1.0,{number},0.0,0.0]}}]}}'
    error_of(put_text(server, text), 400)
    answer = server.request(
        "POST", f"{BASE}/points/query", data=f'{{"query":[1.0,{number},0.0,0.0]}}', headers=JSON
    )
    error_of(answer, 400)


@pytest.mark.parametrize("vector", ['"text"', '[["a"]]', "[null,1,1,1]", "[true,1,1,1]", "7"])
def test_things_that_are_not_vectors(server, vector):
    error_of(put_text(server, f'{{"points":[{{"id":2,"vector":{vector}}}]}}'), 400)


def test_unknown_vector_name(server):
    answer = put_points(server, {"id": 2, "vector": {"other": [1.0] * 4}})
    error_of(answer, 400, "Wrong input: Not existing vector name error: other")
    answer = query(server, {"query": [1.0] * 4, "using": "other"})
    error_of(answer, 400, "Not existing vector name error: other")


# Ids


@pytest.mark.parametrize("number", ["-1", "1.5", '"abc"', '"7"', "18446744073709551616", "[1]"])
def test_ids_that_are_neither_numbers_nor_uuids(server, number):
    answer = put_text(server, f'{{"points":[{{"id":{number},"vector":[1,1,1,1]}}]}}')
    message = error_of(answer, 400)
    if number in ("-1", "1.5", '"abc"', '"7"'):
        assert "is not a valid point ID" in message
        assert "either an unsigned integer or a UUID" in message


def test_bad_id_in_the_path(server):
    error_of(server.request("GET", f"{BASE}/points/x"), 400, 'Can not recognize "x" as point id')


@pytest.mark.parametrize("what", ["upsert", "delete"])
def test_empty_requests(server, what):
    if what == "upsert":
        answer = put_points(server)
    else:
        answer = query(server, {"points": []}, "delete?wait=true")
    error_of(answer, 400, "Bad request: Empty update request")


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        ("payload", "POST", {"payload": {"a": 1}, "points": [777]}),
        ("payload", "PUT", {"payload": {"a": 1}, "points": [777]}),
        ("payload/delete", "POST", {"keys": ["a"], "points": [777]}),
        ("payload/clear", "POST", {"points": [777]}),
    ],
)
def test_payload_of_a_missing_point(server, path, method, body):
    answer = server.request(method, f"{BASE}/points/{path}?wait=true", json=body)
    error_of(answer, 404, "Not found: No point with id 777 found")


def test_query_by_a_missing_point(server):
    error_of(query(server, {"query": 777}), 404, "No point with id 777 found")


def test_missing_point_by_path(server):
    error_of(server.request("GET", f"{BASE}/points/777"), 404, "Point with id 777 does not exist")


# Collections


MISSING = "Not found: Collection `none` doesn't exist!"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"params": {}}),
        ("PUT", "/points", {"points": [GOOD]}),
        ("POST", "/points", {"ids": [1]}),
        ("GET", "/points/1", None),
        ("POST", "/points/query", {"query": [1.0] * 4}),
        ("POST", "/points/search", {"vector": [1.0] * 4, "limit": 1}),
        ("POST", "/points/scroll", {}),
        ("POST", "/points/count", {}),
        ("POST", "/points/delete", {"points": [1]}),
        ("POST", "/points/payload", {"payload": {"a": 1}, "points": [1]}),
        ("PUT", "/index", {"field_name": "a", "field_schema": "keyword"}),
    ],
)
def test_unknown_collection(server, method, path, body):
    error_of(server.request(method, f"/collections/none{path}", json=body), 404, MISSING)


def test_duplicate_collection(server):
    body = {"vectors": {"size": 8, "distance": "Cosine"}}
    answer = server.request("PUT", BASE, json=body)
    error_of(answer, 409, "Wrong input: Collection `bad` already exists!")


@pytest.mark.parametrize("name", ["a%2Fb", "a*b", "a%3Fb", "a%22b", "a%7Cb", "x" * 256])
def test_bad_collection_names(server, name):
    body = {"vectors": {"size": 8, "distance": "Cosine"}}
    answer = server.request("PUT", f"/collections/{name}", json=body)
    assert answer.status_code in (400, 422), answer.text
    error_of(answer, answer.status_code)


@pytest.mark.parametrize("size", [0, 65537])
def test_vector_size_out_of_range(server, size):
    answer = server.request(
        "PUT", "/collections/sized", json={"vectors": {"size": size, "distance": "Dot"}}
    )
    expected = (
        "Validation error in JSON body: "
        f"[vectors.size: value {size} invalid, must be from 1 to 65536]"
    )
    error_of(answer, 422, expected)


def test_unknown_distance(server):
    body = {"vectors": {"size": 4, "distance": "Chebyshev"}}
    error_of(server.request("PUT", "/collections/x", json=body), 400, "Format error in JSON body")


# Filters and JSON


def test_unknown_field_in_a_filter(server):
    text = '{"filter":{"shall":[{"key":"a","match":{"value":1}}]}}'
    answer = server.request("POST", f"{BASE}/points/count", data=text, headers=JSON)
    error_of(
        answer,
        400,
        "Format error in JSON body: unknown field `shall`, expected one of "
        "`should`, `min_should`, `must`, `must_not` at line 1 column",
    )


@pytest.mark.parametrize(
    "condition",
    [
        {"key": "a", "match": {"valu": 1}},
        {"key": "a", "match": {"value": 1.5}},
        {"key": "a", "match": {"any": [1, "b"]}},
        {"key": "a", "range": {"gt": "yesterday"}},
        {"key": "a", "geo_radius": {"center": {"lon": 1}, "radius": 1}},
        {"key": "a", "geo_radius": {"center": {"lon": 200, "lat": 0}, "radius": 1}},
        {"has_id": ["nonsense"]},
        {"nested": {"key": "a"}},
        {"key": 7, "match": {"value": 1}},
        {"key": "a..b", "match": {"value": 1}},
        {"key": "a[x]", "match": {"value": 1}},
        {"surprise": 1},
    ],
    ids=json.dumps,
)
def test_conditions_that_mean_nothing(server, condition):
    answer = query(server, {"filter": {"must": [condition]}}, "count")
    assert answer.status_code in (400, 422), answer.text
    error_of(answer, answer.status_code)


@pytest.mark.parametrize(
    "text", ["", "{", "[1,2", '{"points":', "nonsense", "{'a':1}", '{"points":[]} x', "\x00"]
)
def test_malformed_json(server, text):
    error_of(put_text(server, text), 400)


def test_bytes_that_are_not_utf8(server):
    text = b'{"points":[{"id":1,"vector":[1,2,3,4],"payload":{"a":"\xff"}}]}'
    error_of(put_text(server, text), 400)


def test_json_that_nests_without_end(server):
    depth = 100_000
    text = '{"points":[{"id":2,"vector":[1,1,1,1],"payload":{"a":' + "[" * depth + "]" * depth
    error_of(put_text(server, text + "}}]}"), 400)


def test_filter_that_nests_without_end(server):
    depth = 20_000
    text = '{"filter":' + '{"must":' * depth + '{"has_id":[1]}' + "}" * depth + "}"
    answer = server.request("POST", f"{BASE}/points/count", data=text, headers=JSON)
    error_of(answer, 400)


def test_oversized_body(server):
    filler = "x" * BODY_BYTES_MAX
    text = json.dumps({"points": [{"id": 2, "vector": [1.0] * 4, "payload": {"a": filler}}]})
    answer = put_text(server, text)
    assert answer.status_code in (400, 413), answer.text[:200]
    error_of(answer, answer.status_code)


@pytest.mark.parametrize("body", [{"limit": 0}, {"limit": -1}, {"limit": "ten"}])
def test_bad_limits(server, body):
    answer = query(server, body, "scroll")
    if body["limit"] == 0:
        expected = "[scroll_request.limit: value 0 invalid, must be 1 or larger]"
        error_of(answer, 422, expected)
    else:
        error_of(answer, 400, "Format error in JSON body")


def test_order_by_without_an_index(server):
    error_of(query(server, {"order_by": "n"}, "scroll"), 400, "No range index for `order_by` key")


def test_offset_with_order_by(server):
    body = {"order_by": "n", "offset": 1}
    error_of(query(server, body, "scroll"), 400, "Cannot use an `offset` when using `order_by`")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("POST", BASE), ("GET", f"{BASE}/points/scroll"), ("PUT", "/")],
)
def test_unknown_routes_are_empty_404s(server, method, path):
    answer = server.request(method, path)
    assert (answer.status_code, answer.text) == (404, "")


def test_unknown_field_schema(server):
    body = {"field_name": "a", "field_schema": "colour"}
    error_of(server.request("PUT", f"{BASE}/index", json=body), 400, "Format error in JSON body")


# Damage on disk


def fill(server, rows, size=4, batch=500):
    """A collection `disk` with points of which every one tells its number."""
    body = {"vectors": {"size": size, "distance": "Dot"}}
    assert server.request("PUT", "/collections/disk", json=body).status_code == 200
    for start in range(0, rows, batch):
        assert upsert(server, range(start, start + batch), size).status_code == 200


def upsert(server, numbers, size=4):
    """Points with these ids."""
    points = [{"id": i, "vector": vector_of(i, size), "payload": {"i": i}} for i in numbers]
    return server.request("PUT", "/collections/disk/points?wait=true", json={"points": points})


def vector_of(number, size):
    """The vector of a point, told by its id; sixteenths are exact in f32."""
    return [(number * 31 + k * 17) % 97 / 16 for k in range(size)]


def flip_a_byte(path):
    """Turns one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def assert_damage_is_reported(server):
    """The server says at its start what is broken and ends, or says it in answers to requests.

    What it still answers must be right: a damaged part may be missing, never wrong.
    """
    pattern = re.compile("corrupt|checksum", re.I)
    try:
        server.start()
    except AssertionError as error:
        assert pattern.search(str(error)), f"no clear message: {error}"
        assert "panicked" not in str(error)
        return
    answers = [
        server.request(
            "POST",
            "/collections/disk/points/scroll",
            json={"limit": 100_000, "with_vector": True},
        ),
        server.request("POST", "/collections/disk/points/query", json={"query": [1.0] * 64}),
        upsert(server, [10**6], 64),
    ]
    if answers[0].status_code == 200:
        for record in answers[0].json()["result"]["points"]:
            assert record["payload"] == {"i": record["id"]}
            assert record["vector"] == vector_of(record["id"], len(record["vector"]))
    texts = [answer.text[:300] for answer in answers if answer.status_code >= 400]
    assert any(pattern.search(text) for text in texts), f"nothing was said: {server.log()}"
    assert "panicked" not in server.log()


def biggest(data, part):
    """The biggest file whose path has this folder in it."""
    files = [p for p in Path(data).rglob("*") if p.is_file() and part in p.parts]
    return max(files, key=lambda path: path.stat().st_size, default=None)


def test_a_damaged_log_entry_is_reported(fresh_server):
    fill(fresh_server, 2000, 64, batch=100)
    fresh_server.kill9()
    entry = biggest(fresh_server.data, "log")
    assert entry is not None, "no log on disk"
    flip_a_byte(entry)
    assert_damage_is_reported(fresh_server)


@pytest.mark.timeout(600)
def test_a_damaged_segment_is_reported(fresh_server):
    fill(fresh_server, 40_000, 64)
    deadline = time.monotonic() + 300
    segment = None
    while segment is None and time.monotonic() < deadline:
        segment = biggest(fresh_server.data, "seg")
        time.sleep(0.2)
    assert segment is not None, "nothing was sealed"
    time.sleep(2)
    assert fresh_server.stop() == 0
    flip_a_byte(biggest(fresh_server.data, "seg"))
    assert_damage_is_reported(fresh_server)


@pytest.fixture(params=["full file system", "file size limit"])
def small_disk_server(request, tmp_path):
    """A server that soon cannot write: on a small file system, or with a limit on each file."""
    if request.param == "full file system":
        place = tmp_path / "small"
        place.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], capture_output=True
        )
        if mounted.returncode != 0:
            # Without the right to mount, the other variant of this fixture is what remains.
            print(f"cannot mount: {mounted.stderr.decode().strip()}; limiting file sizes instead")
            yield from limited_server()
            return
        try:
            with Server(data=str(place / "data")) as server:
                yield server
        finally:
            subprocess.run(["umount", str(place)], check=True)
    else:
        yield from limited_server()


def limited_server():
    """A server none of whose files may pass 8 KiB."""
    limit = 8 * 1024
    # Python ignores SIGXFSZ; kept so in the child, a write beyond the limit fails with EFBIG.
    options = {
        "restore_signals": False,
        "preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    }
    server = Server(**options)
    server.log_path = Path("/dev/null")
    with server:
        yield server


def test_a_full_disk_refuses_writes_and_keeps_what_was_acknowledged(small_disk_server):
    server = small_disk_server
    fill(server, 10, batch=10)
    acknowledged, refused = set(range(10)), None
    for start in range(10, 200_000, 500):
        numbers = range(start, start + 500)
        answer = upsert(server, numbers)
        if answer.status_code != 200:
            refused = answer
            break
        acknowledged |= set(numbers)
    assert refused is not None, "the disk was never full"
    assert refused.status_code >= 500, refused.text
    error_of(refused, refused.status_code)

    def stored():
        body = {"limit": 1_000_000}
        answer = server.request("POST", "/collections/disk/points/scroll", json=body)
        assert answer.status_code == 200, answer.text
        return {record["id"] for record in answer.json()["result"]["points"]}

    assert stored() == acknowledged
    server.kill9()
    server.start()
    assert stored() == acknowledged


def test_a_second_process_on_the_same_directory_is_refused(fresh_server):
    fill(fresh_server, 10, batch=10)
    second = Server(data=fresh_server.data)
    try:
        second.launch()
        status = second.process.wait(20)
        second.process = None
        assert status not in (0, None)
        text = second.log()
        assert re.search("in use|locked|another", text, re.I), text
        assert "panicked" not in text
    finally:
        second.close()
    assert upsert(fresh_server, [77]).status_code == 200
    answer = fresh_server.request("POST", "/collections/disk/points/count", json=COUNT)
    assert answer.json()["result"]["count"] == 11
