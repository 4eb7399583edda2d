"""Administration: tokens, strict mode, what a server tells of itself, aliases, quotas, cluster."""

import base64
import hashlib
import hmac
import json
import re
import time
import uuid

import numpy as np
import pytest
from qdrant_client import models as m

from skerry_server import Server

KEY, ALT_KEY, READ_KEY = "secret-key", "other-key", "reading-key"
VECTORS = {"vectors": {"size": 4, "distance": "Dot"}}
UNMATCHED = "Invalid JWT, stateful validation failed"


def token(claims, key=KEY, header=None):
    """A signed token (HS256)."""

    def encode(part):
        return base64.urlsafe_b64encode(part).rstrip(b"=")

    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    signed = encode(json.dumps(header).encode()) + b"." + encode(json.dumps(claims).encode())
    signature = hmac.new(key.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + encode(signature)).decode()


def error(answer):
    """The text of an error in JSON."""
    return answer.json()["status"]["error"]


# Tokens


@pytest.fixture(scope="module")
def guarded():
    """A server with every kind of key, and the collections `a` and `b`."""
    options = ["--api-key", KEY, "--alt-api-key", ALT_KEY, "--read-only-api-key", READ_KEY]
    with Server(options=[*options, "--jwt-rbac"]) as server:
        for name in ("a", "b"):
            answer = server.request(
                "PUT", f"/collections/{name}", json=VECTORS, headers={"api-key": KEY}
            )
            assert answer.status_code == 200, answer.text
        yield server


def asked(server, claims, method="GET", path="/collections", body=None, **signed):
    """The answer to a request with a token of these claims."""
    headers = {"Authorization": f"Bearer {token(claims, **signed)}"}
    return server.request(method, path, json=body, headers=headers)


POINT = {"points": [{"id": 1, "vector": [1, 2, 3, 4], "payload": {"k": "v"}}]}
WRITE = ("PUT", "/collections/a/points?wait=true", POINT)
READ = ("POST", "/collections/a/points/scroll", {})
INDEX = ("PUT", "/collections/a/index?wait=true", {"field_name": "n", "field_schema": "integer"})
LAYOUT = ("GET", "/collections/a/cluster", None)
SETTINGS = ("PATCH", "/collections/a", {"metadata": {"m": 1}})
OTHER = ("GET", "/collections/b", None)
WHOLE = ("GET", "/cluster", None)


@pytest.mark.parametrize(
    ("access", "allowed"),
    [
        ("m", [READ, WRITE, INDEX, LAYOUT, SETTINGS, OTHER, WHOLE]),
        (None, [READ, WRITE, INDEX, LAYOUT, SETTINGS, OTHER, WHOLE]),
        ("r", [READ, LAYOUT, OTHER, WHOLE]),
        ([{"collection": "a", "access": "r"}], [READ, LAYOUT]),
        ([{"collection": "a", "access": "rw"}], [READ, WRITE, INDEX, LAYOUT]),
        ([{"collection": "a", "access": "prw"}], [READ, WRITE]),
        ([{"collection": "b", "access": "rw"}], [OTHER]),
        ([], []),
    ],
)
def test_a_token_allows_what_it_claims(guarded, access, allowed):
    claims = {} if access is None else {"access": access}
    for request in (READ, WRITE, INDEX, LAYOUT, SETTINGS, OTHER, WHOLE):
        answer = asked(guarded, claims, *request)
        expected = 200 if request in allowed else 403
        assert answer.status_code == expected, (access, request, answer.text)
        if expected == 403:
            assert error(answer).startswith("Forbidden: ")


def test_lists_show_only_what_a_token_covers(guarded):
    listed = asked(guarded, {"access": [{"collection": "a", "access": "prw"}]}).json()
    assert listed["result"]["collections"] == [{"name": "a"}]
    assert asked(guarded, {"access": []}).json()["result"]["collections"] == []


@pytest.mark.parametrize(
    ("claims", "signed", "status", "text"),
    [
        ({}, {"key": "strange"}, 403, "InvalidSignature"),
        ({"exp": 1}, {}, 403, "ExpiredSignature"),
        # No token for the key that signed it, and a wrong one for the other.
        ({"exp": "soon"}, {}, 403, "InvalidSignature"),
        ({"access": "w"}, {}, 401, "Invalid API key or JWT"),
        ({"access": [{"collection": "a"}]}, {}, 401, "Invalid API key or JWT"),
        ({}, {"header": {"alg": "none"}}, 401, "Invalid API key or JWT"),
        ({}, {"key": READ_KEY}, 403, "InvalidSignature"),
    ],
)
def test_what_is_wrong_with_a_token_is_said_in_plain_text(guarded, claims, signed, status, text):
    answer = asked(guarded, claims, **signed)
    assert (answer.status_code, answer.text) == (status, text)
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_token_lives_until_its_time_and_a_little_longer(guarded):
    now = int(time.time())
    for exp, status in ((now + 60, 200), (now - 20, 200), (now - 60, 403)):
        assert asked(guarded, {"exp": exp}).status_code == status


def test_repeated_collections_and_old_constraints_are_refused(guarded):
    one = {"collection": "a", "access": "r"}
    assert asked(guarded, {"access": [one, one]}).status_code == 401
    assert asked(guarded, {"access": [{**one, "payload": {"k": 1}}]}).status_code == 401


def test_a_token_may_demand_a_value(guarded):
    demand = {"collection": "tokens", "matches": [{"key": "id", "value": 42}]}
    claims = {"value_exists": demand, "access": "r"}
    headers = {"api-key": KEY}
    missing = asked(guarded, claims)
    assert (missing.status_code, missing.text) == (403, UNMATCHED)
    made = guarded.request("PUT", "/collections/tokens", json={"vectors": {}}, headers=headers)
    assert made.status_code == 200, made.text
    empty = asked(guarded, claims)
    assert (empty.status_code, empty.text) == (401, UNMATCHED)
    path = "/collections/tokens/points"
    body = {"points": [{"id": 1, "vector": {}, "payload": {"id": 42}}]}
    assert guarded.request("PUT", path + "?wait=true", json=body, headers=headers).ok
    assert asked(guarded, claims).status_code == 200
    gone = {"points": [1]}
    assert guarded.request("POST", path + "/delete?wait=true", json=gone, headers=headers).ok
    assert asked(guarded, claims).status_code == 401


def test_both_full_keys_sign_and_open(guarded):
    assert asked(guarded, {"access": "m"}, key=ALT_KEY).status_code == 200
    assert guarded.request("GET", "/cluster", headers={"api-key": ALT_KEY}).status_code == 200


def test_bodies_reach_no_further_than_the_token(guarded):
    claims = {"access": [{"collection": "a", "access": "r"}]}
    body = {"query": [1, 2, 3, 4], "group_by": "k", "with_lookup": "b"}
    answer = asked(guarded, claims, "POST", "/collections/a/points/query/groups", body)
    assert answer.status_code == 403, answer.text


# Strict mode


@pytest.fixture
def strict(client, collection):
    """A function that makes the collection and sets its limits."""

    def make(**limits):
        client.create_collection(
            collection,
            vectors_config=m.VectorParams(size=4, distance=m.Distance.DOT),
            strict_mode_config=m.StrictModeConfig(enabled=True, **limits),
        )
        return collection

    return make


def points(count, first=0):
    """Points for an upsert."""
    return {"points": [{"id": first + i, "vector": [1, 2, 3, i]} for i in range(count)]}


FILTER = {"must": [{"key": "city", "match": {"value": "Berlin"}}]}


@pytest.mark.parametrize(
    ("limits", "path", "body", "text"),
    [
        ({"max_query_limit": 10}, "query", {"limit": 20}, 'Limit exceeded 20 > 10 for "limit"'),
        ({"max_timeout": 5}, "query?timeout=6", {}, 'Limit exceeded 6 > 5 for "timeout"'),
        (
            {"unindexed_filtering_retrieve": False},
            "scroll",
            {"filter": FILTER},
            'Index required but not found for "city" of one of the following types: [keyword',
        ),
        (
            {"unindexed_filtering_update": False},
            "delete",
            {"filter": FILTER},
            'Index required but not found for "city"',
        ),
        (
            {"unindexed_filtering_retrieve": False},
            "query/groups",
            {"query": [1, 2, 3, 4], "group_by": "city"},
            'Index required but not found for "city"',
        ),
        (
            {"search_max_hnsw_ef": 8},
            "query",
            {"query": [1, 2, 3, 4], "params": {"hnsw_ef": 9}},
            'Limit exceeded 9 > 8 for "hnsw_ef"',
        ),
        (
            {"search_allow_exact": False},
            "query",
            {"query": [1, 2, 3, 4], "params": {"exact": True}},
            "Exact search disabled!. Help: Set exact=false.",
        ),
        (
            {"search_max_oversampling": 1.5},
            "query",
            {"query": [1, 2, 3, 4], "params": {"quantization": {"oversampling": 2.0}}},
            'for "oversampling"',
        ),
        (
            {"search_max_batchsize": 1},
            "query/batch",
            {"searches": [{}, {}]},
            'Limit exceeded 2 > 1 for "search batch size"',
        ),
        (
            {"filter_max_conditions": 1},
            "count",
            {"filter": {"must": FILTER["must"] * 2}},
            "Filter condition limit reached (2 > 1)",
        ),
        (
            {"condition_max_size": 2},
            "count",
            {"filter": {"must": [{"key": "n", "match": {"any": [1, 2, 3]}}]}},
            "Condition size limit reached (3 > 2)",
        ),
    ],
)
def test_each_limit_has_its_words(server, strict, limits, path, body, text):
    name = strict(**limits)
    answer = server.request("POST", f"/collections/{name}/points/{path}", json=body)
    assert answer.status_code == 400, answer.text
    assert error(answer).startswith("Bad request: ") and text in error(answer)


def test_writes_have_limits_of_their_own(server, strict):
    name = strict(upsert_max_batchsize=2, max_points_count=3, max_payload_index_count=1)
    path = f"/collections/{name}/points?wait=true"
    answer = server.request("PUT", path, json=points(3))
    assert 'Limit exceeded 3 > 2 for "upsert limit"' in error(answer)
    assert server.request("PUT", path, json=points(2)).ok
    assert server.request("PUT", path, json=points(2, 2)).ok
    answer = server.request("PUT", path, json=points(1))
    assert error(answer) == "Bad request: Max points count limit of 3 reached!"
    index = f"/collections/{name}/index?wait=true"
    body = {"field_name": "a", "field_schema": "keyword"}
    assert server.request("PUT", index, json=body).ok
    assert server.request("PUT", index, json=body).ok
    answer = server.request("PUT", index, json={**body, "field_name": "b"})
    assert "maximum number of payload indices (1)" in error(answer)


@pytest.mark.parametrize("what", ["vector", "payload"])
def test_bytes_are_limited(server, strict, what):
    name = strict(**{f"max_collection_{what}_size_bytes": 64})
    path = f"/collections/{name}/points?wait=true"
    body = points(8)
    for point in body["points"]:
        point["payload"] = {"text": "x" * 20}
    assert server.request("PUT", path, json=body).ok
    answer = server.request("PUT", path, json=body)
    assert answer.status_code == 400
    assert re.search(rf"Max {what} storage size limit of .*MB reached!", error(answer))
    gone = {"points": list(range(8))}
    assert server.request("POST", f"/collections/{name}/points/delete?wait=true", json=gone).ok


def test_rates_are_limited(server, strict):
    name = strict(read_rate_limit=60, write_rate_limit=10)
    path = f"/collections/{name}/points?wait=true"
    answer = server.request("PUT", path, json=points(11))
    assert answer.status_code == 429
    assert "request larger than rate limiter capacity" in error(answer)
    assert server.request("PUT", path, json=points(10)).ok
    answer = server.request("PUT", path, json=points(10))
    assert answer.status_code == 429
    assert "Write rate limit exceeded: Operation requires 10 tokens" in error(answer)
    assert 50 <= int(answer.headers["Retry-After"]) <= 60
    count = f"/collections/{name}/points/count"
    answers = [server.request("POST", count, json={}) for _ in range(100)]
    refused = [a for a in answers if a.status_code == 429]
    assert refused and "Read rate limit exceeded" in error(refused[0])
    assert 1 <= int(refused[0].headers["Retry-After"]) <= 5


def test_limits_can_be_lifted_and_are_shown(server, client, strict):
    name = strict(max_query_limit=1)
    shown = client.get_collection(name).config.strict_mode_config
    assert shown.enabled and shown.max_query_limit == 1
    client.update_collection(name, strict_mode_config=m.StrictModeConfig(enabled=False))
    assert server.request("POST", f"/collections/{name}/points/query", json={"limit": 5}).ok


# Collections


def test_optimizations_are_told_while_and_after_they_run(server, client, collection):
    client.create_collection(
        collection,
        vectors_config=m.VectorParams(size=64, distance=m.Distance.COSINE),
        optimizers_config=m.OptimizersConfigDiff(indexing_threshold=100),
    )
    assert client.get_collection(collection).status == m.CollectionStatus.GREEN
    rows = np.random.default_rng(7).normal(size=(3000, 64)).tolist()
    body = {"batch": {"ids": list(range(3000)), "vectors": rows}}
    assert server.request("PUT", f"/collections/{collection}/points?wait=true", json=body).ok
    path = f"/collections/{collection}/optimizations"
    everything = path + "?with=queued,completed,idle_segments"
    seen, deadline = set(), time.monotonic() + 60
    while time.monotonic() < deadline:
        told = server.request("GET", everything).json()["result"]
        seen |= {task["status"] for task in told["running"]}
        if told["completed"] and not told["running"] and not told["queued"]:
            break
        seen |= {client.get_collection(collection).status.value}
    assert seen & {"yellow", "optimizing", "grey"}, seen
    kinds = [task["optimizer"] for task in told["completed"]]
    assert "seal" in kinds, kinds
    for task in told["completed"]:
        assert task["status"] == "done" and uuid.UUID(task["uuid"])
        assert task["progress"]["duration_sec"] >= 0 and task["progress"]["started_at"]
    assert sum(s["points_count"] for s in told["idle_segments"]) == 3000
    assert len(server.request("GET", path + "?with=completed&completed_limit=1").json()
               ["result"]["completed"]) == 1
    plain = server.request("GET", path).json()["result"]
    assert set(plain) == {"summary", "running"}
    info = client.get_collection(collection)
    assert info.status == m.CollectionStatus.GREEN and info.indexed_vectors_count == 3000
    assert info.update_queue.length == 0
    for bad in ("with=all", "completed_limit=many"):
        assert server.request("GET", f"{path}?{bad}").status_code == 400


def test_metadata_merges_and_nulls_remove(server, client, collection):
    body = {**VECTORS, "metadata": {"a": 1, "b": {"c": 2}}}
    assert server.request("PUT", f"/collections/{collection}", json=body).ok
    change = {"metadata": {"a": None, "d": [3]}}
    assert server.request("PATCH", f"/collections/{collection}?timeout=5", json=change).ok
    assert client.get_collection(collection).config.metadata == {"b": {"c": 2}, "d": [3]}
    answer = server.request("PATCH", f"/collections/{collection}?timeout=0", json={})
    assert answer.status_code == 400


def test_aliases_are_applied_in_order_and_all_or_none(server, client, collection):
    server.request("PUT", f"/collections/{collection}", json=VECTORS)
    alias, other = f"x-{collection}", f"y-{collection}"

    def change(*actions):
        return server.request("POST", "/collections/aliases", json={"actions": list(actions)})

    create = {"create_alias": {"collection_name": collection, "alias_name": alias}}
    rename = {"rename_alias": {"old_alias_name": alias, "new_alias_name": other}}
    assert change(create, rename).json()["result"] is True
    assert [a.alias_name for a in client.get_collection_aliases(collection).aliases] == [other]
    missing = {"rename_alias": {"old_alias_name": "none", "new_alias_name": "z"}}
    refused = change(create, missing)
    assert (refused.status_code, error(refused)) == (404, "Not found: Alias none does not exists!")
    assert [a.alias_name for a in client.get_collection_aliases(collection).aliases] == [other]
    assert change({"delete_alias": {"alias_name": "none"}}).ok
    clash = {"create_alias": {"collection_name": collection, "alias_name": collection}}
    assert change(clash).status_code == 409
    assert server.request("GET", f"/collections/{other}").ok
    client.delete_collection(collection)
    assert other not in [a.alias_name for a in client.get_aliases().aliases]


# The server


def test_telemetry_tells_more_at_each_level(server, collection):
    server.request("PUT", f"/collections/{collection}", json=VECTORS)
    told = [
        server.request("GET", f"/telemetry?details_level={level}").json()["result"]
        for level in (0, 1, 2, 10)
    ]
    assert set(told[0]) == {"id", "app", "collections", "cluster", "requests", "quota"}
    assert {"memory", "hardware", "search_pool"} <= set(told[1])
    assert set(told[0]["collections"]) == {"number_of_collections"}
    assert "vectors" in told[1]["collections"]["collections"][0]
    full = {c["id"]: c for c in told[2]["collections"]["collections"]}
    assert full[collection]["shards"][0]["local"]["num_points"] == 0
    assert told[0]["id"] == told[3]["id"]
    counts = told[0]["requests"]["rest"]["responses"]["PUT /collections/{collection_name}"]
    assert counts["200"]["count"] >= 1
    named = server.request("GET", "/telemetry?per_collection=true").json()["result"]
    assert collection in named["requests"]["rest"]["per_collection_responses"]
    hidden = server.request("GET", "/telemetry?details_level=2&anonymize=true").text
    assert collection not in hidden
    for bad in ("details_level=x", "anonymize=1", "timeout=0"):
        assert server.request("GET", f"/telemetry?{bad}").status_code == 400, bad


def test_metrics_have_the_names_of_qdrant(server, collection):
    server.request("PUT", f"/collections/{collection}", json=VECTORS)
    answer = server.request("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    text = answer.text
    for line in (
        r'app_info{name="qdrant",version="1\.19\.\d+"} 1',
        r"collections_total \d+",
        rf'collection_points{{id="{collection}"}} 0',
        r'rest_responses_total{method="PUT",endpoint="/collections/{collection_name}",'
        r'status="200"} \d+',
        r"rest_responses_duration_seconds_bucket{.*le=\"\+Inf\"} \d+",
        r"cluster_enabled 0",
        r"memory_resident_bytes \d+",
    ):
        assert re.search(rf"^{line}$", text, re.MULTILINE), line
    families = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
    assert len(families) == len(set(families)), "a family is declared twice"
    named = server.request("GET", "/metrics?per_collection=true").text
    assert f'collection="{collection}"' in named
    hidden = server.request("GET", "/metrics?per_collection=true&anonymize=true").text
    assert f'collection="{collection}"' not in hidden


def test_filters_without_an_index_leave_a_hint(server, collection):
    server.request("DELETE", "/issues")
    server.request("PUT", f"/collections/{collection}", json=VECTORS)
    body = {"filter": {"must": [{"key": "n", "match": {"value": 3}}]}}
    assert server.request("POST", f"/collections/{collection}/points/count", json=body).ok
    issues = server.request("GET", "/issues").json()["result"]["issues"]
    own = [i for i in issues if i["related_collection"] == collection]
    action = own[0]["solution"]["immediate"]["action"]
    assert (action["method"], action["body"]["field_schema"]) == ("PUT", "integer")
    taken = server.request(action["method"], action["uri"] + "?wait=true", json=action["body"])
    assert taken.ok
    issues = server.request("GET", "/issues").json()["result"]["issues"]
    assert not [i for i in issues if i["related_collection"] == collection]
    assert server.request("DELETE", "/issues").json()["result"] is True


def test_quotas_close_the_door_to_writes_and_survive(fresh_server):
    server = fresh_server
    server.request("PUT", "/collections/c", json=VECTORS)
    usage = server.request("GET", "/quotas").json()["result"]
    assert usage["config"] == {"enabled": False}
    assert 0 <= usage["usage"]["disk_usage_percent"] <= 100
    for bad in ({"max_disk_usage_percent": 0}, {"release_margin_percent": 101}):
        assert server.request("PUT", "/quotas", json=bad).status_code == 422
    # A disk with anything on it is beyond one percent; where it is not, nothing can be shown.
    if usage["usage"]["disk_usage_percent"] < 1:
        pytest.skip("the disk is empty")
    quota = {"enabled": True, "max_disk_usage_percent": 1}
    assert server.request("PUT", "/quotas?wait=true", json=quota).json()["result"] is True
    server.restart()
    assert server.request("GET", "/quotas").json()["result"]["config"] == quota
    answer = server.request("PUT", "/collections/c/points?wait=true", json=points(1))
    assert answer.status_code == 507
    assert "raise `max_disk_usage_percent` in the global quota config." in error(answer)
    gone = server.request("POST", "/collections/c/points/delete?wait=true", json={"points": [1]})
    assert gone.ok
    assert server.request("PUT", "/quotas", json={"enabled": False}).ok
    assert server.request("PUT", "/collections/c/points?wait=true", json=points(1)).ok


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/cluster/recover", None),
        ("DELETE", "/cluster/peer/1", None),
        ("GET", "/cluster/metadata/keys", None),
        ("POST", "/collections/{c}/cluster", {"drop_replica": {"shard_id": 0, "peer_id": 1}}),
        ("PUT", "/collections/{c}/shards", {"shard_key": "a"}),
        ("POST", "/collections/{c}/shards/delete", {"shard_key": "a"}),
    ],
)
def test_one_node_is_no_cluster(server, collection, method, path, body):
    server.request("PUT", f"/collections/{collection}", json=VECTORS)
    answer = server.request(method, path.replace("{c}", collection), json=body)
    assert answer.status_code == 405
    assert error(answer) == "Qdrant is running in standalone mode"


def test_what_one_node_can_say_of_shards(server, client, collection):
    server.request("PUT", f"/collections/{collection}", json=VECTORS)
    base = f"/collections/{collection}"
    assert server.request("PUT", f"{base}/points?wait=true", json=points(3)).ok
    assert server.request("GET", "/cluster").json()["result"] == {"status": "disabled"}
    layout = server.request("GET", f"{base}/cluster").json()["result"]
    assert layout["local_shards"] == [{"shard_id": 0, "points_count": 3, "state": "Active"}]
    assert server.request("GET", f"{base}/shards").json()["result"] == {"shard_keys": []}
    told = server.request("GET", "/cluster/telemetry").json()["result"]
    assert told["collections"][collection]["shards"][0]["replicas"][0]["num_points"] == 3
    count = server.request("POST", f"{base}/shards/0/points/count", json={})
    assert count.json()["result"]["count"] == 3
    assert server.request("POST", f"{base}/shards/1/points/count", json={}).status_code == 404
    assert server.request("POST", f"{base}/truncate_unapplied_wal").json()["result"] == 0
    assert server.request("GET", f"{base}/memory").json()["result"]["vectors_size_bytes"] == 48


# HTTP


def test_paths_methods_and_bodies(server, collection):
    server.request("PUT", f"/collections/{collection}/", json=VECTORS)
    assert server.request("GET", f"/collections/{collection}/exists//").json()["result"]["exists"]
    for method, path in (("GET", "/nothing"), ("PATCH", "/collections"), ("DELETE", "/cluster")):
        answer = server.request(method, path)
        assert (answer.status_code, answer.content) == (404, b"")
    query = f"/collections/{collection}/points/query"
    untyped = server.request("POST", query, data=b"{}", headers={"content-type": ""})
    assert untyped.ok
    assert untyped.headers["content-type"] == "application/json"
    large = server.request("POST", query, data=b" " * (33 << 20))
    assert large.status_code == 400 and "larger than allowed" in error(large)
    page = server.request("GET", "/collections", headers={"Origin": "https://example.org"})
    assert page.headers["access-control-allow-origin"] == "*"
