"""The LynseDB interface as its clients see it, and beside the real server.

The clients of 0.3.0 and 0.9.0 exclude each other, so each has an environment of its own, which
`./test` makes; their scenarios run there.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import requests

from lynse_requests import CASES, binary
from skerry_server import REPOSITORY, Server, free_port

HERE = Path(__file__).resolve().parent
OLD = REPOSITORY / ".venv-lynse-old/bin"
NEW = REPOSITORY / ".venv-lynse-new/bin"
START_SECONDS_MAX = 30.0


class LynseServer(Server):
    """A server that listens for LynseDB's clients too."""

    def command(self):
        self.lynse_port = free_port()
        self.files = self.own_folder / "files"
        line = [word for word in super().command() if word != "--lynse-port=0"]
        return [*line, f"--lynse-port={self.lynse_port}", f"--exchange-dir={self.files}"]

    @property
    def lynse_url(self):
        return f"http://127.0.0.1:{self.lynse_port}"


@pytest.fixture(scope="module")
def ours():
    """Our server."""
    with LynseServer() as running:
        yield running


@pytest.fixture(scope="module")
def real():
    """The real server of 0.3.0: its address, and a folder that it may write to."""
    folder = Path(tempfile.mkdtemp(prefix="lynse-real-"))
    port = free_port()
    line = [OLD / "lynse", "serve", "--host", "127.0.0.1", "--port", port]
    line += ["--data-dir", folder / "data"]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([str(word) for word in line], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                if requests.get(f"{url}/healthz", timeout=5).status_code == 200:
                    break
            except requests.ConnectionError:
                pass
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "the real server does not answer"
            time.sleep(0.05)
        yield url, folder
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def scenario(python, script, server, phase):
    """Runs one phase of a life of a client, and gives the number of its steps."""
    assert python.exists(), f"{python} is missing: ./test makes it"
    line = [python, HERE / script, server.lynse_url, server.files, phase]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in line],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        cwd=server.own_folder,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:] + server.log()
    return int(done.stdout.split()[-1])


def test_the_client_of_0_3_0_lives_through_a_restart():
    with LynseServer() as server:
        steps = scenario(OLD / "python", "lynse_client_old.py", server, "before")
        server.restart()
        steps += scenario(OLD / "python", "lynse_client_old.py", server, "after")
        assert steps >= 40


def test_the_client_of_0_9_0_lives_through_a_restart():
    with LynseServer() as server:
        steps = scenario(NEW / "python", "lynse_client_new.py", server, "before")
        server.restart()
        steps += scenario(NEW / "python", "lynse_client_new.py", server, "after")
        assert steps >= 40


def test_what_one_interface_writes_the_other_reads(ours):
    post = lambda path, body: requests.post(ours.lynse_url + path, json=body, timeout=60)
    at = {"database_name": "default_db", "collection_name": "shared"}
    assert post("/required_collection", {**at, "dim": 4}).status_code == 200
    items = [{"vector": [i, 0, 0, 1], "id": i, "field": {"n": i}} for i in range(1, 4)]
    assert post("/bulk_add_items", {**at, "items": items}).status_code == 200
    assert post("/delete_items", {**at, "ids": [2]}).status_code == 200
    client = ours.client()
    points, _ = client.scroll("shared", with_vectors=True)
    assert [(p.id, p.payload, p.vector) for p in points] == [
        (1, {"n": 1}, [1.0, 0.0, 0.0, 1.0]),
        (3, {"n": 3}, [3.0, 0.0, 0.0, 1.0]),
    ]
    assert client.count("shared").count == 2
    found = client.query_points("shared", query=[1.0, 0.0, 0.0, 0.0]).points
    assert [p.id for p in found] == [3, 1]
    assert client.retrieve("shared", [2]) == []
    client.set_payload("shared", {"more": "x"}, points=[3])
    fields = post("/query", {**at, "filter_ids": [2, 3]}).json()["params"]["result"]
    assert fields == [{"id": 2, "n": 2}, {"id": 3, "more": "x", "n": 3}]
    client.delete_collection("shared")


def test_keys_are_asked_for_as_the_real_server_does():
    with LynseServer(options=["--api-key", "secret"]) as server:
        ask = lambda path, **k: requests.get(server.lynse_url + path, timeout=60, **k)
        for path in ("/", "/healthz", "/readyz"):
            assert ask(path).status_code == 200
        for path in ("/list_databases", "/metrics", "/openapi.json", "/nothing"):
            refused = ask(path)
            assert refused.status_code == 401
            assert refused.json()["error"] == "Unauthorized"
            assert refused.headers["www-authenticate"] == 'Basic realm="LynseDB"'
        good = {"authorization": "Bearer secret"}
        assert ask("/list_databases", headers=good).status_code == 200
        assert ask("/list_databases", auth=("anyone", "secret")).status_code == 200
        for bad in ({"authorization": "bearer secret"}, {"x-api-key": "secret"}):
            assert ask("/list_databases", headers=bad).status_code == 401


def test_the_document_lists_every_route(ours, real):
    ours = requests.get(f"{ours.lynse_url}/openapi.json", timeout=60).json()["paths"]
    real = requests.get(f"{real[0]}/openapi.json", timeout=60).json()["paths"]
    methods = lambda paths: {path: sorted(methods) for path, methods in paths.items()}
    assert methods(ours) == methods(real)
    assert len(ours) == 67


def plain(value):
    """A value in which numbers that are nearly equal are equal."""
    if isinstance(value, float):
        return float(f"{value:.4e}") + 0.0
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return value


def answer(url, folder, case):
    """Whether a request succeeds, and what it is answered."""
    text = json.dumps(case.body).replace("FOLDER", str(folder))
    if case.raw is not None:
        headers = {"content-type": "application/octet-stream"}
        got = requests.post(url + case.path, data=case.raw, headers=headers, timeout=60)
    elif case.body is None:
        got = requests.get(url + case.path, timeout=60)
    else:
        headers = {"content-type": "application/json"}
        got = requests.post(url + case.path, data=text, headers=headers, timeout=60)
    content = got.headers.get("content-type", "")
    if got.status_code != 200:
        assert got.status_code in (400, 401, 404, 409, 500), got.text
        return got.status_code, got.text
    if "json" in content:
        return 200, plain(json.loads(got.text.replace(str(folder), "FOLDER")))
    return 200, binary(case.path, got.content)


def test_every_route_answers_as_the_real_server(ours, real):
    """The same requests to both; what differs on purpose is listed with the requests."""
    ours.files.mkdir(exist_ok=True)
    asked, wrong = set(), []
    for case in CASES:
        here = answer(ours.lynse_url, ours.files, case)
        there = answer(*real, case)
        asked.add(case.path.split("?")[0])
        alike = (here[0] == 200) == (there[0] == 200)
        if here[0] == there[0] == 200:
            alike = case.seen(here[1]) == case.seen(there[1])
        if alike == bool(case.differs):
            wrong.append(f"{case.path} {case.body}\n  ours: {here}\n  real: {there}")
    assert not wrong, "\n".join(wrong)
    document = requests.get(f"{ours.lynse_url}/openapi.json", timeout=60).json()["paths"]
    assert set(document) - asked == set()


def test_bytes_kept_with_a_collection_survive_a_kill():
    with LynseServer() as server:
        at = {"database_name": "default_db", "collection_name": "kept"}
        post = lambda path, **options: requests.post(server.lynse_url + path, timeout=60, **options)
        read = lambda key, **more: requests.get(
            f"{server.lynse_url}/read_blob", params={**at, "key": key, **more}, timeout=60
        )
        assert post("/required_collection", json={**at, "dim": 2}).status_code == 200
        for round in range(3):
            for key in ["a", "b", f"only {round}"]:
                content = f"{key} {round} ".encode() * 50_000
                written = post("/write_blob", params={**at, "key": key}, data=content)
                assert written.json() == {"status": "success", "params": {"written": True}}
            assert post("/delete_blob", json={**at, "key": "b"}).json()["params"]["deleted"]
            server.kill9()
            server.start()
            assert read("a").content == f"a {round} ".encode() * 50_000
            assert read("a", offset=4, length=4).content == f"a {round} ".encode()
            assert read("b").status_code == 204
            for earlier in range(round + 1):
                assert read(f"only {earlier}").content[:7] == f"only {earlier} ".encode()[:7]
        beyond = read("a", offset=200_001)
        assert beyond.status_code == 400
        assert beyond.headers["content-type"].startswith("text/plain")
        assert post("/drop_collection", json=at).status_code == 200
        assert read("a").status_code == 204

