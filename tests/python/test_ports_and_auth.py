"""Where the server listens, who may ask, and how it stops."""

import json
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
import requests
from qdrant_client import models as m

from skerry_server import Server, binary

KEY, READ_KEY = "secret-key", "reading-key"
NO_KEY = "Must provide an API key or an Authorization bearer token"
WRONG_KEY = "Invalid API key or JWT"
VECTORS = {"vectors": {"size": 2, "distance": "Dot"}}


@pytest.fixture(scope="module")
def guarded():
    """A server with a key for everything and one for reading."""
    with Server(options=["--api-key", KEY, "--read-only-api-key", READ_KEY]) as server:
        answer = server.request("PUT", "/collections/c", json=VECTORS, headers={"api-key": KEY})
        assert answer.status_code == 200
        yield server


# Ports


def test_one_port_serves_each_dialect_below_its_prefix():
    with Server(one_port=True) as server:
        assert server.request("GET", "/qdrant/healthz").text.strip() == "healthz check passed"
        answer = server.request("PUT", "/qdrant/collections/c", json=VECTORS)
        assert answer.status_code == 200
        listed = server.request("GET", "/qdrant/collections").json()
        assert listed["result"]["collections"] == [{"name": "c"}]
        client = server.client(prefix="qdrant")
        client.upsert("c", [m.PointStruct(id=1, vector=[1, 2])], wait=True)
        assert client.count("c").count == 1


def test_a_port_of_zero_is_off(server):
    listening = subprocess.run(
        ["cat", "/proc/net/tcp"], capture_output=True, text=True, check=True
    ).stdout
    inodes = {
        line.split()[9]: int(line.split()[1].split(":")[1], 16)
        for line in listening.splitlines()[1:]
        if line.split()[3] == "0A"
    }
    sockets = subprocess.run(
        ["ls", "-l", f"/proc/{server.process.pid}/fd"], capture_output=True, text=True, check=True
    ).stdout
    ports = {inodes[i] for i in re.findall(r"socket:\[(\d+)\]", sockets) if i in inodes}
    assert ports == {server.port}


def test_it_listens_on_loopback_only(server):
    table = open("/proc/net/tcp").read()
    address = f"0100007F:{server.port:04X}"
    assert any(address in line and " 0A " in line for line in table.splitlines())


def test_a_taken_port_is_a_clear_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        off = [f"--{name}-port=0" for name in ("milvus", "infinity", "lynse")]
        line = [binary(), "serve", "--data", "memory:", f"--qdrant-port={port}", *off]
        ended = subprocess.run(line, capture_output=True, text=True, timeout=20)
    assert ended.returncode != 0
    assert str(port) in ended.stderr + ended.stdout
    assert "panicked" not in ended.stderr


def test_start_says_where_it_listens_and_what_to_try(server):
    assert f"127.0.0.1:{server.port}" in server.log()
    assert "curl" in server.log()


def test_options_come_from_the_environment():
    with Server(environment={"SKERRY_API_KEY": KEY}) as server:
        assert server.request("GET", "/collections").status_code == 401
        answer = server.request("GET", "/collections", headers={"api-key": KEY})
        assert answer.status_code == 200


def test_unknown_options_are_refused():
    ended = subprocess.run(
        [binary(), "serve", "--no-such-option"], capture_output=True, text=True, timeout=20
    )
    assert ended.returncode != 0
    assert "--no-such-option" in ended.stderr


def test_help_names_every_option():
    ended = subprocess.run([binary(), "serve", "--help"], capture_output=True, text=True)
    assert ended.returncode == 0
    for option in ("data", "listen", "port", "qdrant-port", "milvus-port", "infinity-port",
                   "lynse-port", "api-key", "read-only-api-key", "log-format", "durability"):
        assert f"--{option}" in ended.stdout


def test_json_log_is_one_object_a_line():
    with Server(options=["--log-format", "json"]) as server:
        server.restart()
        lines = [line for line in server.log_path.read_text().splitlines() if line[:1] == "{"]
    assert lines
    assert all(isinstance(json.loads(line), dict) for line in lines)


# Keys


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/livez"])
def test_open_paths_need_no_key(guarded, path):
    assert guarded.request("GET", path).status_code == 200


@pytest.mark.parametrize("path", ["/collections", "/collections/c", "/metrics"])
def test_other_paths_do(guarded, path):
    answer = guarded.request("GET", path)
    assert (answer.status_code, answer.text) == (401, NO_KEY)
    assert not answer.headers.get("content-type", "").startswith("application/json")


@pytest.mark.parametrize("headers", [{"api-key": "no"}, {"Authorization": "Bearer no"}])
def test_a_wrong_key_is_refused(guarded, headers):
    answer = guarded.request("GET", "/collections", headers=headers)
    assert (answer.status_code, answer.text) == (401, WRONG_KEY)


@pytest.mark.parametrize("headers", [{"api-key": KEY}, {"Authorization": f"Bearer {KEY}"}])
def test_the_key_may_do_everything(guarded, headers):
    body = {"points": [{"id": 1, "vector": [1.0, 2.0]}]}
    path = "/collections/c/points?wait=true"
    assert guarded.request("PUT", path, json=body, headers=headers).status_code == 200
    assert guarded.request("GET", "/collections", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/collections", None),
        ("GET", "/collections/c", None),
        ("POST", "/collections/c/points/scroll", {}),
        ("POST", "/collections/c/points/count", {}),
        ("POST", "/collections/c/points/query", {"query": [1.0, 2.0]}),
        ("POST", "/collections/c/points/search", {"vector": [1.0, 2.0], "limit": 1}),
        ("POST", "/collections/c/points", {"ids": [1]}),
    ],
)
def test_the_reading_key_may_read(guarded, method, path, body):
    answer = guarded.request(method, path, json=body, headers={"api-key": READ_KEY})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/collections/d", VECTORS),
        ("DELETE", "/collections/c", None),
        ("PATCH", "/collections/c", {"params": {}}),
        ("PUT", "/collections/c/points", {"points": [{"id": 1, "vector": [1.0, 2.0]}]}),
        ("POST", "/collections/c/points/delete", {"points": [1]}),
        ("POST", "/collections/c/points/payload", {"payload": {"a": 1}, "points": [1]}),
        ("PUT", "/collections/c/index", {"field_name": "a", "field_schema": "keyword"}),
    ],
)
def test_the_reading_key_may_not_write(guarded, method, path, body):
    answer = guarded.request(method, path, json=body, headers={"api-key": READ_KEY})
    assert answer.status_code == 403
    assert "Forbidden" in answer.json()["status"]["error"]
    kept = guarded.request("GET", "/collections", headers={"api-key": KEY}).json()
    assert kept["result"]["collections"] == [{"name": "c"}]


def test_the_client_sends_its_key(guarded):
    assert guarded.client(api_key=KEY).collection_exists("c")


# Stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it_cleanly(number):
    with Server() as server:
        server.request("PUT", "/collections/c", json=VECTORS)
        assert server.stop(number) == 0, server.log()
        with pytest.raises(requests.ConnectionError):
            server.request("GET", "/readyz")
        assert "panicked" not in server.log()
        server.start()
        assert server.request("GET", "/collections/c").status_code == 200


def test_requests_in_flight_are_answered_before_it_stops():
    with Server() as server:
        server.request("PUT", "/collections/c", json=VECTORS)
        answers, stop = [], threading.Event()

        def write():
            with requests.Session() as session:
                number = 0
                while not stop.is_set():
                    points = [{"id": number * 50 + i, "vector": [1.0, 2.0]} for i in range(50)]
                    address = f"{server.url}/collections/c/points?wait=true"
                    try:
                        answer = session.put(address, json={"points": points}, timeout=30)
                    except requests.ConnectionError as error:
                        answers.append(error)
                        return
                    answers.append(answer.status_code)
                    number += 1

        writer = threading.Thread(target=write)
        writer.start()
        time.sleep(0.3)
        assert server.stop() == 0
        stop.set()
        writer.join(30)
        written = [answer for answer in answers if answer == 200]
        # What follows the last answer may be refused, but not answered by half.
        assert written
        refused = [answer for answer in answers if answer != 200]
        assert len(refused) <= 1
        server.start()
        body = {"exact": True}
        count = server.request("POST", "/collections/c/points/count", json=body).json()
        assert count["result"]["count"] == 50 * len(written)


def test_idle_connections_do_not_hold_it_back():
    with Server() as server:
        with socket.create_connection(("127.0.0.1", server.port)), requests.Session() as session:
            session.get(f"{server.url}/readyz", timeout=5)
            started = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - started < 10
