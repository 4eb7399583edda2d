"""Snapshots through Qdrant's own client: taken, listed, carried away, brought back."""

import contextlib
import datetime
import hashlib
import http.server
import io
import ssl
import tarfile
import threading
import time

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from qdrant_client import models as m
from qdrant_client.http.exceptions import UnexpectedResponse

from skerry_server import Server

DIM = 16
COUNT = 600


def vector(number, batch=0):
    """A vector that tells its point and batch."""
    return [((number * 31 + batch * 7 + i * 13) % 101) / 101 + 0.01 for i in range(DIM)]


def points(numbers, batch=0):
    """Points that tell their batch."""
    return [
        m.PointStruct(id=n, vector=vector(n, batch), payload={"batch": batch, "tag": f"t{n % 5}"})
        for n in numbers
    ]


def create(client, name):
    """A collection with settings worth restoring, and some points."""
    client.create_collection(
        name,
        vectors_config=m.VectorParams(size=DIM, distance=m.Distance.DOT),
        hnsw_config=m.HnswConfigDiff(m=24, ef_construct=77),
        optimizers_config=m.OptimizersConfigDiff(indexing_threshold=4321),
    )
    client.create_payload_index(name, "tag", m.PayloadSchemaType.KEYWORD)
    client.upsert(name, points(range(COUNT)), wait=True)
    client.delete(name, m.PointIdsList(points=list(range(50, 60))), wait=True)


def everything(client, name):
    """All points with vectors and payloads, by id."""
    found, _ = client.scroll(name, limit=10 * COUNT, with_vectors=True)
    return {p.id: (p.payload, p.vector) for p in found}


def state(client, name):
    """Points and settings."""
    info = client.get_collection(name)
    return everything(client, name), info.config.model_dump(), info.payload_schema


def download(server, path):
    """An archive, checked against what the headers say."""
    answer = server.request("GET", path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    assert int(answer.headers["content-length"]) == len(answer.content)
    return answer.content


def upload(server, name, archive, **query):
    """Uploads an archive as a form."""
    files = {"snapshot": ("x.snapshot", io.BytesIO(archive))}
    return server.request(
        "POST", f"/collections/{name}/snapshots/upload", files=files, params=query
    )


@contextlib.contextmanager
def web_server(folder, tls=None):
    """A web server over a folder, with TLS where given: its port, the keys that it was shown."""
    keys = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def do_GET(self):
            keys.append(self.headers.get("api-key"))
            if self.path.startswith("/moved/"):
                self.send_response(302)
                self.send_header("location", self.path.removeprefix("/moved"))
                self.end_headers()
                return
            super().do_GET()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        if tls:
            web.socket = tls.wrap_socket(web.socket, server_side=True)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield web.server_port, keys
        web.shutdown()


@pytest.fixture
def elsewhere(tmp_path):
    """A web server over a folder: the folder, its address, the keys that it was shown."""
    with web_server(tmp_path) as (port, keys):
        yield tmp_path, f"http://127.0.0.1:{port}", keys


def certificate(folder):
    """An authority and what it has signed for `localhost`: a file to trust, a context to serve."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def signed(name, issuer, signer, key, *extensions):
        made = x509.CertificateBuilder().subject_name(name).issuer_name(issuer)
        made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        for extension, critical in extensions:
            made = made.add_extension(extension, critical)
        return made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    named = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root, leaf = named("test authority"), named("localhost")
    trusted, served = folder / "authority.pem", folder / "served.pem"
    ca = x509.BasicConstraints(ca=True, path_length=0)
    trusted.write_bytes(signed(root, root, root_key, root_key, (ca, True)))
    hosts = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    private = leaf_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    served.write_bytes(signed(leaf, root, root_key, leaf_key, (hosts, False)) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(served)
    return trusted, context


def test_a_snapshot_is_described_as_it_is(server, client, collection):
    create(client, collection)
    assert client.list_snapshots(collection) == []
    taken = client.create_snapshot(collection, wait=True)
    assert taken.name.startswith(f"{collection}-") and taken.name.endswith(".snapshot")
    listed = client.list_snapshots(collection)
    assert [s.model_dump() for s in listed] == [taken.model_dump()]
    archive = download(server, f"/collections/{collection}/snapshots/{taken.name}")
    assert len(archive) == taken.size
    assert hashlib.sha256(archive).hexdigest() == taken.checksum
    head = server.request("HEAD", f"/collections/{collection}/snapshots/{taken.name}")
    assert (head.status_code, head.headers["content-length"]) == (200, str(taken.size))
    # Any tar lists it.
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        names = tar.getnames()
    assert names[0] == "skerry-snapshot"
    assert all("/seg/" in name for name in names[1:])
    assert client.delete_snapshot(collection, taken.name, wait=True)
    assert client.list_snapshots(collection) == []
    for method in ("GET", "DELETE"):
        path = f"/collections/{collection}/snapshots/{taken.name}"
        assert server.request(method, path).status_code == 404


def test_an_upload_brings_everything_back(server, client, collection):
    create(client, collection)
    before = state(client, collection)
    taken = client.create_snapshot(collection, wait=True)
    archive = download(server, f"/collections/{collection}/snapshots/{taken.name}")
    client.upsert(collection, points(range(COUNT * 2), batch=1), wait=True)
    client.delete_payload_index(collection, "tag")
    answer = upload(server, collection, archive, priority="snapshot", checksum=taken.checksum)
    assert (answer.status_code, answer.json()["result"]) == (200, True), answer.text
    assert state(client, collection) == before
    hits = client.query_points(collection, query=vector(7), limit=3).points
    new = f"{collection}-new"
    assert upload(server, new, archive).status_code == 200
    assert state(client, new) == before
    assert client.query_points(new, query=vector(7), limit=3).points == hits
    # The two go on, each for itself.
    client.upsert(new, points([10**6]), wait=True)
    assert client.count(collection).count == len(before[0])
    client.delete_collection(new)


def test_recovering_keeps_aliases_and_works_through_them(server, client, collection):
    create(client, collection)
    alias = f"{collection}-alias"
    create_alias = m.CreateAlias(collection_name=collection, alias_name=alias)
    client.update_collection_aliases([m.CreateAliasOperation(create_alias=create_alias)])
    before = everything(client, collection)
    taken = client.create_snapshot(alias, wait=True)
    client.delete(collection, m.FilterSelector(filter=m.Filter()), wait=True)
    path = f"{server.url}/collections/{collection}/snapshots/{taken.name}"
    assert client.recover_snapshot(alias, path, wait=True)
    assert everything(client, alias) == before
    assert everything(client, collection) == before


def test_recovering_by_address(server, client, collection, elsewhere):
    folder, address, keys = elsewhere
    create(client, collection)
    before = everything(client, collection)
    taken = client.create_snapshot(collection, wait=True)
    archive = download(server, f"/collections/{collection}/snapshots/{taken.name}")
    (folder / "a b.snapshot").write_bytes(archive)
    (folder / "short.snapshot").write_bytes(archive[: len(archive) // 2])
    for place in ("/a%20b.snapshot", "/moved/a%20b.snapshot"):
        client.delete(collection, m.FilterSelector(filter=m.Filter()), wait=True)
        done = client.recover_snapshot(
            collection,
            address + place,
            api_key="the key",
            checksum=taken.checksum,
            priority=m.SnapshotPriority.SNAPSHOT,
            wait=True,
        )
        assert done
        assert everything(client, collection) == before
    assert set(keys) == {"the key"}
    for location, said in [
        (address + "/none.snapshot", "404"),
        (address + "/short.snapshot", "cut short"),
        ("http://127.0.0.1:1/x", "no connection"),
        ("https://127.0.0.1:1/x", "no connection"),
        ("ftp://127.0.0.1/x", "scheme"),
        ("x.snapshot", "location"),
    ]:
        with pytest.raises(UnexpectedResponse) as refused:
            client.recover_snapshot(collection, location, wait=True)
        assert refused.value.status_code == 400, location
        assert said in refused.value.content.decode(), location
    assert everything(client, collection) == before


def test_recovering_by_an_encrypted_address(tmp_path):
    trusted, context = certificate(tmp_path)
    (tmp_path / "web").mkdir()
    with web_server(tmp_path / "web", context) as (port, keys):
        address = f"https://localhost:{port}/c.snapshot"
        with Server(environment={"SSL_CERT_FILE": str(trusted)}) as server:
            client = server.client()
            create(client, "c")
            before = everything(client, "c")
            taken = client.create_snapshot("c", wait=True)
            archive = download(server, f"/collections/c/snapshots/{taken.name}")
            (tmp_path / "web/c.snapshot").write_bytes(archive)
            assert client.recover_snapshot("new", address, api_key="the key", wait=True)
            assert everything(client, "new") == before
            assert keys == ["the key"]
            # The certificate is for another name.
            with pytest.raises(UnexpectedResponse) as refused:
                client.recover_snapshot("other", address.replace("localhost", "127.0.0.1"))
            assert "certificate" in refused.value.content.decode()
        with Server() as server:
            client = server.client()
            with pytest.raises(UnexpectedResponse) as refused:
                client.recover_snapshot("new", address, wait=True)
            assert "certificate" in refused.value.content.decode()
            assert not client.collection_exists("new")


def test_recovering_from_a_file(server, client, collection, tmp_path):
    create(client, collection)
    before = everything(client, collection)
    taken = client.create_snapshot(collection, wait=True)
    file = tmp_path / "a b.snapshot"
    file.write_bytes(download(server, f"/collections/{collection}/snapshots/{taken.name}"))
    new = f"{collection}-new"
    assert client.recover_snapshot(new, file.as_uri(), wait=True)
    assert everything(client, new) == before
    client.delete_collection(new)
    for missing in (tmp_path / "none", tmp_path):
        with pytest.raises(UnexpectedResponse) as refused:
            client.recover_snapshot(new, missing.as_uri(), wait=True)
        assert refused.value.status_code == 400
    assert not client.collection_exists(new)


def test_what_is_no_snapshot_changes_nothing(server, client, collection):
    create(client, collection)
    before = state(client, collection)
    taken = client.create_snapshot(collection, wait=True)
    archive = download(server, f"/collections/{collection}/snapshots/{taken.name}")
    foreign = io.BytesIO()
    with tarfile.open(fileobj=foreign, mode="w") as tar:
        for name in ("version.info", "config.json", "0/segments/x.tar"):
            entry = tarfile.TarInfo(name)
            entry.size = 5
            tar.addfile(entry, io.BytesIO(b"{...}"))
    middle = len(archive) // 2
    flipped = archive[:middle] + bytes([archive[middle] ^ 1]) + archive[middle + 1 :]
    for wrong, query in [
        (foreign.getvalue(), {}),
        (b"", {}),
        (b"x" * 5000, {}),
        (archive[:-1], {}),
        (archive[:middle], {}),
        (flipped, {}),
        (archive, {"checksum": "0" * 64}),
    ]:
        for name in (collection, f"{collection}-new"):
            answer = upload(server, name, wrong, **query)
            assert answer.status_code == 400, answer.text
            assert answer.json()["status"]["error"]
    assert upload(server, collection, archive, checksum="0").status_code == 422
    assert upload(server, collection, archive, priority="mine").status_code == 400
    assert not client.collection_exists(f"{collection}-new")
    assert state(client, collection) == before


def test_an_upload_that_breaks_off_changes_nothing(server, client, collection):
    create(client, collection)
    before = everything(client, collection)
    taken = client.create_snapshot(collection, wait=True)
    archive = download(server, f"/collections/{collection}/snapshots/{taken.name}")
    head = b'--b\r\nContent-Disposition: form-data; name="snapshot"\r\n\r\n'

    def cut():
        yield head
        yield archive[: len(archive) // 2]
        raise ConnectionResetError

    for name in (collection, f"{collection}-new"):
        with pytest.raises(requests.ConnectionError):
            server.request(
                "POST",
                f"/collections/{name}/snapshots/upload",
                data=cut(),
                headers={"content-type": "multipart/form-data; boundary=b"},
            )
    assert everything(client, collection) == before
    assert not client.collection_exists(f"{collection}-new")


def test_shards(server, client, collection):
    create(client, collection)
    before = everything(client, collection)
    taken = client.create_shard_snapshot(collection, 0, wait=True)
    assert [s.name for s in client.list_shard_snapshots(collection, 0)] == [taken.name]
    assert client.list_snapshots(collection) == []
    present = download(server, f"/collections/{collection}/shards/0/snapshot")
    kept = download(server, f"/collections/{collection}/shards/0/snapshots/{taken.name}")
    client.delete(collection, m.FilterSelector(filter=m.Filter()), wait=True)
    assert client.recover_shard_snapshot(collection, 0, taken.name, wait=True)
    assert everything(client, collection) == before
    for archive in (present, kept):
        client.delete(collection, m.FilterSelector(filter=m.Filter()), wait=True)
        files = {"snapshot": ("x", io.BytesIO(archive))}
        path = f"/collections/{collection}/shards/0/snapshots/upload"
        assert server.request("POST", path, files=files).status_code == 200
        assert everything(client, collection) == before
    for call in (
        lambda: client.create_shard_snapshot(collection, 1, wait=True),
        lambda: client.list_shard_snapshots(collection, 1),
        lambda: client.delete_shard_snapshot(collection, 0, "none", wait=True),
        lambda: client.recover_shard_snapshot(collection, 1, taken.name, wait=True),
        lambda: client.recover_shard_snapshot(collection, 0, "none", wait=True),
    ):
        with pytest.raises(UnexpectedResponse) as refused:
            call()
        assert refused.value.status_code == 404
    assert client.delete_shard_snapshot(collection, 0, taken.name, wait=True)
    assert client.list_shard_snapshots(collection, 0) == []


def test_not_waiting_is_accepted(server, client, collection):
    create(client, collection)
    base = f"/collections/{collection}/snapshots"
    answer = server.request("POST", f"{base}?wait=false")
    assert answer.status_code == 202
    assert answer.json()["status"] == "accepted" and "result" not in answer.json()
    deadline = time.monotonic() + 20
    while not (listed := client.list_snapshots(collection)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    archive = download(server, f"{base}/{listed[0].name}")
    new = f"{collection}-new"
    body = {"location": f"{server.url}{base}/{listed[0].name}"}
    path = f"/collections/{new}/snapshots/recover?wait=false"
    assert server.request("PUT", path, json=body).status_code == 202
    while not client.collection_exists(new):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert everything(client, new) == everything(client, collection)
    assert upload(server, new, archive, wait="false").status_code == 202
    assert server.request("DELETE", f"{base}/{listed[0].name}?wait=false").status_code == 202
    while client.list_snapshots(collection):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    client.delete_collection(new)


def test_writes_go_on_while_snapshots_are_taken(server, client, collection):
    create(client, collection)
    stop, acknowledged = threading.Event(), []

    def write():
        with requests.Session() as session:
            batch = 1
            while not stop.is_set():
                body = {
                    "points": [
                        {"id": 10_000 + batch * 4 + i, "vector": vector(i), "payload": {"b": batch}}
                        for i in range(4)
                    ]
                }
                url = f"{server.url}/collections/{collection}/points?wait=true"
                assert session.put(url, json=body, timeout=60).status_code == 200
                acknowledged.append(batch)
                batch += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        taken = []
        for _ in range(5):
            before = len(acknowledged)
            taken.append((client.create_snapshot(collection, wait=True), before))
            taken[-1] += (len(acknowledged),)
    finally:
        stop.set()
        writer.join()
    copy = f"{collection}-copy"
    for snapshot, before, after in taken:
        url = f"{server.url}/collections/{collection}/snapshots/{snapshot.name}"
        assert client.recover_snapshot(copy, url, wait=True)
        found = everything(client, copy)
        written = {n: p for n, (p, _) in found.items() if n >= 10_000}
        batches = len(written) // 4
        assert before <= batches <= after + 1
        expected = {10_000 + b * 4 + i: {"b": b} for b in range(1, batches + 1) for i in range(4)}
        assert written == expected, "all of each batch, and none between left out"
    assert client.count(collection).count == COUNT - 10 + 4 * len(acknowledged)
    client.delete_collection(copy)


def test_snapshots_survive_what_happens_to_the_collection_and_the_process(fresh_server):
    client = fresh_server.client()
    create(client, "c")
    before = state(client, "c")
    taken = client.create_snapshot("c", wait=True)
    archive = download(fresh_server, f"/collections/c/snapshots/{taken.name}")
    for batch in range(1, 6):
        client.upsert("c", points(range(COUNT), batch), wait=True)
        time.sleep(0.7)
    fresh_server.kill9()
    fresh_server.start()
    client = fresh_server.client()
    assert [s.model_dump() for s in client.list_snapshots("c")] == [taken.model_dump()]
    client.delete_collection("c")
    with pytest.raises(UnexpectedResponse) as refused:
        client.list_snapshots("c")
    assert refused.value.status_code == 404
    fresh_server.restart()
    client = fresh_server.client()
    create(client, "c")
    assert download(fresh_server, f"/collections/c/snapshots/{taken.name}") == archive
    url = f"{fresh_server.url}/collections/c/snapshots/{taken.name}"
    assert client.recover_snapshot("c", url, wait=True)
    assert state(client, "c") == before
    fresh_server.kill9()
    fresh_server.start()
    client = fresh_server.client()
    assert state(client, "c") == before
    client.delete_snapshot("c", taken.name, wait=True)
    client.delete_collection("c")
    deadline = time.monotonic() + 20
    while left := [
        str(p)
        for folder in ("coll", "snap")
        for p in (fresh_server.own_folder / "data" / folder).rglob("*")
        if p.is_file()
    ]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_everything_at_once(fresh_server, tmp_path):
    client = fresh_server.client()
    create(client, "a")
    create(client, "b")
    client.delete("b", m.PointIdsList(points=[1, 2, 3]), wait=True)
    create_alias = m.CreateAlias(collection_name="a", alias_name="live")
    client.update_collection_aliases([m.CreateAliasOperation(create_alias=create_alias)])
    before = {name: state(client, name) for name in ("a", "b", "live")}
    taken = client.create_full_snapshot(wait=True)
    assert [s.name for s in client.list_full_snapshots()] == [taken.name]
    assert client.list_snapshots("a") == []
    archive = download(fresh_server, f"/snapshots/{taken.name}")
    assert hashlib.sha256(archive).hexdigest() == taken.checksum
    # It is not of one collection.
    refused = upload(fresh_server, "a", archive)
    assert refused.status_code == 400 and "whole database" in refused.text
    file = tmp_path / "full.snapshot"
    file.write_bytes(archive)
    assert client.delete_full_snapshot(taken.name, wait=True)
    assert client.list_full_snapshots() == []
    client.delete_collection("b")
    create(client, "later")
    fresh_server.stop()
    # Over what is there only by force.
    fresh_server.options = ["--storage-snapshot", file]
    with pytest.raises(AssertionError, match="force-snapshot"):
        fresh_server.start()
    fresh_server.options = ["--storage-snapshot", file, "--force-snapshot"]
    fresh_server.start()
    client = fresh_server.client()
    assert {name: state(client, name) for name in ("a", "b", "live")} == before
    assert not client.collection_exists("later")
    fresh_server.options = []
    fresh_server.restart()
    assert state(fresh_server.client(), "live") == before["live"]
