"""`skerry sync` and data in a bucket: between directories, a bucket that speaks S3, and servers."""

import os
import random
import shutil
import subprocess
import sys
import time

import pytest
import requests
from qdrant_client import models

from skerry_server import Server, binary, free_port

DIM = 16
COUNT = 700


@pytest.fixture(scope="module")
def cloud():
    """A server that speaks S3, and the variables by which it is reached."""
    port = free_port()
    line = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 30
    while True:
        try:
            requests.get(url, timeout=5)
            break
        except requests.ConnectionError:
            assert time.monotonic() < deadline and process.poll() is None, "no S3 server"
            time.sleep(0.05)
    yield {
        "AWS_ENDPOINT": url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    process.terminate()
    process.wait()


@pytest.fixture
def bucket(cloud, request):
    """The address of an empty bucket."""
    name = request.node.name.replace("_", "-").replace("[", "-").replace("]", "")[:60]
    assert requests.put(f"{cloud['AWS_ENDPOINT']}/{name}", timeout=10).status_code == 200
    return f"s3://{name}/some/folder"


def sync(source, destination, environment=None):
    """Runs the command and returns what it says; None where it failed, with the complaint."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SKERRY_")}
    done = subprocess.run(
        [binary(), "sync", str(source), str(destination)],
        env={**inherited, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout if done.returncode == 0 else None, done.stderr


def fill(client, name="c", first=0, count=COUNT):
    """Points with vectors by chance and a number."""
    chance = random.Random(first)
    if not client.collection_exists(name):
        vectors = models.VectorParams(size=DIM, distance=models.Distance.COSINE)
        client.create_collection(name, vectors_config=vectors)
        client.create_payload_index(name, "n", "integer", wait=True)
    points = [
        models.PointStruct(
            id=first + i,
            vector=[chance.gauss(0, 1) for _ in range(DIM)],
            payload={"n": (first + i) % 10, "word": f"w{i}"},
        )
        for i in range(count)
    ]
    client.upsert(name, points, wait=True)


def answers(client, name="c"):
    """What some queries answer: ids and scores."""
    chance = random.Random(7)
    few = models.Filter(must=[models.FieldCondition(key="n", match=models.MatchValue(value=3))])
    seen = [client.count(name).count]
    for at in range(20):
        query = [chance.gauss(0, 1) for _ in range(DIM)]
        found = client.query_points(name, query, limit=10, query_filter=few if at % 2 else None)
        seen.append([(point.id, point.score) for point in found.points])
    return seen


def test_a_server_runs_on_a_bucket(bucket, cloud):
    """What was acknowledged is there after a death, and another server sees it."""
    with Server(data=bucket, environment=cloud) as server:
        fill(server.client())
        seen = answers(server.client())
        server.kill9()
        server.start()
        assert answers(server.client()) == seen
        fill(server.client(), first=COUNT, count=50)
        server.stop()
        with Server(data=bucket, environment=cloud) as other:
            assert other.client().count("c").count == COUNT + 50


def test_a_directory_goes_to_a_bucket_and_back(bucket, cloud, tmp_path):
    """The same answers on every side, and nothing is copied twice."""
    with Server(data=str(tmp_path / "here")) as server:
        fill(server.client())
        seen = answers(server.client())
        refused, complaint = sync(tmp_path / "here", bucket, cloud)
        assert refused is None and "in use" in complaint, complaint
        server.stop()
    said, complaint = sync(tmp_path / "here", bucket, cloud)
    assert said, complaint
    said, complaint = sync(tmp_path / "here", bucket, cloud)
    assert said.startswith("0 objects copied"), said + complaint
    with Server(data=bucket, environment=cloud) as server:
        assert answers(server.client()) == seen
        fill(server.client(), first=COUNT, count=20)
        seen = answers(server.client())
        server.stop()
    # What was written there is seen here.
    said, complaint = sync(bucket, tmp_path / "here", cloud)
    assert said, complaint
    with Server(data=str(tmp_path / "here")) as server:
        assert answers(server.client()) == seen
        server.stop()


def test_two_histories_are_not_mixed(tmp_path):
    """The destination keeps what it has of its own, and is named."""
    with Server(data=str(tmp_path / "a")) as server:
        fill(server.client(), count=10)
        server.stop()
    said, complaint = sync(tmp_path / "a", tmp_path / "b")
    assert said, complaint
    for folder, first in (("a", 100), ("b", 200)):
        with Server(data=str(tmp_path / folder)) as server:
            fill(server.client(), first=first, count=5)
            server.stop()
    refused, complaint = sync(tmp_path / "a", tmp_path / "b")
    assert refused is None and "changes that the source has not" in complaint, complaint
    with Server(data=str(tmp_path / "b")) as server:
        assert server.client().retrieve("c", [200]) and not server.client().retrieve("c", [100])


def test_a_copy_that_lost_objects_is_made_whole(tmp_path):
    """A run after one that broke off copies what is missing."""
    with Server(data=str(tmp_path / "a")) as server:
        fill(server.client())
        seen = answers(server.client())
        server.stop()
    assert sync(tmp_path / "a", tmp_path / "b")[0]
    (tmp_path / "b" / "objects.txt").unlink()
    shutil.rmtree(tmp_path / "b" / "catalog")
    said, complaint = sync(tmp_path / "a", tmp_path / "b")
    assert said and not said.startswith("0 "), complaint
    with Server(data=str(tmp_path / "b")) as server:
        assert answers(server.client()) == seen


def test_a_running_server_is_pulled_and_pushed(tmp_path):
    """A server at either end, by snapshots."""
    with Server() as server:
        client = server.client()
        fill(client)
        fill(client, name="other", count=5)
        seen = answers(client)
        said, complaint = sync(server.url, tmp_path / "copy")
        assert said and said.startswith("2 collections"), complaint
        assert requests.get(f"{server.url}/snapshots", timeout=10).json()["result"] == []
    assert (tmp_path / "copy" / "objects.txt").is_file()
    with Server(data=str(tmp_path / "copy")) as copy:
        assert answers(copy.client()) == seen
        copy.stop()
    with Server() as server:
        fill(server.client(), count=3)
        said, complaint = sync(tmp_path / "copy", server.url)
        assert said, complaint
        assert answers(server.client()) == seen
        assert server.client().count("other").count == 5


@pytest.mark.parametrize(
    ("source", "destination", "part"),
    [
        ("./none", "./there", "no such directory"),
        ("ftp://x/y", "./there", "no such directory"),
        ("s3:bucket", "./there", "s3://BUCKET"),
        ("memory:", "./there", "a place that lasts"),
        ("http://127.0.0.1:1", "http://127.0.0.1:2", "two running servers"),
        ("http://127.0.0.1:1", "./there", "no connection"),
    ],
)
def test_what_cannot_be_copied_is_said(source, destination, part, tmp_path):
    """A complaint that names what is wrong, and nothing is made."""
    source = source.replace("./", f"{tmp_path}/")
    said, complaint = sync(source, destination.replace("./", f"{tmp_path}/"))
    assert said is None and part in complaint, complaint
