"""Random operations and queries against Qdrant's in-memory client and against us: equal answers.

Every run is seeded. A failure prints the seed and the number of the step; SKERRY_DIFF_SEED repeats
it, SKERRY_DIFF_STEPS makes it longer.

Known differences between that oracle and the real engine, and how the cases keep clear of them:

- Full-text conditions without an index: the engine (1.19) looks for a substring, the oracle (newer)
  for whole tokens. The words used are lower-case, none is part of another, and several words are
  only asked for as a phrase or as any of them: then both mean the same.
- A change that names a missing id: the engine answers 404 and may have applied a part, the oracle
  applies the rest. Changes here name only points that exist.
- `version` is always 0 in the oracle: it is not compared.
- Points of equal score, or of equal order value, may come in any order: compared as such.
- Scores are f32 sums in another order: compared within a relative 1e-4.
- A payload index makes the engine forget values that are not of its kind; neither the oracle nor
  we do: an index changes the speed of an answer, never the answer.
"""

import math
import os

import pytest
from qdrant_client import QdrantClient
from qdrant_client import models as m

from random_cases import FIELDS, PATHS, Cases
from skerry_server import SOAK, Server

SEED = int(os.environ.get("SKERRY_DIFF_SEED", "20240501"))
STEPS = int(os.environ.get("SKERRY_DIFF_STEPS", "20000" if SOAK else "800"))
EVERYTHING = 100_000
MISMATCHES_MAX = 5

SHAPES = {
    "cosine": m.VectorParams(size=8, distance=m.Distance.COSINE),
    "dot": m.VectorParams(size=5, distance=m.Distance.DOT),
    "euclid": m.VectorParams(size=16, distance=m.Distance.EUCLID),
    "manhattan": m.VectorParams(size=3, distance=m.Distance.MANHATTAN),
    "named": {
        "title": m.VectorParams(size=6, distance=m.Distance.COSINE),
        "image": m.VectorParams(size=4, distance=m.Distance.EUCLID),
    },
}


@pytest.fixture(scope="module")
def own_server():
    """A server that the test restarts and kills between steps."""
    with Server() as running:
        yield running


def close(a, b):
    """Equal but for the rounding of f32 sums."""
    return math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-4)


def same_vectors(ours, theirs):
    """Vectors as a list, or as lists by name, within rounding."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(
            same_vectors(ours[name], theirs[name]) for name in ours
        )
    if not isinstance(ours, list) or not isinstance(theirs, list):
        return ours == theirs
    return len(ours) == len(theirs) and all(
        math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-6) for a, b in zip(ours, theirs, strict=True)
    )


def same_values(ours, theirs):
    """Equal JSON, where 1, 1.0 and true are three things."""
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same_values(ours[k], theirs[k]) for k in ours)
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(same_values, ours, theirs))
    return ours == theirs


def same_record(ours, theirs):
    """Equal id, payload and vectors."""
    return (
        ours.id == theirs.id
        and same_values(ours.payload, theirs.payload)
        and same_vectors(ours.vector, theirs.vector)
    )


class Mismatch(AssertionError):
    """Two answers that differ."""


def expect(condition, what, ours, theirs):
    """Raises with both answers."""
    if not condition:
        raise Mismatch(f"{what}\n  ours:   {ours}\n  theirs: {theirs}")


class Run:
    """One collection in both databases, and the steps that may be taken."""

    def __init__(self, server, shape, seed):
        self.server, self.name = server, f"diff-{shape}"
        self.ours, self.theirs = server.client(), QdrantClient(":memory:")
        config = SHAPES[shape]
        named = config if isinstance(config, dict) else {"": config}
        self.distances = {name: params.distance for name, params in named.items()}
        self.cases = Cases(seed, {name: params.size for name, params in named.items()})
        self.random = self.cases.random
        self.indexed = set()
        self.both(lambda db: db.create_collection(self.name, vectors_config=config))

    def both(self, act):
        """The same call on both sides."""
        act(self.theirs)
        act(self.ours)

    def live(self):
        """The ids that exist, in the oracle."""
        points, _ = self.theirs.scroll(self.name, limit=EVERYTHING, with_payload=False)
        return [point.id for point in points]

    def target(self):
        """Some points that exist, or a filter."""
        live = self.live()
        if not live or self.cases.chance(0.4):
            return m.FilterSelector(filter=self.cases.filter())
        return self.cases.some(live, 1, 6)

    # Changes

    def upsert(self):
        """New or rewritten points in one of the two shapes."""
        points = [self.cases.point() for _ in range(self.random.randint(1, 12))]
        if list(self.cases.dimensions) == [""] and self.cases.chance(0.3):
            points = m.Batch(
                ids=[point.id for point in points],
                vectors=[point.vector for point in points],
                payloads=[point.payload or {} for point in points],
            )
        self.both(lambda db: db.upsert(self.name, points, wait=True))

    def upsert_on_condition(self):
        """An upsert that leaves some points alone."""
        points = {p.id: p for p in (self.cases.point() for _ in range(self.random.randint(1, 9)))}
        options = {"update_mode": self.random.choice(list(m.UpdateMode))}
        if options["update_mode"] == m.UpdateMode.UPSERT:
            options["update_filter"] = self.cases.filter()
        self.both(lambda db: db.upsert(self.name, list(points.values()), wait=True, **options))

    def delete(self):
        """Points by id or by a filter that spares some."""
        live = self.live()
        if live and self.cases.chance(0.7):
            selector = self.cases.some(live, 1, 4)
        else:
            spare = m.HasIdCondition(has_id=live[: len(live) // 2])
            selector = m.FilterSelector(
                filter=m.Filter(must=[self.cases.filter()], must_not=[spare])
            )
        self.both(lambda db: db.delete(self.name, selector, wait=True))

    def set_payload(self):
        """Merges keys at the top, or below a path."""
        payload, target = self.cases.payload(), self.target()
        keys = [None, None, "deep", "deep.more", "deep.a[].z", "deep.a[0]", "new"]
        key = self.random.choice(keys)
        self.both(
            lambda db: db.set_payload(self.name, payload, points=target, key=key, wait=True)
        )

    def overwrite_payload(self):
        """Replaces payloads."""
        payload, target = self.cases.payload(), self.target()
        self.both(lambda db: db.overwrite_payload(self.name, payload, points=target, wait=True))

    def delete_payload(self):
        """Removes paths."""
        paths, target = self.cases.some(PATHS, 1), self.target()
        self.both(lambda db: db.delete_payload(self.name, paths, points=target, wait=True))

    def clear_payload(self):
        """Removes payloads."""
        target = self.target()
        self.both(lambda db: db.clear_payload(self.name, target, wait=True))

    def update_vectors(self):
        """Replaces some vectors of points that exist."""
        live = self.live()
        vectors = {i: self.cases.vectors() for i in self.cases.some(live, 1, 4)} if live else {}
        points = [m.PointVectors(id=i, vector=vector) for i, vector in vectors.items() if vector]
        if points:
            self.both(lambda db: db.update_vectors(self.name, points, wait=True))

    def delete_vectors(self):
        """Removes named vectors of points that exist."""
        names, live = list(self.cases.dimensions), self.live()
        if names != [""] and live:
            some, points = [self.random.choice(names)], self.cases.some(live, 1, 4)
            self.both(lambda db: db.delete_vectors(self.name, some, points=points, wait=True))

    def toggle_index(self):
        """Makes or drops an index on our side; the oracle has none."""
        field = self.random.choice(list(FIELDS))
        if field in self.indexed:
            self.ours.delete_payload_index(self.name, field, wait=True)
            self.indexed.remove(field)
        else:
            self.ours.create_payload_index(self.name, field, FIELDS[field], wait=True)
            self.indexed.add(field)

    # Questions

    def count(self):
        """How many points match."""
        which = self.cases.filter()
        ours, theirs = (db.count(self.name, which).count for db in (self.ours, self.theirs))
        expect(ours == theirs, f"count of {shown(which)}", ours, theirs)

    def retrieve(self):
        """Points by id, some of which do not exist."""
        wanted = [self.cases.point_id() for _ in range(self.random.randint(0, 9))]
        wanted = list(dict.fromkeys(wanted))
        options = {
            "with_payload": self.cases.payload_selector(),
            "with_vectors": self.cases.vector_selector(),
        }
        answers = [db.retrieve(self.name, wanted, **options) for db in (self.ours, self.theirs)]
        self.compare_records(f"retrieve {wanted} {shown(options)}", *answers, ordered=False)

    def scroll(self):
        """One page in order of id."""
        options = {
            "scroll_filter": self.cases.filter() if self.cases.chance(0.8) else None,
            "limit": self.random.randint(1, 30),
            "offset": self.cases.point_id() if self.cases.chance(0.4) else None,
            "with_payload": self.cases.payload_selector(),
            "with_vectors": self.cases.vector_selector(),
        }
        (ours, our_next), (theirs, their_next) = (
            db.scroll(self.name, **options) for db in (self.ours, self.theirs)
        )
        what = f"scroll {shown(options)}"
        self.compare_records(what, ours, theirs)
        expect(our_next == their_next, f"next page of {what}", our_next, their_next)

    def scroll_in_order(self):
        """One page in order of an indexed field."""
        keys = sorted(self.indexed & {"n", "x", "at"})
        if not keys:
            return
        key = self.random.choice(keys)
        start = {"n": self.random.randint(-9, 9), "x": 0.5, "at": "2024-06-01T00:00:00Z"}[key]
        order = m.OrderBy(
            key=key,
            direction=self.random.choice(list(m.Direction)),
            start_from=start if self.cases.chance(0.4) else None,
        )
        which = self.cases.filter() if self.cases.chance(0.5) else None
        limit = self.random.randint(1, 30)
        asked = {"scroll_filter": which, "order_by": order}
        ours, _ = self.ours.scroll(self.name, limit=limit, **asked)
        theirs, _ = self.theirs.scroll(self.name, limit=EVERYTHING, **asked)
        ours, theirs = ([(r.order_value, r.id) for r in side] for side in (ours, theirs))
        what = f"scroll in order {shown(asked)} limit {limit}"
        values = [[value for value, _ in side] for side in (ours, theirs[:limit])]
        expect(values[0] == values[1], f"{what}: values", *values)
        expect(set(ours) <= set(theirs) and len(set(ours)) == len(ours), what, ours, theirs)

    def search(self):
        """The nearest points to a vector, or to a point."""
        using = self.random.choice(list(self.cases.dimensions))
        asked = {
            "query": self.cases.vector(using),
            "using": using or None,
            "query_filter": self.cases.filter() if self.cases.chance(0.7) else None,
        }
        having = m.Filter(must=[m.HasVectorCondition(has_vector=using)])
        known, _ = self.theirs.scroll(self.name, scroll_filter=having, limit=EVERYTHING)
        if known and self.cases.chance(0.2):
            asked["query"] = self.random.choice(known).id
        full = self.theirs.query_points(self.name, limit=EVERYTHING, **asked).points
        limit, offset = self.random.randint(1, 20), self.random.choice([0, 0, 0, 3, 500])
        threshold = self.threshold(full) if self.cases.chance(0.3) else None
        options = {
            "search_params": m.SearchParams(exact=self.cases.chance(0.5), hnsw_ef=128),
            "with_payload": self.cases.payload_selector(),
        }
        ours = self.ours.query_points(
            self.name, limit=limit, offset=offset, score_threshold=threshold, **asked, **options
        ).points
        if threshold is not None:
            further = self.distances[using] in (m.Distance.EUCLID, m.Distance.MANHATTAN)
            full = [hit for hit in full if (hit.score < threshold) == further]
        what = f"search {shown(asked)} limit {limit} offset {offset} threshold {threshold}"
        self.compare_hits(what, ours, full, limit, offset)
        self.compare_payloads(what, ours, options["with_payload"])

    def threshold(self, full):
        """A score between two of the scores found, far from both."""
        scores = sorted({hit.score for hit in full})
        pairs = [(a, b) for a, b in zip(scores, scores[1:], strict=False) if b - a > 1e-2]
        return sum(self.random.choice(pairs)) / 2 if pairs else None

    # Comparing

    def compare_records(self, what, ours, theirs, ordered=True):
        """Equal records."""
        if not ordered:
            ours, theirs = (sorted(side, key=lambda r: str(r.id)) for side in (ours, theirs))
        same = len(ours) == len(theirs) and all(map(same_record, ours, theirs))
        if not same:
            pairs = zip(ours, theirs, strict=False)
            differing = [(a, b) for a, b in pairs if not same_record(a, b)]
            ids = [[record.id for record in side] for side in (ours, theirs)]
            expect(False, f"{what}\n  ids {ids}", *(differing[0] if differing else (ours, theirs)))

    def compare_hits(self, what, ours, full, limit, offset):
        """The same scores at the same places; each id with the score that it has in the oracle."""
        shown_ours = [(hit.id, hit.score) for hit in ours]
        wanted = full[offset : offset + limit]
        shown_wanted = [(hit.id, hit.score) for hit in wanted]
        scores = {hit.id: hit.score for hit in full}
        same = (
            len(ours) == len(wanted)
            and len({hit.id for hit in ours}) == len(ours)
            and all(close(a.score, b.score) for a, b in zip(ours, wanted, strict=True))
            and all(hit.id in scores and close(hit.score, scores[hit.id]) for hit in ours)
        )
        expect(same, what, shown_ours, shown_wanted)

    def compare_payloads(self, what, hits, selector):
        """The payload that came with a hit is that of the point."""
        theirs = self.theirs.retrieve(self.name, [h.id for h in hits], with_payload=selector)
        theirs = {record.id: record.payload for record in theirs}
        for hit in hits:
            same = same_values(hit.payload, theirs[hit.id])
            expect(same, f"payload in {what} {shown(selector)}", hit.payload, theirs[hit.id])

    def compare_everything(self):
        """All points with all that they hold."""
        options = {"limit": EVERYTHING, "with_payload": True, "with_vectors": True}
        ours, theirs = (db.scroll(self.name, **options)[0] for db in (self.ours, self.theirs))
        self.compare_records("everything", ours, theirs)

    def come_back(self):
        """A restart, clean or not: every change was acknowledged, so nothing may be lost."""
        if self.cases.chance(0.5):
            self.server.kill9()
            self.server.start()
        else:
            self.server.restart()
        self.ours = self.server.client()
        self.compare_everything()


CHANGES = {
    Run.upsert: 30,
    Run.upsert_on_condition: 6,
    Run.delete: 8,
    Run.set_payload: 12,
    Run.overwrite_payload: 4,
    Run.delete_payload: 5,
    Run.clear_payload: 2,
    Run.update_vectors: 6,
    Run.delete_vectors: 3,
    Run.toggle_index: 4,
}
QUESTIONS = {
    Run.count: 25,
    Run.retrieve: 10,
    Run.scroll: 25,
    Run.scroll_in_order: 10,
    Run.search: 45,
}


def shown(value):
    """A request as short JSON."""
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items() if item is not None}
    if hasattr(value, "model_dump_json"):
        return value.model_dump_json(exclude_none=True, by_alias=True)
    return value


@pytest.mark.parametrize("shape", SHAPES)
def test_equal_answers(own_server, shape):
    run = Run(own_server, shape, f"{SEED}-{shape}")
    steps = {**CHANGES, **QUESTIONS}
    mismatches = []
    for number in range(STEPS):
        (step,) = run.random.choices(list(steps), list(steps.values()))
        where = f"seed {SEED}, {shape}, step {number}, {step.__name__}"
        try:
            step(run)
            if number % 50 == 49:
                run.compare_everything()
            if number % 250 == 249:
                run.come_back()
        except Mismatch as error:
            mismatches.append(f"{where}: {error}")
            # A difference of state spoils all that follows; one of an answer does not.
            if step in CHANGES or "everything" in str(error) or len(mismatches) >= MISMATCHES_MAX:
                break
        except Exception as error:
            raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error
    assert not mismatches, f"{len(mismatches)} mismatches\n" + "\n".join(mismatches)
