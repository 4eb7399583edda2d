"""Every kind of query against Qdrant's in-memory client and against its real engine in process.

Random vectors over all metrics. The engine is what counts, so most kinds are compared with it; the
client answers where inputs are ids, or where its averages can be compared.

- A formula and a fusion by score see distances of Euclid and Manhattan prefetches.
- Points of equal score may come in any order: compared as such.
- Scores are f32 sums in another order: compared within a relative 1e-4.
- Random samples are random everywhere: only their size and their members are checked.
"""

import math
import random

import pytest
import qdrant_edge as edge
import requests
from qdrant_client import QdrantClient
from qdrant_client import models as m

SIZE = 6
POINTS = 300
METRICS = {
    "cosine": (m.Distance.COSINE, edge.Distance.Cosine),
    "dot": (m.Distance.DOT, edge.Distance.Dot),
    "euclid": (m.Distance.EUCLID, edge.Distance.Euclid),
    "manhattan": (m.Distance.MANHATTAN, edge.Distance.Manhattan),
}


class World:
    """The same random points in Skerry, in the client's local mode and in the engine."""

    def __init__(self, client, folder, metric):
        self.random = random.Random(f"asked of {metric}")
        self.metric = metric
        distance, self.edge_distance = METRICS[metric]
        self.name = f"kinds-{metric}"
        self.ours, self.local = client, QdrantClient(":memory:")
        for each in (self.ours, self.local):
            each.create_collection(self.name, m.VectorParams(size=SIZE, distance=distance))
        self.vectors = [self.vector() for _ in range(POINTS)]
        self.payloads = [
            {
                "n": self.random.randint(1, 50),
                "x": round(self.random.uniform(-4, 4), 3),
                "where": {
                    "lon": self.random.uniform(-179, 179),
                    "lat": self.random.uniform(-89, 89),
                },
                "at": f"2024-0{self.random.randint(1, 9)}-11T10:20:30Z",
            }
            for _ in range(POINTS)
        ]
        for payload in self.payloads[::7]:
            del payload["x"]
        points = [
            m.PointStruct(id=i, vector=v, payload=p)
            for i, (v, p) in enumerate(zip(self.vectors, self.payloads, strict=True))
        ]
        self.ours.upsert(self.name, points, wait=True)
        self.local.upsert(self.name, points)
        self.ours.create_payload_index(self.name, "n", m.PayloadSchemaType.INTEGER, wait=True)
        config = edge.EdgeConfig(vectors={"": edge.EdgeVectorParams(SIZE, self.edge_distance)})
        self.edge = edge.EdgeShard.create(str(folder), config)
        self.edge.update(
            edge.UpdateOperation.upsert_points(
                [
                    edge.Point(i, {"": v}, p)
                    for i, (v, p) in enumerate(zip(self.vectors, self.payloads, strict=True))
                ]
            )
        )

    def vector(self):
        """A random vector."""
        # Not rounded: on a grid Manhattan distances would be equal but for the order of summation.
        return [self.random.gauss(0, 1) for _ in range(SIZE)]

    def vectors_like(self, least, most):
        """Some random vectors."""
        return [self.vector() for _ in range(self.random.randint(least, most))]

    def ask(self, query, **more):
        """Ids and scores of ours."""
        found = self.ours.query_points(self.name, query=query, **{"limit": 20, **more})
        return [(p.id, p.score) for p in found.points]

    def ask_local(self, query, **more):
        """Ids and scores of the in-memory client."""
        found = self.local.query_points(self.name, query=query, **{"limit": 20, **more})
        return [(p.id, p.score) for p in found.points]

    def ask_edge(self, query, **more):
        """Ids and scores of the engine."""
        found = self.edge.query(edge.QueryRequest(query=query, **{"limit": 20, **more}))
        return [(p.id, p.score) for p in found]


@pytest.fixture(scope="module", params=METRICS)
def world(request, client, tmp_path_factory):
    """One metric."""
    return World(client, tmp_path_factory.mktemp("edge"), request.param)


def same(ours, theirs):
    """Equal scores in equal order, equal ids but among equal scores and at the end."""
    assert len(ours) == len(theirs), (ours, theirs)
    for (_, a), (_, b) in zip(ours, theirs, strict=True):
        assert math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-4), (ours, theirs)
    mine = dict(ours)
    last = theirs[-1][1] if theirs else 0
    for point, score in theirs:
        if point not in mine:
            assert math.isclose(score, last, rel_tol=1e-4, abs_tol=1e-4), (ours, theirs)
        else:
            assert math.isclose(mine[point], score, rel_tol=1e-4, abs_tol=1e-4), (ours, theirs)


def prefetches(world, limits=(30, 25)):
    """Equal nearest prefetches for both interfaces."""
    vectors = [world.vector() for _ in limits]
    ours = [m.Prefetch(query=v, limit=n) for v, n in zip(vectors, limits, strict=True)]
    theirs = [
        edge.Prefetch(limit=n, query=edge.Query.Nearest(v))
        for v, n in zip(vectors, limits, strict=True)
    ]
    return ours, theirs


@pytest.mark.parametrize("strategy", ["best_score", "sum_scores"])
def test_recommend_by_scores(world, strategy):
    for _ in range(8):
        like, unlike = world.vectors_like(0, 3), world.vectors_like(1, 3)
        kind = {
            "best_score": edge.Query.RecommendBestScore,
            "sum_scores": edge.Query.RecommendSumScores,
        }[strategy]
        ours = world.ask(
            m.RecommendQuery(
                recommend=m.RecommendInput(positive=like, negative=unlike, strategy=strategy)
            )
        )
        same(ours, world.ask_edge(kind(edge.RecommendQuery(like, unlike))))


def test_recommend_by_average(world):
    for _ in range(6):
        like, unlike = world.vectors_like(1, 3), world.vectors_like(0, 2)
        query = m.RecommendQuery(recommend=m.RecommendInput(positive=like, negative=unlike))
        same(world.ask(query), world.ask_local(query))
        mean = [sum(x) / len(like) for x in zip(*like, strict=True)]
        if unlike:
            other = [sum(x) / len(unlike) for x in zip(*unlike, strict=True)]
            mean = [2 * a - b for a, b in zip(mean, other, strict=True)]
        same(world.ask(query), world.ask_edge(edge.Query.Nearest(mean)))


def test_recommend_by_ids_leaves_them_out(world):
    for strategy in ("average_vector", "best_score", "sum_scores"):
        query = m.RecommendQuery(
            recommend=m.RecommendInput(positive=[3, 5], negative=[7], strategy=strategy)
        )
        ours = world.ask(query)
        assert not {3, 5, 7} & {point for point, _ in ours}
        if strategy == "average_vector" or world.metric in ("cosine", "dot"):
            same(ours, world.ask_local(query))


def test_discover_and_context(world):
    for _ in range(8):
        target = world.vector()
        sides = [(world.vector(), world.vector()) for _ in range(world.random.randint(1, 4))]
        ours = [m.ContextPair(positive=p, negative=n) for p, n in sides]
        theirs = [edge.ContextPair(p, n) for p, n in sides]
        discover = m.DiscoverQuery(discover=m.DiscoverInput(target=target, context=ours))
        same(
            world.ask(discover),
            world.ask_edge(edge.Query.Discover(edge.DiscoverQuery(target, theirs))),
        )
        context = m.ContextQuery(context=ours)
        scores = [s for _, s in world.ask(context, limit=POINTS)]
        engine = world.ask_edge(edge.Query.Context(edge.ContextQuery(theirs)), limit=POINTS)
        for a, (_, b) in zip(scores, engine, strict=True):
            assert math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-5)


def test_relevance_feedback(world):
    for _ in range(6):
        target = world.vector()
        rated = [(world.vector(), world.random.random()) for _ in range(world.random.randint(0, 5))]
        a, b, c = (round(world.random.uniform(0.1, 2), 2) for _ in range(3))
        body = {
            "query": {
                "relevance_feedback": {
                    "target": target,
                    "feedback": [{"example": v, "score": s} for v, s in rated],
                    "strategy": {"naive": {"a": a, "b": b, "c": c}},
                }
            },
            "limit": 20,
        }
        points = post(world, "query", body)["result"]["points"]
        query = edge.FeedbackNaiveQuery(
            target,
            [edge.FeedbackItem(v, s) for v, s in rated],
            edge.NaiveFeedbackStrategy(a, b, c),
        )
        same(
            [(p["id"], p["score"]) for p in points],
            world.ask_edge(edge.Query.FeedbackNaive(query)),
        )


def test_fusion(world):
    for _ in range(5):
        ours, theirs = prefetches(world)
        same(
            world.ask(m.FusionQuery(fusion=m.Fusion.RRF), prefetch=ours),
            world.ask_edge(edge.Fusion.Rrf(2), prefetches=theirs),
        )
        same(
            world.ask(m.FusionQuery(fusion=m.Fusion.DBSF), prefetch=ours),
            world.ask_edge(edge.Fusion.Dbsf(), prefetches=theirs),
        )
        k, weights = world.random.randint(1, 60), [round(world.random.uniform(0, 3), 2), 1.0]
        same(
            world.ask(m.RrfQuery(rrf=m.Rrf(k=k, weights=weights)), prefetch=ours),
            world.ask_edge(edge.Fusion.Rrf(k, weights), prefetches=theirs),
        )


def test_score_thresholds(world):
    vector = world.vector()
    every = world.ask(vector, limit=POINTS)
    # Between two scores: neither engine's rounding decides.
    bound = (every[39][1] + every[40][1]) / 2
    same(
        world.ask(vector, limit=POINTS, score_threshold=bound),
        world.ask_edge(edge.Query.Nearest(vector), limit=POINTS, score_threshold=bound),
    )
    for bound in (-0.2, 0.3, 0.6):
        like = world.vectors_like(2, 2)
        query = m.RecommendQuery(
            recommend=m.RecommendInput(positive=like[:1], negative=like[1:], strategy="best_score")
        )
        same(
            world.ask(query, limit=POINTS, score_threshold=bound),
            world.ask_edge(
                edge.Query.RecommendBestScore(edge.RecommendQuery(like[:1], like[1:])),
                limit=POINTS,
                score_threshold=bound,
            ),
        )
    ours, theirs = prefetches(world)
    same(
        world.ask(m.FusionQuery(fusion=m.Fusion.RRF), prefetch=ours, score_threshold=0.1),
        world.ask_edge(edge.Fusion.Rrf(2), prefetches=theirs, score_threshold=0.1),
    )


def test_unlike_results(world):
    for diversity in (0.0, 0.3, 0.9):
        vector = world.vector()
        query = m.NearestQuery(
            nearest=vector, mmr=m.Mmr(diversity=diversity, candidates_limit=60)
        )
        theirs = world.ask_edge(edge.Mmr(vector, 1 - diversity, 60), limit=12)
        ours = world.ask(query, limit=12)
        assert [point for point, _ in ours] == [point for point, _ in theirs]
        for (_, a), (_, b) in zip(ours, theirs, strict=True):
            assert math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-4)


def test_nested_prefetch_with_filters(world):
    inner, outer, last = world.vector(), world.vector(), world.vector()
    below = m.Filter(must=m.FieldCondition(key="n", range=m.Range(lt=40)))
    above = m.Filter(must=m.FieldCondition(key="n", range=m.Range(gt=5)))
    edge_below = edge.Filter(must=[edge.FieldCondition(key="n", range=edge.RangeFloat(lt=40.0))])
    edge_above = edge.Filter(must=[edge.FieldCondition(key="n", range=edge.RangeFloat(gt=5.0))])
    ours = world.ask(
        last,
        query_filter=below,
        prefetch=m.Prefetch(
            query=outer,
            limit=40,
            prefetch=[m.Prefetch(query=inner, limit=120, filter=above), m.Prefetch(limit=15)],
        ),
    )
    theirs = world.ask_edge(
        edge.Query.Nearest(last),
        filter=edge_below,
        prefetches=[
            edge.Prefetch(
                limit=40,
                query=edge.Query.Nearest(outer),
                prefetches=[
                    edge.Prefetch(limit=120, query=edge.Query.Nearest(inner), filter=edge_above),
                    edge.Prefetch(limit=15),
                ],
            )
        ],
    )
    same(ours, theirs)


def test_order_by_over_prefetches_and_samples(world):
    vector = world.vector()
    prefetch = m.Prefetch(query=vector, limit=30)
    near = {point for point, _ in world.ask(vector, limit=30)}
    ordered = world.ours.query_points(
        world.name, query=m.OrderByQuery(order_by="n"), prefetch=prefetch, limit=10
    ).points
    values = [p.order_value for p in ordered]
    assert {p.id for p in ordered} <= near
    assert values == sorted(world.payloads[point]["n"] for point in near)[:10]
    sample = m.SampleQuery(sample=m.Sample.RANDOM)
    drawn = world.ask(sample, prefetch=prefetch, limit=12)
    assert len(drawn) == 12 and {point for point, _ in drawn} <= near
    assert all(score == 1.0 for _, score in drawn)
    runs = {tuple(point for point, _ in world.ask(sample, limit=5)) for _ in range(8)}
    assert len(runs) > 1


def expressions():
    """Every function, in both interfaces."""
    e = edge.Expression
    score, x = e.Variable("$score"), e.Variable("x")
    near = {"lon": 10.0, "lat": 50.0}
    return {
        "constant": (0.25, e.Constant(0.25)),
        "score": ("$score", score),
        "second score": ("$score[1]", e.Variable("$score[1]")),
        "field": ("x", x),
        "condition": (
            m.FieldCondition(key="n", range=m.Range(gte=20)),
            e.Condition(edge.FieldCondition(key="n", range=edge.RangeFloat(gte=20.0))),
        ),
        "distance": (
            m.GeoDistance(geo_distance=m.GeoDistanceParams(origin=m.GeoPoint(**near), to="where")),
            e.GeoDistance(edge.GeoPoint(near["lon"], near["lat"]), "where"),
        ),
        "date": (
            m.DatetimeExpression(datetime="2024-01-02T03:04:05.5Z"),
            e.Datetime("2024-01-02T03:04:05.5Z"),
        ),
        "date of field": (m.DatetimeKeyExpression(datetime_key="at"), e.DatetimeKey("at")),
        "product": (m.MultExpression(mult=["x", "$score", 2.0]), e.Mult([x, score, e.Constant(2)])),
        "sum": (m.SumExpression(sum=["x", "$score"]), e.Sum([x, score])),
        "negation": (m.NegExpression(neg="$score"), e.Neg(score)),
        "absolute": (m.AbsExpression(abs="x"), e.Abs(x)),
        "quotient": (
            m.DivExpression(div=m.DivParams(left="$score", right="n")),
            e.Div(score, e.Variable("n"), None),
        ),
        "by zero": (
            m.DivExpression(div=m.DivParams(left=1.0, right=0.0, by_zero_default=7.5)),
            e.Div(e.Constant(1.0), e.Constant(0.0), 7.5),
        ),
        "root": (m.SqrtExpression(sqrt="n"), e.Sqrt(e.Variable("n"))),
        "power": (
            m.PowExpression(pow=m.PowParams(base="n", exponent=1.5)),
            e.Pow(e.Variable("n"), e.Constant(1.5)),
        ),
        "exponential": (m.ExpExpression(exp="x"), e.Exp(x)),
        "common logarithm": (m.Log10Expression(log10="n"), e.Log10(e.Variable("n"))),
        "natural logarithm": (m.LnExpression(ln="n"), e.Ln(e.Variable("n"))),
        "linear decay": (
            m.LinDecayExpression(
                lin_decay=m.DecayParamsExpression(x="x", target=0.5, scale=3.0, midpoint=0.3)
            ),
            e.Decay(edge.DecayKind.Lin, x, e.Constant(0.5), 0.3, 3.0),
        ),
        "exponential decay": (
            m.ExpDecayExpression(exp_decay=m.DecayParamsExpression(x="x")),
            e.Decay(edge.DecayKind.Exp, x, None, None, None),
        ),
        "gaussian decay": (
            m.GaussDecayExpression(
                gauss_decay=m.DecayParamsExpression(x="x", scale=2.0, midpoint=0.25)
            ),
            e.Decay(edge.DecayKind.Gauss, x, None, 0.25, 2.0),
        ),
    }


@pytest.mark.parametrize("name", expressions())
def test_formula(world, name):
    mine, engine = expressions()[name]
    ours, theirs = prefetches(world)
    same(
        world.ask(m.FormulaQuery(formula=mine, defaults={"x": 0.5}), prefetch=ours),
        world.ask_edge(edge.Formula(engine, {"x": 0.5}), prefetches=theirs),
    )


def test_lookup_in_another_collection(world):
    other = f"{world.name}-other"
    world.ours.create_collection(other, m.VectorParams(size=SIZE, distance=m.Distance.DOT))
    vector = world.vector()
    world.ours.upsert(other, [m.PointStruct(id=3, vector=vector)], wait=True)
    found = world.ask(3, lookup_from=m.LookupLocation(collection=other), limit=POINTS)
    same(found, world.ask(vector, limit=POINTS))
    # An id of another collection is not left out of the results.
    assert 3 in {point for point, _ in found}
    within = world.ask(3, lookup_from=m.LookupLocation(collection=world.name), limit=POINTS)
    assert 3 not in {point for point, _ in within}
    world.ours.delete_collection(other)


def post(world, route, body):
    """The answer to a request as JSON."""
    url = f"{world.ours._client.rest_uri}/collections/{world.name}/points/{route}"
    return requests.post(url, json=body, timeout=30).json()


NEAREST = {"query": [0.0] * SIZE, "limit": 5}
ERRORS = [
    ({"query": 999_999}, "Not found: No point with id 999999 found"),
    ({"query": {"recommend": {}}}, "At least one positive or negative vector/id must be provided"),
    ({"query": {"recommend": {"negative": [1]}}}, "Positive vectors should not be empty"),
    ({"query": {"fusion": "rrf"}}, "cannot apply Fusion without prefetches"),
    ({"query": {"formula": 1}}, "cannot apply Formula without prefetches"),
    ({"prefetch": NEAREST}, "A query is needed to merge the prefetches."),
    ({"score_threshold": 1.0}, "A query is needed to use the score_threshold."),
    (
        {"query": {"order_by": "n"}, "score_threshold": 1.0},
        "Can't use score_threshold with an order_by query.",
    ),
    (
        {"prefetch": NEAREST, "query": {"fusion": "rrf"}, "using": "x"},
        "Fusion queries cannot be combined with the 'using' field.",
    ),
    (
        {"prefetch": NEAREST, "query": {"rrf": {"weights": [1, 2]}}},
        "RRF weights length (2) does not match number of prefetches (1)",
    ),
    (
        {"prefetch": NEAREST, "query": {"formula": "missing"}},
        "Wrong input: Expected number value for missing in the payload and/or in the formula "
        "defaults. Error: No value found in a payload nor defaults",
    ),
    (
        {"prefetch": NEAREST, "query": {"formula": {"ln": 0}}},
        "produced a non-finite number",
    ),
    (
        {"prefetch": NEAREST, "query": {"formula": "$scor"}},
        "failed to parse variable ID $scor: Invalid reserved word: $scor",
    ),
    (
        {"prefetch": {"query": [0.0] * SIZE, "limit": 0}, "query": {"fusion": "rrf"}},
        "value 0 invalid, must be 1 or larger",
    ),
    ({**NEAREST, "with_vector": ["nope"]}, "Not existing vector name error: nope"),
    ({"query": {"nonsense": 1}}, "data did not match any variant of untagged enum QueryInterface"),
]


@pytest.mark.parametrize("body,text", ERRORS)
def test_errors(world, body, text):
    answer = post(world, "query", body)
    assert text in answer["status"]["error"]


def test_older_routes(world):
    recommend = {"positive": [1, 2], "negative": [3], "limit": 7, "strategy": "best_score"}
    old = post(world, "recommend", recommend)["result"]
    limit = recommend.pop("limit")
    new = post(world, "query", {"query": {"recommend": recommend}, "limit": limit})
    assert [(p["id"], p["score"]) for p in old] == [
        (p["id"], p["score"]) for p in new["result"]["points"]
    ]
    pair = {"positive": 4, "negative": 5}
    old = post(world, "discover", {"target": 6, "context": [pair], "limit": 7})["result"]
    query = {"query": {"discover": {"target": 6, "context": pair}}, "limit": 7}
    new = post(world, "query", query)["result"]["points"]
    assert [p["id"] for p in old] == [p["id"] for p in new]
    batch = post(world, "discover/batch", {"searches": [{"context": [pair], "limit": 3}] * 2})
    assert [len(of) for of in batch["result"]] == [3, 3]
    batch = post(world, "recommend/batch", {"searches": [{"positive": [1], "limit": 3}]})
    assert len(batch["result"][0]) == 3
