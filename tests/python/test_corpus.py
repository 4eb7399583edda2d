"""The corpus of Qdrant cases against the server: expected answers and documented shapes.

Every response is judged by Qdrant's own document, where it is at hand, and by the one that the
server gives of itself. The last tests ask whether the corpus is complete.
"""

import base64
import hashlib
import hmac
import json
import re

import pytest

import qdrant_document
from corpus import Run, Wrong, files, load, variants
from openapi_judge import Document, Verdict
from skerry_server import RUNTIME, Server

SEEN = {"requests": [], "own": None}


def token(claims, key):
    """A JWT (RFC 7519) of these claims, signed with HMAC-SHA256."""

    def text(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    head = text(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    body = text(json.dumps(claims).encode())
    mac = hmac.new(key.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{text(mac)}"


def judge(method, path, response):
    """Both documents allow the response. Qdrant's lacks some routes; ours has all."""
    if response.status_code == 404 and not response.content:
        return
    theirs = qdrant_document.document()
    if theirs is not None and theirs.find(method, path) is not None:
        theirs.judge(method, path, response)
    if response.status_code != 401 or SEEN["own"].find(method, path) is not None:
        # Whoever has no key does not learn which paths exist.
        SEEN["own"].judge(method, path, response)


def note(method, path, body, status):
    """Remembers what was asked, for the tests of completeness; ours allows what was done."""
    SEEN["requests"].append((method, path, body, status))
    found = SEEN["own"].find(method, path)
    if body is None or found is None or not 200 <= status < 300:
        return
    content = found[1].get("requestBody", {}).get("content", {})
    complaint = SEEN["own"].complaint(content.get("application/json", {}).get("schema", {}), body)
    if complaint:
        raise Verdict(f"{method} {path} did what our document forbids: {complaint} in {body}")


@pytest.fixture(scope="module")
def open_server():
    """A server without keys, which has told its interface."""
    with Server() as running:
        SEEN["own"] = Document(running.request("GET", "/openapi.json").json())
        yield running


@pytest.fixture
def place(request, open_server):
    """The server that a file asks for, empty, and the names that its cases may use."""
    keys = load(request.param).get("keys")
    if keys is None:
        for item in open_server.request("GET", "/collections").json()["result"]["collections"]:
            open_server.request("DELETE", f"/collections/{item['name']}")
        yield open_server, {}
        return
    if RUNTIME == "browser":
        pytest.skip("a tab has no keys: nobody but its own page reaches it")
    environment = {f"SKERRY_{name}": value for name, value in keys["settings"].items()}
    names = {name: token(c, keys["sign"]) for name, c in keys.get("tokens", {}).items()}
    with Server(environment=environment) as running:
        yield running, names


@pytest.mark.parametrize("place", files(), ids=lambda path: path.stem, indirect=True)
def test_cases(request, place):
    server, names = place
    content = load(request.node.callspec.params["place"])
    run = Run(server.request, judge, note)
    run.kept.update(names)
    run.prepare(content.get("setup", []), {})
    wrong = []
    for case in content["cases"]:
        for filling in variants(case):
            try:
                run.check(case, filling)
            except (Wrong, Verdict, KeyError, ValueError, TypeError) as error:
                shown = json.dumps(filling)[:120] if filling else ""
                wrong.append(f"{case['name']} {shown}: {type(error).__name__}: {error}")
                break
    count = len(content["cases"])
    assert not wrong, f"{len(wrong)} wrong, of {count} cases\n\n" + "\n\n".join(wrong)


# Completeness: these look at what the tests above have asked, so they need the whole file.

# What this server refuses by design, in words of the document: one node, and no inference but BM25.
REFUSED = re.compile(
    r"(Image|InferenceObject|ShardKey\w*|(Create|Drop)ShardingKey\w*|ReplicaState|ClusterOperations"
    r"|\w*Shard(Operation)?|Replica|DropReplicaOperation|AbortTransferOperation|AbortShardTransfer"
    r"|ShardTransferMethod"
    r"|RestartTransfer\w*|\w*Resharding\w*|ReplicatePoints\w*|DocumentOptions\[\]"
    r")([.:=\[].*)?|.*(:\[?Image\]?|:\[?InferenceObject\]?|\.shard_key(:.*)?)"
)
# Parts that a good request has only together with things outside: addresses to recover from.
OUTSIDE = re.compile(r"(Shard)?Snapshot(Recover|Location|Priority)\b.*")
# A union whose other kind is read first, and values that a single node takes no other way.
# Sparse vectors, which `qdrant/bm25` gives, have a name, so no unnamed vector is a document.
NEVER = {
    "ShardingMethod=custom", "VectorStruct:Document", "BatchVectorStruct:[Document]",
}


@pytest.fixture
def document():
    """Qdrant's document, or a skip that is counted."""
    if qdrant_document.document() is None:
        pytest.skip(qdrant_document.ABSENT)
    return qdrant_document.document()


def exercised(document, wanted):
    """The parts of request bodies in exchanges whose status is wanted."""
    parts = set()
    for method, path, body, status in SEEN["requests"]:
        found = document.find(method, path)
        if found is None or body is None or not wanted(status):
            continue
        content = found[1].get("requestBody", {}).get("content", {})
        if "application/json" in content:
            document.exercised(content["application/json"]["schema"], body, parts)
    return parts


def test_the_server_tells_of_every_operation(document):
    own = set(SEEN["own"].operations())
    missing = [operation for operation in document.operations() if operation not in own]
    assert not missing


def test_every_operation_is_asked(document):
    asked = {(m, document.find(m, p)[0]) for m, p, *_ in SEEN["requests"] if document.find(m, p)}
    missing = [operation for operation in document.operations() if operation not in asked]
    assert not missing


def test_every_part_of_a_request_is_exercised(document):
    parts = document.parts_of_requests()
    good = exercised(document, lambda status: status < 300)
    bad = exercised(document, lambda status: 400 <= status < 500)
    refused = {part for part in parts if REFUSED.fullmatch(part) or OUTSIDE.fullmatch(part)} | NEVER
    missing = sorted(parts - refused - good)
    assert not missing, f"{len(missing)} of {len(parts)} in no good request"
    missing = sorted(refused - good - bad)
    assert not missing, f"{len(missing)} of {len(refused)} in no request at all"
