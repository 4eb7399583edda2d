"""Groups, facets, matrices, ordered pages, conditional updates and payload paths.

Two oracles: Qdrant's in-memory client (groups, lookups, matrices) and Qdrant's engine in process
(`qdrant-edge-py`: facets, ordered pages, conditional updates, payload paths). Runs are seeded.

Known differences:

- Points of equal score, and groups whose best points have equal scores, come in any order:
  compared as such.
- The oracle in memory ranks all points before it groups them. A server searches at most ten times;
  the collections here are small enough for that to find everything.
- `overwrite_payload` with a `key`: the whole payload is replaced, as the engine does.
- Operations that name a missing point: the engine changes the points before it, we change none.
"""

import random
import tempfile
import threading
import uuid

import pytest
import qdrant_edge as edge
import requests
from qdrant_client import QdrantClient
from qdrant_client import models as m

from test_differential import close, same_values

SEED = 20261
DIM = 6
UUIDS = [str(uuid.UUID(int=7919 * i)) for i in range(1, 6)]
KEYS = ["red", "green", "blue", "mauve", *UUIDS[:2], 1, 2, 3, -4]


def vector(rng, dim=DIM):
    """A random direction."""
    return [round(rng.gauss(0, 1), 3) for _ in range(dim)]


def group_value(rng):
    """A value that a group can have, mostly; or a list of some."""
    if rng.random() < 0.1:
        return rng.choice([None, True, 2.5, [], {"a": 1}, ["red", True], [["red"]]])
    if rng.random() < 0.25:
        return [rng.choice(KEYS) for _ in range(rng.randint(1, 3))]
    return rng.choice(KEYS)


def payload(rng):
    """Some of the fields, each of its kind."""
    drawn = {
        "g": group_value(rng),
        "nest": {"in": [{"g": rng.choice(KEYS)} for _ in range(rng.randint(0, 3))]},
        "k": rng.choice(["a", "b", "c", "d", ["a", "b", "a"], ["d"]]),
        "i": rng.choice([0, 1, 2, 3, -7, [1, 1, 2]]),
        "b": rng.choice([True, False, [True, False]]),
        "u": rng.choice([*UUIDS, UUIDS[0].upper(), UUIDS[0].replace("-", "")]),
        "f": round(rng.uniform(-5, 5), 2),
        "d": f"2024-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}T00:00:00Z",
    }
    return {name: value for name, value in drawn.items() if rng.random() < 0.9}


class Pair:
    """The same points in our server and in the in-memory client."""

    def __init__(self, client, name, distance, rng, count=120):
        self.ours, self.theirs, self.name, self.rng = client, QdrantClient(":memory:"), name, rng
        for database in (self.ours, self.theirs):
            database.create_collection(
                name, vectors_config=m.VectorParams(size=DIM, distance=distance)
            )
        points = [
            m.PointStruct(id=i, vector=vector(rng), payload=payload(rng)) for i in range(count)
        ]
        gone = [i for i in range(count) if rng.random() < 0.1]
        for database in (self.ours, self.theirs):
            database.upsert(name, points, wait=True)
            database.delete(name, m.PointIdsList(points=gone), wait=True)

    def filter(self):
        """No filter, or one that leaves some points."""
        return self.rng.choice(
            [
                None,
                m.Filter(must=[m.FieldCondition(key="f", range=m.Range(gte=0.0))]),
                m.Filter(must_not=[m.FieldCondition(key="k", match=m.MatchValue(value="a"))]),
            ]
        )


@pytest.fixture(params=list(m.Distance), ids=lambda d: d.value)
def pair(request, client, collection):
    """Both databases with one metric."""
    rng = random.Random(f"{SEED} {request.param.value}")
    return Pair(client, collection, request.param, rng)


def same_groups(ours, theirs, what):
    """Equal groups with equal hits and lookups, in the same order but for equal scores."""
    assert len(ours) == len(theirs), what
    for our, their in zip(ours, theirs, strict=True):
        assert close(our.hits[0].score, their.hits[0].score), (what, our.id, their.id)
    worst = ours[-1].hits[0].score if ours else None
    known = {group.id: group for group in theirs}
    for our in ours:
        their = known.get(our.id)
        if their is None:
            assert close(our.hits[0].score, worst), (what, our.id)
            continue
        assert len(our.hits) == len(their.hits), (what, our.id)
        for a, b in zip(our.hits, their.hits, strict=True):
            assert close(a.score, b.score), (what, a, b)
            assert a.id != b.id or same_values(a.payload, b.payload), (what, a, b)
        ids = ({h.id for h in our.hits}, {h.id for h in their.hits})
        last = our.hits[-1].score
        ties = [h for h in [*our.hits, *their.hits] if close(h.score, last)]
        assert ids[0] ^ ids[1] <= {h.id for h in ties}, (what, our.id, ids)
        lookups = (our.lookup, their.lookup)
        assert (our.lookup is None) == (their.lookup is None), (what, lookups)
        if our.lookup is not None:
            assert our.lookup.id == their.lookup.id, (what, lookups)
            assert same_values(our.lookup.payload, their.lookup.payload), (what, lookups)


def test_groups_agree(pair):
    for case in range(25):
        rng = pair.rng
        asked = {
            "group_by": rng.choice(["g", "g[]", "nest.in[].g", "k", "i", "missing", "f", "b"]),
            "query": vector(rng) if rng.random() < 0.8 else None,
            "limit": rng.randint(1, 8),
            "group_size": rng.randint(1, 5),
            "query_filter": pair.filter(),
            "with_payload": rng.choice([True, False, ["k", "nest"]]),
        }
        ours = pair.ours.query_points_groups(pair.name, **asked).groups
        theirs = pair.theirs.query_points_groups(pair.name, **asked).groups
        same_groups(ours, theirs, (case, asked))
        if asked["query"] is None:
            assert [g.id for g in ours] == [g.id for g in theirs], (case, asked)


def test_groups_look_up_points_of_another_collection(pair):
    other = f"{pair.name}-other"
    points = [
        m.PointStruct(id=key, vector=vector(pair.rng), payload={"named": str(key), "more": 1})
        for key in [1, 2, *UUIDS[:2]]
    ]
    for database in (pair.ours, pair.theirs):
        database.create_collection(
            other, vectors_config=m.VectorParams(size=DIM, distance=m.Distance.DOT)
        )
        database.upsert(other, points, wait=True)
    try:
        for lookup in [
            other,
            m.WithLookup(collection=other, with_payload=["named"], with_vectors=False),
            m.WithLookup(collection=other, with_payload=False),
        ]:
            # The in-memory client retrieves every id, and refuses texts that are no ids.
            only_ids = m.Filter(
                must=[m.FieldCondition(key="g", match=m.MatchAny(any=[1, 2]))]
            )
            asked = {"group_by": "i", "query": vector(pair.rng), "limit": 4, "group_size": 2}
            asked = {**asked, "query_filter": m.Filter(must_not=[
                m.FieldCondition(key="i", range=m.Range(lt=0))
            ]), "with_lookup": lookup}
            ours = pair.ours.query_points_groups(pair.name, **asked).groups
            theirs = pair.theirs.query_points_groups(pair.name, **asked).groups
            same_groups(ours, theirs, asked)
            groups = pair.ours.query_points_groups(
                pair.name, group_by="g", query=vector(pair.rng), limit=20, with_lookup=lookup,
                query_filter=only_ids,
            ).groups
            assert {g.id for g in groups if g.lookup} >= {1, 2}
        groups = pair.ours.query_points_groups(
            pair.name, group_by="g", query=vector(pair.rng), limit=20, with_lookup=other
        ).groups
        found = {g.id: g.lookup for g in groups}
        assert all((found[key] is not None) == (key in [1, 2, *UUIDS[:2]]) for key in found)
    finally:
        pair.ours.delete_collection(other)


def test_a_matrix_holds_the_nearest_of_its_sample(pair):
    for _ in range(5):
        sample, limit = pair.rng.randint(2, 30), pair.rng.randint(1, 6)
        keep = pair.filter()
        pairs = pair.ours.search_matrix_pairs(
            pair.name, query_filter=keep, sample=sample, limit=limit
        ).pairs
        matching = {p.id for p in pair.ours.scroll(pair.name, keep, limit=1000)[0]}
        ids = sorted({p.a for p in pairs})
        assert len(ids) == min(sample, len(matching)) and set(ids) <= matching
        for point in ids:
            others = m.Filter(must=[m.HasIdCondition(has_id=[i for i in ids if i != point])])
            stored = pair.theirs.retrieve(pair.name, [point], with_vectors=True)[0].vector
            found = pair.theirs.query_points(
                pair.name, query=stored, query_filter=others, limit=sample
            ).points
            scores = {p.id: p.score for p in found}
            ours = [(p.b, p.score) for p in pairs if p.a == point]
            assert len({b for b, _ in ours}) == len(ours) == min(limit, len(found))
            # Sums of rounded components may be equal, and then come in any order.
            for (b, score), wanted in zip(ours, found, strict=False):
                assert close(score, wanted.score) and close(score, scores[b])
    everything = pair.ours.search_matrix_offsets(pair.name, sample=1000, limit=2)
    oracle = pair.theirs.search_matrix_offsets(pair.name, sample=1000, limit=2)
    assert everything.ids == oracle.ids
    assert everything.offsets_row == oracle.offsets_row
    assert everything.offsets_col == oracle.offsets_col
    assert all(close(a, b) for a, b in zip(everything.scores, oracle.scores, strict=True))


# Against the engine

INDEXED = {
    "k": (m.PayloadSchemaType.KEYWORD, edge.PayloadSchemaType.Keyword),
    "i": (m.PayloadSchemaType.INTEGER, edge.PayloadSchemaType.Integer),
    "b": (m.PayloadSchemaType.BOOL, edge.PayloadSchemaType.Bool),
    "u": (m.PayloadSchemaType.UUID, edge.PayloadSchemaType.Uuid),
    "f": (m.PayloadSchemaType.FLOAT, edge.PayloadSchemaType.Float),
    "d": (m.PayloadSchemaType.DATETIME, edge.PayloadSchemaType.Datetime),
}


class Engine:
    """The same points in our server and in Qdrant's engine."""

    def __init__(self, client, name, rng, indexed=True):
        self.client, self.name, self.rng = client, name, rng
        client.create_collection(
            name, vectors_config=m.VectorParams(size=2, distance=m.Distance.DOT)
        )
        self.folder = tempfile.TemporaryDirectory()
        params = edge.EdgeVectorParams(size=2, distance=edge.Distance.Dot)
        self.shard = edge.EdgeShard.create(self.folder.name, edge.EdgeConfig(vectors={"": params}))
        for key, (ours, theirs) in INDEXED.items() if indexed else ():
            client.create_payload_index(name, key, ours, wait=True)
            self.shard.update(edge.UpdateOperation.create_field_index(key, theirs))

    def upsert(self, points, condition=None, mode=None):
        """Writes `(id, payload)` into both; the condition is `(key, value)`."""
        structs = [m.PointStruct(id=i, vector=[1.0, 2.0], payload=p) for i, p in points]
        ours = {}
        theirs = {}
        if condition is not None:
            key, value = condition
            ours["update_filter"] = m.Filter(
                must=[m.FieldCondition(key=key, match=m.MatchValue(value=value))]
            )
            match = edge.MatchValue(value)
            theirs["condition"] = edge.Filter(must=[edge.FieldCondition(key=key, match=match)])
        if mode is not None:
            ours["update_mode"], theirs["update_mode"] = mode
        self.client.upsert(self.name, structs, wait=True, **ours)
        written = [edge.Point(i, {"": [1.0, 2.0]}, p) for i, p in points]
        self.shard.update(edge.UpdateOperation.upsert_points(written, **theirs))

    def same(self, ids, what):
        """Equal payloads of all points."""
        ours = self.client.retrieve(self.name, ids, with_payload=True)
        theirs = self.shard.retrieve(ids, with_payload=True, with_vector=False)
        ours = {r.id: r.payload for r in ours}
        theirs = {r.id: r.payload for r in theirs}
        assert ours.keys() == theirs.keys(), what
        for i, payload in ours.items():
            assert same_values(payload, theirs[i]), (what, i, payload, theirs[i])


def test_facets_agree(client, collection):
    engine = Engine(client, collection, random.Random(SEED))
    engine.upsert([(i, payload(engine.rng)) for i in range(300)])
    engine.client.delete(collection, m.PointIdsList(points=list(range(0, 50, 3))), wait=True)
    engine.shard.update(edge.UpdateOperation.delete_points(list(range(0, 50, 3))))
    above = m.Filter(must=[m.FieldCondition(key="f", range=m.Range(gte=0.5))])
    their_range = edge.RangeFloat(gte=0.5)
    their_above = edge.Filter(must=[edge.FieldCondition(key="f", range=their_range)])
    for key in ["k", "i", "b", "u"]:
        for limit in (1, 2, 10):
            for ours, theirs in ((None, None), (above, their_above)):
                for exact in (True, False):
                    asked = edge.FacetRequest(key=key, limit=limit, exact=True, filter=theirs)
                    wanted = [(h.value, h.count) for h in engine.shard.facet(asked).hits]
                    found = client.facet(
                        collection, key, facet_filter=ours, limit=limit, exact=exact
                    ).hits
                    assert [(h.value, h.count) for h in found] == wanted, (key, limit, ours)
    for key in ["f", "d", "missing"]:
        with pytest.raises(Exception, match="No appropriate index for faceting") as refused:
            client.facet(collection, key)
        with pytest.raises(Exception, match="No appropriate index for faceting") as theirs:
            engine.shard.facet(edge.FacetRequest(key=key, limit=3, exact=False))
        assert str(theirs.value) in refused.value.content.decode()


def ordered_page(engine, key, descending, limit, start):
    """Pairs of order value and id, ours and theirs, and the ids of both without ties."""
    direction = m.Direction.DESC if descending else m.Direction.ASC
    order = m.OrderBy(key=key, direction=direction, start_from=start)
    ours, after = engine.client.scroll(engine.name, order_by=order, limit=limit)
    assert after is None
    direction = edge.Direction.Desc if descending else edge.Direction.Asc
    order = edge.OrderBy(key=key, direction=direction, start_from=start)
    theirs, _ = engine.shard.scroll(edge.ScrollRequest(limit=limit, order_by=order))
    return [(r.order_value, r.id) for r in ours], [(r.order_value, r.id) for r in theirs]


def test_ordered_pages_agree(client, collection):
    engine = Engine(client, collection, random.Random(SEED + 1))
    engine.upsert([(i, payload(engine.rng)) for i in range(200)])
    for key, starts in {
        "i": [None, 0, 2, -7],
        "f": [None, 0.0, 1, -2.5],
        "d": [None, "2024-05-01T00:00:00Z"],
    }.items():
        for start in starts:
            for descending in (False, True):
                ours, theirs = ordered_page(engine, key, descending, 1000, start)
                assert sorted(ours) == sorted(theirs), (key, start, descending)
                assert [value for value, _ in ours] == [value for value, _ in theirs]
                ours, theirs = ordered_page(engine, key, descending, 7, start)
                assert [value for value, _ in ours] == [value for value, _ in theirs]
    for key in ["k", "b", "u", "missing"]:
        with pytest.raises(Exception, match="No range index for `order_by` key") as refused:
            client.scroll(collection, order_by=key)
        with pytest.raises(Exception, match="No range index for `order_by` key") as theirs:
            engine.shard.scroll(edge.ScrollRequest(limit=3, order_by=edge.OrderBy(key=key)))
        assert str(theirs.value) in refused.value.content.decode()


def test_pages_by_id_cover_every_point_once(client, collection):
    rng = random.Random(SEED + 2)
    client.create_collection(
        collection, vectors_config=m.VectorParams(size=2, distance=m.Distance.DOT)
    )
    texts = [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(9)]
    ids = [*rng.sample(range(500), 60), *texts]
    structs = [m.PointStruct(id=i, vector=[1.0, 2.0], payload={"n": 1}) for i in ids]
    client.upsert(collection, structs, wait=True)
    for size in (1, 7, 69, 70):
        seen, start = [], None
        while True:
            page, start = client.scroll(collection, limit=size, offset=start)
            seen += [record.id for record in page]
            if start is None:
                break
        assert sorted(seen, key=str) == sorted(ids, key=str)
        numbers = [i for i in seen if isinstance(i, int)]
        assert numbers == sorted(numbers) and seen[: len(numbers)] == numbers
    parts = [
        {r.id for r in client.scroll(collection, m.Filter(must=[
            m.SliceCondition(slice=m.Slice(total=4, index=index))
        ]), limit=100)[0]}
        for index in range(4)
    ]
    assert set().union(*parts) == set(ids) and sum(map(len, parts)) == len(ids)


MODES = [
    None,
    (m.UpdateMode.UPSERT, edge.UpdateMode.Upsert),
    (m.UpdateMode.INSERT_ONLY, edge.UpdateMode.InsertOnly),
    (m.UpdateMode.UPDATE_ONLY, edge.UpdateMode.UpdateOnly),
]


def test_conditional_updates_agree(client, collection):
    engine = Engine(client, collection, random.Random(SEED + 3))
    engine.upsert([(i, {"k": "ab"[i % 2], "i": 0}) for i in range(20)])
    for step in range(40):
        ids = engine.rng.sample(range(40), engine.rng.randint(1, 8))
        points = [(i, {"k": engine.rng.choice("ab"), "i": step}) for i in ids]
        condition = engine.rng.choice([None, ("k", "a"), ("k", "b"), ("i", step - 1), ("z", 1)])
        mode = engine.rng.choice(MODES)
        engine.upsert(points, condition, mode)
        engine.same(list(range(40)), (step, points, condition, mode))


PATHS = ["a", "a.b", "a[]", "a[0]", "a[1].b", "a[].b", "a.b[]", '"a.b"', 'a."c d"', "z.y", "a[][]"]


def tree(rng, depth=0):
    """A small random value."""
    kind = rng.random()
    if depth == 3 or kind < 0.4:
        return rng.choice([1, "x", None, True, 2.5])
    if kind < 0.7:
        return [tree(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    return {name: tree(rng, depth + 1) for name in rng.sample(["a", "b", "c d", "a.b"], 2)}


def test_payload_paths_agree(client, collection):
    engine = Engine(client, collection, random.Random(SEED + 4), indexed=False)
    rng = engine.rng
    ids = list(range(8))
    new = lambda: {name: tree(rng) for name in rng.sample(["a", "b", "a.b", "z"], 3)}  # noqa: E731
    engine.upsert([(i, new()) for i in ids])
    for step in range(150):
        some, path, patch = rng.sample(ids, 3), rng.choice([None, *PATHS]), new()
        act = rng.choice(["set", "set", "overwrite", "delete", "delete", "clear", "upsert"])
        what = (step, act, some, path, patch)
        if act == "set":
            client.set_payload(collection, patch, points=some, key=path, wait=True)
            engine.shard.update(edge.UpdateOperation.set_payload(some, patch, path))
        elif act == "overwrite":
            body = {"payload": patch, "points": some, "key": path}
            url = f"{engine_url(client)}/collections/{collection}/points/payload?wait=true"
            assert requests.put(url, json=body, timeout=10).status_code == 200, what
            engine.shard.update(edge.UpdateOperation.overwrite_payload(some, patch, path))
        elif act == "delete":
            keys = [path or "b", rng.choice(PATHS)]
            client.delete_payload(collection, keys, points=some, wait=True)
            engine.shard.update(edge.UpdateOperation.delete_payload(some, keys))
        elif act == "clear":
            client.clear_payload(collection, points_selector=some[:1], wait=True)
            engine.shard.update(edge.UpdateOperation.clear_payload(some[:1]))
        else:
            engine.upsert([(i, new()) for i in some])
        engine.same(ids, what)


def engine_url(client):
    """Where the server behind a client listens."""
    return client._client.rest_uri.rstrip("/")


# Errors, as Qdrant tells them

REFUSED = [
    ("facet", {"key": "k", "limit": 0}, 422, "facet_request.limit: value 0 invalid, must be 1 or"),
    ("facet", {}, 400, "missing field `key`"),
    ("facet", {"key": "k["}, 400, "Invalid json path: 'k['"),
    ("points/search/matrix/pairs", {"sample": 1}, 422, "sample: value 1 invalid, must be 2 or"),
    ("points/search/matrix/offsets", {"limit": 0}, 422, "limit: value 0 invalid, must be 1 or"),
    ("points/search/matrix/pairs", {"using": "x"}, 400, "Not existing vector name error: x"),
    ("points/query/groups", {"query": [1, 2]}, 400, "missing field `group_by`"),
    ("points/query/groups", {"group_by": "k", "limit": 0}, 422, "value 0 invalid, must be 1 or"),
    ("points/query/groups", {"group_by": "k", "group_size": 0}, 422, "group_size: value 0 invalid"),
    ("points/query/groups", {"query": [1, 2, 3], "group_by": "k"}, 400, "expected dim: 2, got 3"),
    ("points/query/groups", {"query": 77, "group_by": "k"}, 404, "No point with id 77 found"),
    ("points/query/groups", {"group_by": "k", "with_lookup": "no-such"}, 404, "Collection no-such"),
    ("points/search/groups", {"vector": [1, 2], "group_by": "k"}, 400, "missing field"),
    ("points/scroll", {"order_by": "i", "offset": 3}, 400, "Cannot use an `offset` when using"),
    ("points/count", {"shard_key": "a"}, 400, "Shard key a not found"),
]


@pytest.mark.parametrize(("route", "body", "status", "text"), REFUSED)
def test_what_is_refused(client, collection, route, body, status, text):
    Engine(client, collection, random.Random(SEED))
    url = f"{engine_url(client)}/collections/{collection}/{route}"
    answer = requests.post(url, json=body, timeout=10)
    assert (answer.status_code, text in answer.json()["status"]["error"]) == (status, True), (
        answer.text
    )


def test_changes_of_settings_at_once_are_all_kept(client, collection):
    Engine(client, collection, random.Random(SEED), indexed=False)
    url = f"{engine_url(client)}/collections/{collection}"
    failures = []

    def change(at):
        answer = requests.patch(url, json={"metadata": {f"key-{at}": at}}, timeout=30)
        if answer.status_code != 200:
            failures.append(answer.text)

    threads = [threading.Thread(target=change, args=(at,)) for at in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    kept = requests.get(url, timeout=10).json()["result"]["config"]["metadata"]
    assert kept == {f"key-{at}": at for at in range(24)}
