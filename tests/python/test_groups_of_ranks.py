"""Groups of what fusions, sparse vectors and vectors of several rows find, against Qdrant's
in-memory client. Runs are seeded.

Known differences, beside those of `test_groups_facets`:

- The oracle ranks all points once. A server searches again for groups that are not full, among
  the points that it has not seen, and a fusion by places counts those anew. Here the first search
  finds everything: groups times points per group are at least as many as there are points.
- A server asks no source of a fusion for points without a group, so that they take no place. The
  oracle leaves them out when it groups. Here the filter of every request leaves them out.
- The oracle raises the limits of prefetches to the number of points. They are as large here.
"""

import random

import pytest
from qdrant_client import QdrantClient
from qdrant_client import models as m

from test_groups_facets import payload, same_groups

SEED = 20263
DIM = 5
POINTS = 90
INDICES = 40
COMPARATOR = m.MultiVectorConfig(comparator=m.MultiVectorComparator.MAX_SIM)
GROUPED_BY = ["g", "g[]", "nest.in[].g", "k", "i", "missing", "b"]


def row(rng):
    """A random direction; not rounded, so that no scores are equal by chance."""
    return [rng.gauss(0, 1) for _ in range(DIM)]


def rows(rng):
    """Several of them."""
    return [row(rng) for _ in range(rng.randint(1, 4))]


def words(rng):
    """Some weights."""
    indices = rng.sample(range(INDICES), rng.randint(1, 12))
    return m.SparseVector(indices=indices, values=[rng.uniform(0.1, 2) for _ in indices])


FIELDS = {"a": row, "b": row, "rows": rows, "words": words}


class Pair:
    """The same points in our server and in the in-memory client."""

    def __init__(self, client, name, distance):
        self.ours, self.theirs, self.name = client, QdrantClient(":memory:"), name
        self.rng = rng = random.Random(f"{SEED} {distance.value}")
        vectors = {name: m.VectorParams(size=DIM, distance=distance) for name in ("a", "b")}
        vectors["rows"] = m.VectorParams(
            size=DIM, distance=m.Distance.COSINE, multivector_config=COMPARATOR
        )
        points = [
            m.PointStruct(
                id=i,
                vector={f: draw(rng) for f, draw in FIELDS.items() if rng.random() < 0.85},
                payload=payload(rng),
            )
            for i in range(POINTS)
        ]
        gone = rng.sample(range(POINTS), 9)
        for database in (self.ours, self.theirs):
            database.create_collection(
                name, vectors, sparse_vectors_config={"words": m.SparseVectorParams()}
            )
            database.upsert(name, points, wait=True)
            database.delete(name, m.PointIdsList(points=gone), wait=True)

    def filter(self):
        """No filter, or one that leaves some points."""
        low = m.FieldCondition(key="f", range=m.Range(gte=-1.0))
        no_a = m.FieldCondition(key="k", match=m.MatchValue(value="a"))
        return self.rng.choice([None, m.Filter(must=[low]), m.Filter(must_not=[no_a])])

    def prefetch(self, fields):
        """A search of each field, for all points."""
        return [
            m.Prefetch(
                query=FIELDS[field](self.rng), using=field, limit=POINTS, filter=self.filter()
            )
            for field in fields
        ]

    def agree(self, **asked):
        """Asks both for groups that one search can find; how many there were."""
        per_group, by = self.rng.randint(4, 9), self.rng.choice(GROUPED_BY)
        grouped = m.Filter(must_not=[m.IsEmptyCondition(is_empty=m.PayloadField(key=by))])
        which = self.filter()
        asked |= {
            "group_by": by,
            "group_size": per_group,
            "limit": -(-POINTS // per_group),
            "query_filter": m.Filter(must=[grouped, which]) if which else grouped,
            "with_payload": self.rng.choice([True, ["k", "i"]]),
        }
        ours, theirs = (
            side.query_points_groups(self.name, **asked).groups
            for side in (self.ours, self.theirs)
        )
        same_groups(ours, theirs, asked)
        return len(ours)


@pytest.fixture(params=list(m.Distance), ids=lambda d: d.value)
def pair(request, client, collection):
    """Both databases with one metric of the single rows."""
    return Pair(client, collection, request.param)


@pytest.mark.parametrize("field", FIELDS)
def test_groups_of_every_kind_of_vector(pair, field):
    found = [pair.agree(query=FIELDS[field](pair.rng), using=field) for _ in range(12)]
    assert max(found) > 3


FUSIONS = {
    "places": m.FusionQuery(fusion=m.Fusion.RRF),
    "weighed places": m.RrfQuery(rrf=m.Rrf(k=7)),
    "scores": m.FusionQuery(fusion=m.Fusion.DBSF),
}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_groups_of_fusions(pair, fusion):
    kinds = [["a", "b"], ["a", "words"], ["rows", "words"], ["a", "b", "rows", "words"]]
    found = []
    for fields in kinds * 3:
        found.append(pair.agree(query=FUSIONS[fusion], prefetch=pair.prefetch(fields)))
    assert max(found) > 3


def test_groups_of_what_was_prefetched(pair):
    """A field ranks what others have found."""
    found = []
    for field, fields in [("a", ["words"]), ("words", ["rows"]), ("rows", ["a", "b"])] * 3:
        asked = {"query": FIELDS[field](pair.rng), "using": field}
        found.append(pair.agree(**asked, prefetch=pair.prefetch(fields)))
    assert max(found) > 3


def test_groups_of_recommendations(pair):
    rng = pair.rng
    found = []
    for field in ["a", "rows", "words"] * 3:
        for strategy in [m.RecommendStrategy.BEST_SCORE, m.RecommendStrategy.SUM_SCORES]:
            some = [[FIELDS[field](rng) for _ in range(rng.randint(1, 3))] for _ in range(2)]
            recommend = m.RecommendInput(positive=some[0], negative=some[1], strategy=strategy)
            found.append(pair.agree(query=m.RecommendQuery(recommend=recommend), using=field))
    assert max(found) > 3
