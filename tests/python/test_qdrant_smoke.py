"""The everyday surface of the Qdrant dialect, driven by Qdrant's own Python client."""

import re
import uuid
from importlib.metadata import version

import numpy as np
import pytest
from qdrant_client import models as m

from skerry_server import Server

VECTORS = {
    1: [1.0, 0.0, 0.0, 0.0],
    2: [0.0, 1.0, 0.0, 0.0],
    3: [0.5, 0.5, 0.5, 0.5],
    4: [0.9, 0.1, 0.0, 0.0],
    5: [-1.0, 0.0, 0.0, 0.0],
}
PAYLOADS = {
    1: {"city": "Berlin", "n": 1, "price": 1.5, "ok": True, "tags": ["a", "b"]},
    2: {"city": "London", "n": 2, "price": 2.5, "ok": False, "tags": ["b"]},
    3: {"city": "Moscow", "n": 3, "tags": [], "nothing": None},
    4: {"city": "Berlin", "n": 4, "price": 4.5, "at": "2024-05-01T10:00:00Z"},
    5: {"n": [5, 50], "where": {"lon": 13.4, "lat": 52.5}, "deep": {"a": [{"b": 1}, {"b": 2}]}},
}


def create(client, name, size=4, distance=m.Distance.COSINE, **options):
    """A collection with one unnamed vector."""
    vectors = m.VectorParams(size=size, distance=distance)
    assert client.create_collection(name, vectors_config=vectors, **options)


def fill(client, name):
    """Five points with the vectors and payloads above."""
    points = [m.PointStruct(id=i, vector=VECTORS[i], payload=PAYLOADS[i]) for i in VECTORS]
    done = client.upsert(name, points, wait=True)
    assert done.status == m.UpdateStatus.COMPLETED
    return done


def ids(points):
    """The ids of scored points or records, in their order."""
    return [point.id for point in points]


def matching(client, name, condition):
    """The ids that one condition selects, in order."""
    found, _ = client.scroll(name, scroll_filter=m.Filter(must=[condition]), limit=100)
    return ids(found)


# Service


def test_version_is_one_that_the_client_accepts(server):
    info = server.request("GET", "/").json()
    assert info["title"] == "qdrant - vector search engine"
    ours, theirs = (v.split(".") for v in (info["version"], version("qdrant-client")))
    assert ours[0] == theirs[0] == "1"
    assert abs(int(ours[1]) - int(theirs[1])) <= 1
    assert re.fullmatch(r"[0-9a-f]{40}", info["commit"])
    assert "result" not in info


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/healthz", "healthz check passed"),
        ("/livez", "healthz check passed"),
        ("/readyz", "all shards are ready"),
    ],
)
def test_health_routes_are_plain_text(server, path, text):
    answer = server.request("GET", path)
    assert (answer.status_code, answer.text.strip()) == (200, text)
    assert answer.headers["content-type"].startswith("text/plain")


def test_metrics_are_prometheus_text(server):
    answer = server.request("GET", "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'app_info{name="qdrant",version=' in answer.text
    assert re.search(r"^collections_total \d+", answer.text, re.M)


def test_answers_come_in_the_envelope(server):
    answer = server.request("GET", "/collections").json()
    assert answer["status"] == "ok"
    assert isinstance(answer["time"], float)
    assert "collections" in answer["result"]


# Collections


def test_collection_is_created_listed_and_dropped(client, collection):
    assert not client.collection_exists(collection)
    create(client, collection)
    assert client.collection_exists(collection)
    assert collection in [c.name for c in client.get_collections().collections]
    assert client.delete_collection(collection)
    assert not client.collection_exists(collection)
    assert client.delete_collection(collection) is False


def test_collection_info_tells_the_configuration(client, collection):
    create(client, collection, size=8, distance=m.Distance.EUCLID)
    info = client.get_collection(collection)
    assert info.status == m.CollectionStatus.GREEN
    assert info.optimizer_status == "ok"
    assert info.points_count == 0
    assert info.indexed_vectors_count == 0
    vectors = info.config.params.vectors
    assert (vectors.size, vectors.distance) == (8, m.Distance.EUCLID)
    assert info.config.hnsw_config.m == 16
    assert info.config.hnsw_config.ef_construct == 100
    assert info.payload_schema == {}


def test_collection_configuration_can_be_changed(client, collection):
    create(client, collection)
    assert client.update_collection(collection, hnsw_config=m.HnswConfigDiff(ef_construct=64))
    assert client.get_collection(collection).config.hnsw_config.ef_construct == 64


def test_points_count_follows_the_points(client, collection):
    create(client, collection)
    fill(client, collection)
    assert client.get_collection(collection).points_count == 5
    client.delete(collection, [1, 2], wait=True)
    assert client.get_collection(collection).points_count == 3


# Points


def test_operation_ids_ascend_from_one_write_to_the_next(client, collection):
    create(client, collection)
    first = fill(client, collection).operation_id
    second = client.delete(collection, [1], wait=True).operation_id
    assert second > first >= 0


def test_write_without_waiting_is_acknowledged_and_visible_soon(client, collection):
    create(client, collection)
    point = m.PointStruct(id=1, vector=VECTORS[1])
    assert client.upsert(collection, [point], wait=False).status == m.UpdateStatus.ACKNOWLEDGED
    client.upsert(collection, [m.PointStruct(id=2, vector=VECTORS[2])], wait=True)
    assert client.count(collection).count == 2


def test_columnar_upsert_equals_the_list(client, collection):
    create(client, collection)
    batch = m.Batch(
        ids=list(VECTORS), vectors=list(VECTORS.values()), payloads=list(PAYLOADS.values())
    )
    client.upsert(collection, batch, wait=True)
    found = client.retrieve(collection, [5, 1], with_vectors=True)
    by_id = {record.id: record for record in found}
    assert by_id[1].payload == PAYLOADS[1]
    assert by_id[5].payload == PAYLOADS[5]
    assert by_id[5].vector == VECTORS[5]


def test_upsert_replaces_the_whole_point(client, collection):
    create(client, collection)
    fill(client, collection)
    client.upsert(collection, [m.PointStruct(id=1, vector=VECTORS[2])], wait=True)
    (record,) = client.retrieve(collection, [1], with_vectors=True)
    assert record.payload == {}
    assert record.vector == VECTORS[2]
    assert client.count(collection).count == 5


def test_the_last_of_duplicate_ids_wins(client, collection):
    create(client, collection)
    twice = [m.PointStruct(id=7, vector=VECTORS[1], payload={"v": v}) for v in (1, 2)]
    client.upsert(collection, twice, wait=True)
    assert client.count(collection).count == 1
    assert client.retrieve(collection, [7])[0].payload == {"v": 2}


def test_uuid_ids_come_back_hyphenated_and_lower_case(client, collection):
    create(client, collection)
    name = uuid.uuid4()
    written = [name.hex.upper(), str(uuid.uuid4()), uuid.uuid4().urn]
    points = [m.PointStruct(id=text, vector=VECTORS[1]) for text in written]
    client.upsert(collection, points, wait=True)
    found, _ = client.scroll(collection)
    assert sorted(ids(found)) == sorted(str(uuid.UUID(text)) for text in written)


def test_numbers_come_before_uuids(client, collection):
    create(client, collection)
    mixed = [str(uuid.UUID(int=1)), 2**64 - 1, str(uuid.UUID(int=2**127)), 0, 3]
    client.upsert(collection, [m.PointStruct(id=i, vector=VECTORS[1]) for i in mixed], wait=True)
    found, following = client.scroll(collection)
    assert ids(found) == [0, 3, 2**64 - 1, mixed[0], mixed[2]]
    assert following is None


def test_retrieve_skips_unknown_ids(client, collection):
    create(client, collection)
    fill(client, collection)
    found = client.retrieve(collection, [1, 99, 3])
    assert sorted(ids(found)) == [1, 3]
    assert all(record.vector is None for record in found)
    assert found[0].payload


def test_single_point_by_path(server, client, collection):
    create(client, collection)
    fill(client, collection)
    answer = server.request("GET", f"/collections/{collection}/points/1").json()["result"]
    assert answer["id"] == 1
    assert answer["payload"] == PAYLOADS[1]
    assert answer["vector"] == VECTORS[1]
    assert server.request("GET", f"/collections/{collection}/points/99").status_code == 404


def test_scroll_pages_through_everything_once(client, collection):
    create(client, collection)
    points = [m.PointStruct(id=i, vector=[i, 1, 1, 1], payload={"i": i}) for i in range(1, 96)]
    client.upsert(collection, points, wait=True)
    seen, offset = [], None
    while True:
        page, offset = client.scroll(collection, limit=10, offset=offset)
        seen += ids(page)
        if offset is None:
            break
        assert len(page) == 10
    assert seen == list(range(1, 96))


def test_scroll_in_order_of_a_payload_field(client, collection):
    create(client, collection)
    fill(client, collection)
    client.create_payload_index(collection, "n", m.PayloadSchemaType.INTEGER, wait=True)
    order = m.OrderBy(key="n", direction=m.Direction.DESC)
    found, following = client.scroll(collection, order_by=order, limit=3)
    assert [(record.id, record.order_value) for record in found] == [(5, 50), (5, 5), (4, 4)]
    assert following is None
    order = m.OrderBy(key="n", direction=m.Direction.ASC, start_from=3)
    found, _ = client.scroll(collection, order_by=order)
    assert ids(found) == [3, 4, 5, 5]


def test_count_takes_a_filter(client, collection):
    create(client, collection)
    fill(client, collection)
    berlin = m.FieldCondition(key="city", match=m.MatchValue(value="Berlin"))
    assert client.count(collection, m.Filter(must=[berlin])).count == 2
    assert client.count(collection, m.Filter(must_not=[berlin])).count == 3


def test_delete_by_ids_and_by_filter(client, collection):
    create(client, collection)
    fill(client, collection)
    client.delete(collection, [1, 99], wait=True)
    assert client.count(collection).count == 4
    selector = m.Filter(must=[m.FieldCondition(key="n", range=m.Range(gte=4))])
    client.delete(collection, m.FilterSelector(filter=selector), wait=True)
    found, _ = client.scroll(collection)
    assert ids(found) == [2, 3]


# Payload


def test_payload_is_set_overwritten_deleted_and_cleared(client, collection):
    create(client, collection)
    fill(client, collection)

    def payload():
        return client.retrieve(collection, [1])[0].payload

    client.set_payload(collection, {"n": 9, "new": "x"}, points=[1], wait=True)
    assert payload() == {**PAYLOADS[1], "n": 9, "new": "x"}
    client.set_payload(collection, {"new": None}, points=[1], wait=True)
    assert payload() == {**PAYLOADS[1], "n": 9}
    client.set_payload(collection, {"b": 1}, points=[1], key="deep.a", wait=True)
    assert payload()["deep"] == {"a": {"b": 1}}
    client.delete_payload(collection, ["deep.a.b", "n", "unknown"], points=[1], wait=True)
    assert payload() == {**{k: v for k, v in PAYLOADS[1].items() if k != "n"}, "deep": {"a": {}}}
    client.overwrite_payload(collection, {"only": 1}, points=[1], wait=True)
    assert payload() == {"only": 1}
    client.clear_payload(collection, [1], wait=True)
    assert payload() == {}


def test_payload_changes_select_by_filter(client, collection):
    create(client, collection)
    fill(client, collection)
    berlin = m.Filter(must=[m.FieldCondition(key="city", match=m.MatchValue(value="Berlin"))])
    client.set_payload(collection, {"capital": True}, points=berlin, wait=True)
    capital = m.FieldCondition(key="capital", match=m.MatchValue(value=True))
    assert matching(client, collection, capital) == [1, 4]


def test_any_json_comes_back_as_it_was(client, collection):
    create(client, collection)
    payload = {
        "": "empty key",
        "text": "ä\u0000\u2028\U0001f600\"\\",
        "integers": [0, -1, 2**53 + 1, -(2**63), 2**63 - 1],
        "floats": [0.1, -1e300, 5e-324, 1.0],
        "nested": {"a": {"b": {"c": [[], {}, [[1]], None, True, False]}}},
        "null": None,
    }
    client.upsert(collection, [m.PointStruct(id=1, vector=VECTORS[1], payload=payload)], wait=True)
    stored = client.retrieve(collection, [1])[0].payload
    assert stored == payload
    assert isinstance(stored["floats"][3], float)
    assert isinstance(stored["integers"][0], int)


# Search


def test_search_returns_the_nearest_first(client, collection):
    create(client, collection)
    fill(client, collection)
    found = client.query_points(collection, query=VECTORS[1], limit=3).points
    assert ids(found) == [1, 4, 3]
    assert found[0].score == pytest.approx(1.0, abs=1e-6)
    assert found[0].version >= 0


def test_search_returns_no_payload_unless_asked(server, client, collection):
    create(client, collection)
    fill(client, collection)
    body = {"query": VECTORS[1], "limit": 1}
    answer = server.request("POST", f"/collections/{collection}/points/query", json=body).json()
    (hit,) = answer["result"]["points"]
    assert hit.keys() == {"id", "version", "score"}


def test_legacy_search_gives_the_same(server, client, collection):
    create(client, collection)
    fill(client, collection)
    body = {"vector": VECTORS[1], "limit": 3, "with_payload": True}
    answer = server.request("POST", f"/collections/{collection}/points/search", json=body).json()
    assert [hit["id"] for hit in answer["result"]] == [1, 4, 3]
    assert answer["result"][0]["payload"] == PAYLOADS[1]
    body = {"vector": VECTORS[1], "top": 1}
    answer = server.request("POST", f"/collections/{collection}/points/search", json=body).json()
    assert [hit["id"] for hit in answer["result"]] == [1]


@pytest.mark.parametrize(
    ("distance", "score"),
    [
        (m.Distance.COSINE, 11 / (5 * 5**0.5)),
        (m.Distance.DOT, 11.0),
        (m.Distance.EUCLID, 8**0.5),
        (m.Distance.MANHATTAN, 4.0),
    ],
)
def test_scores_are_those_of_the_metric(client, collection, distance, score):
    create(client, collection, size=2, distance=distance)
    client.upsert(collection, [m.PointStruct(id=1, vector=[3, 4])], wait=True)
    (hit,) = client.query_points(collection, query=[1.0, 2.0]).points
    assert hit.score == pytest.approx(score, rel=1e-6)


def test_cosine_vectors_are_kept_normalised(client, collection):
    create(client, collection, size=2)
    client.upsert(collection, [m.PointStruct(id=1, vector=[3, 4])], wait=True)
    (record,) = client.retrieve(collection, [1], with_vectors=True)
    assert record.vector == pytest.approx([0.6, 0.8], rel=1e-6)


@pytest.mark.parametrize(
    ("distance", "threshold", "expected"),
    [
        (m.Distance.DOT, 1.0, [2]),
        (m.Distance.DOT, 0.5, [2, 1]),
        (m.Distance.EUCLID, 1.0, [1]),
        (m.Distance.EUCLID, 1.5, [1, 2]),
    ],
)
def test_score_threshold_is_strict(client, collection, distance, threshold, expected):
    create(client, collection, size=1, distance=distance)
    points = [m.PointStruct(id=1, vector=[1]), m.PointStruct(id=2, vector=[2])]
    client.upsert(collection, points, wait=True)
    found = client.query_points(collection, query=[1.0], score_threshold=threshold).points
    assert ids(found) == expected


def test_search_by_id_leaves_the_point_out(client, collection):
    create(client, collection)
    fill(client, collection)
    assert ids(client.query_points(collection, query=1, limit=2).points) == [4, 3]


def test_limit_offset_and_selection_of_payload_and_vectors(client, collection):
    create(client, collection)
    fill(client, collection)
    (hit,) = client.query_points(
        collection,
        query=VECTORS[1],
        limit=1,
        offset=1,
        with_payload=["city"],
        with_vectors=True,
    ).points
    assert (hit.id, hit.payload) == (4, {"city": "Berlin"})
    assert hit.vector == pytest.approx(np.array(VECTORS[4]) / np.linalg.norm(VECTORS[4]), rel=1e-5)
    (hit,) = client.query_points(
        collection,
        query=VECTORS[1],
        limit=1,
        with_payload=m.PayloadSelectorExclude(exclude=["city", "tags"]),
    ).points
    assert hit.payload == {"n": 1, "price": 1.5, "ok": True}


def test_query_without_a_query_lists_points_by_id(client, collection):
    create(client, collection)
    fill(client, collection)
    found = client.query_points(collection, limit=3).points
    assert [(point.id, point.score) for point in found] == [(1, 1.0), (2, 1.0), (3, 1.0)]


def test_exact_and_approximate_search_agree_on_few_points(client, collection):
    create(client, collection)
    fill(client, collection)
    answers = [
        client.query_points(
            collection, query=VECTORS[3], search_params=m.SearchParams(exact=exact, hnsw_ef=64)
        ).points
        for exact in (True, False)
    ]
    assert answers[0] == answers[1]


def test_search_batch_answers_each_in_order(client, collection):
    create(client, collection)
    fill(client, collection)
    wanted = [m.QueryRequest(query=VECTORS[i], limit=1) for i in (2, 5)]
    answers = client.query_batch_points(collection, wanted)
    assert [ids(answer.points) for answer in answers] == [[2], [5]]


# Filters: each kind of condition once; the differential suite mixes them.

CONDITIONS = {
    "keyword": (m.FieldCondition(key="city", match=m.MatchValue(value="Berlin")), [1, 4]),
    "integer": (m.FieldCondition(key="n", match=m.MatchValue(value=3)), [3]),
    "integer in array": (m.FieldCondition(key="n", match=m.MatchValue(value=50)), [5]),
    "bool": (m.FieldCondition(key="ok", match=m.MatchValue(value=False)), [2]),
    "any": (m.FieldCondition(key="city", match=m.MatchAny(any=["Moscow", "London"])), [2, 3]),
    "any integer": (m.FieldCondition(key="n", match=m.MatchAny(any=[1, 5])), [1, 5]),
    "any of none": (m.FieldCondition(key="city", match=m.MatchAny(any=[])), []),
    "except": (
        m.FieldCondition(key="city", match=m.MatchExcept(**{"except": ["Berlin"]})),
        [2, 3],
    ),
    "text": (m.FieldCondition(key="city", match=m.MatchText(text="Lond")), [2]),
    "range": (m.FieldCondition(key="price", range=m.Range(gt=1.5, lte=4.5)), [2, 4]),
    "range of integers": (m.FieldCondition(key="n", range=m.Range(gte=4, lt=6)), [4, 5]),
    "datetime": (
        m.FieldCondition(key="at", range=m.DatetimeRange(gte="2024-05-01T12:00:00+02:00")),
        [4],
    ),
    "box": (
        m.FieldCondition(
            key="where",
            geo_bounding_box=m.GeoBoundingBox(
                top_left=m.GeoPoint(lon=13, lat=53), bottom_right=m.GeoPoint(lon=14, lat=52)
            ),
        ),
        [5],
    ),
    "radius": (
        m.FieldCondition(
            key="where",
            geo_radius=m.GeoRadius(center=m.GeoPoint(lon=13.3, lat=52.5), radius=10_000),
        ),
        [5],
    ),
    "polygon": (
        m.FieldCondition(
            key="where",
            geo_polygon=m.GeoPolygon(
                exterior=m.GeoLineString(
                    points=[
                        m.GeoPoint(lon=lon, lat=lat)
                        for lon, lat in [(13, 52), (14, 52), (14, 53), (13, 53), (13, 52)]
                    ]
                )
            ),
        ),
        [5],
    ),
    "values count": (m.FieldCondition(key="tags", values_count=m.ValuesCount(gte=1)), [1, 2]),
    "values count of a missing key": (
        m.FieldCondition(key="tags", values_count=m.ValuesCount(lt=1)),
        [3, 4, 5],
    ),
    "is empty": (m.IsEmptyCondition(is_empty=m.PayloadField(key="tags")), [3, 4, 5]),
    "is null": (m.IsNullCondition(is_null=m.PayloadField(key="nothing")), [3]),
    "is empty as a field": (m.FieldCondition(key="tags", is_empty=False), [1, 2]),
    "has id": (m.HasIdCondition(has_id=[5, 1, 99]), [1, 5]),
    "has vector": (m.HasVectorCondition(has_vector=""), [1, 2, 3, 4, 5]),
    "path through an array": (
        m.FieldCondition(key="deep.a[].b", match=m.MatchValue(value=2)),
        [5],
    ),
    "path does not enter an array by itself": (
        m.FieldCondition(key="deep.a.b", match=m.MatchValue(value=2)),
        [],
    ),
    "nested": (
        m.NestedCondition(
            nested=m.Nested(
                key="deep.a",
                filter=m.Filter(must=[m.FieldCondition(key="b", match=m.MatchValue(value=2))]),
            )
        ),
        [5],
    ),
    "filter in a filter": (
        m.Filter(should=[m.HasIdCondition(has_id=[1]), m.HasIdCondition(has_id=[2])]),
        [1, 2],
    ),
    "at least two": (
        m.Filter(
            min_should=m.MinShould(
                conditions=[
                    m.HasIdCondition(has_id=[1, 2]),
                    m.HasIdCondition(has_id=[2, 3]),
                    m.HasIdCondition(has_id=[3, 4, 2]),
                ],
                min_count=2,
            )
        ),
        [2, 3],
    ),
    "empty should is absent": (m.Filter(should=[]), [1, 2, 3, 4, 5]),
}


@pytest.fixture(scope="module")
def filled(client):
    """A collection that the tests of filters only read."""
    create(client, "filters")
    fill(client, "filters")
    return "filters"


@pytest.mark.parametrize("name", CONDITIONS)
def test_condition(client, filled, name):
    condition, expected = CONDITIONS[name]
    assert matching(client, filled, condition) == expected
    hits = client.query_points(
        filled, query=VECTORS[1], query_filter=m.Filter(must=[condition]), limit=100
    ).points
    assert sorted(ids(hits)) == expected


@pytest.fixture(scope="module")
def indexed(client):
    """The same points with an index on every field, made after half of the points."""
    name = "filters-indexed"
    create(client, name)
    halves = [[1, 2], [3, 4, 5]]
    for half in halves:
        points = [m.PointStruct(id=i, vector=VECTORS[i], payload=PAYLOADS[i]) for i in half]
        client.upsert(name, points, wait=True)
        if half is halves[0]:
            for field, kind in {
                "city": m.PayloadSchemaType.KEYWORD,
                "n": m.PayloadSchemaType.INTEGER,
                "price": m.PayloadSchemaType.FLOAT,
                "ok": m.PayloadSchemaType.BOOL,
                "tags": m.PayloadSchemaType.KEYWORD,
                "at": m.PayloadSchemaType.DATETIME,
                "where": m.PayloadSchemaType.GEO,
                "deep.a[].b": m.PayloadSchemaType.INTEGER,
            }.items():
                client.create_payload_index(name, field, kind, wait=True)
    return name


@pytest.mark.parametrize("name", CONDITIONS)
def test_condition_with_indexes(client, indexed, name):
    condition, expected = CONDITIONS[name]
    assert matching(client, indexed, condition) == expected


def test_payload_index_is_listed_and_dropped(client, collection):
    create(client, collection)
    fill(client, collection)
    client.create_payload_index(collection, "city", m.PayloadSchemaType.KEYWORD, wait=True)
    schema = client.get_collection(collection).payload_schema
    assert schema["city"].data_type == m.PayloadSchemaType.KEYWORD
    assert schema["city"].points == 4
    client.delete_payload_index(collection, "city", wait=True)
    assert client.get_collection(collection).payload_schema == {}
    berlin = m.FieldCondition(key="city", match=m.MatchValue(value="Berlin"))
    assert matching(client, collection, berlin) == [1, 4]


def test_uuid_index_matches_any_spelling(client, collection):
    create(client, collection)
    value = uuid.uuid4()
    client.upsert(
        collection, [m.PointStruct(id=1, vector=VECTORS[1], payload={"u": str(value)})], wait=True
    )
    client.create_payload_index(collection, "u", m.PayloadSchemaType.UUID, wait=True)
    condition = m.FieldCondition(key="u", match=m.MatchValue(value=str(value)))
    assert matching(client, collection, condition) == [1]


# Named vectors


@pytest.fixture
def named(client, collection):
    """Two named vectors of unlike metric and size."""
    vectors = {
        "title": m.VectorParams(size=4, distance=m.Distance.DOT),
        "image": m.VectorParams(size=2, distance=m.Distance.EUCLID),
    }
    client.create_collection(collection, vectors_config=vectors)
    points = [
        m.PointStruct(id=1, vector={"title": VECTORS[1], "image": [0, 0]}),
        m.PointStruct(id=2, vector={"title": VECTORS[2]}),
        m.PointStruct(id=3, vector={"image": [3, 4]}),
        m.PointStruct(id=4, vector={}),
    ]
    client.upsert(collection, points, wait=True)
    return collection


def test_named_vectors_are_searched_by_name(client, named):
    hits = client.query_points(named, query=VECTORS[2], using="title").points
    assert [(hit.id, hit.score) for hit in hits] == [(2, 1.0), (1, 0.0)]
    hits = client.query_points(named, query=[0.0, 0.0], using="image").points
    assert [(hit.id, hit.score) for hit in hits] == [(1, 0.0), (3, 5.0)]


def test_named_vectors_come_back_by_name(client, named):
    by_id = {r.id: r for r in client.retrieve(named, [1, 2, 3, 4], with_vectors=True)}
    assert by_id[1].vector == {"title": VECTORS[1], "image": [0.0, 0.0]}
    assert by_id[2].vector == {"title": VECTORS[2]}
    assert by_id[4].vector == {}
    (record,) = client.retrieve(named, [1], with_vectors=["image"])
    assert record.vector == {"image": [0.0, 0.0]}


def test_points_without_a_vector_are_filtered_by_it(client, named):
    assert matching(client, named, m.HasVectorCondition(has_vector="image")) == [1, 3]


# Restart


def test_everything_survives_a_restart():
    with Server() as server:
        client = server.client()
        create(client, "kept", distance=m.Distance.EUCLID)
        create(client, "dropped")
        fill(client, "kept")
        client.create_payload_index("kept", "city", m.PayloadSchemaType.KEYWORD, wait=True)
        client.delete("kept", [2], wait=True)
        client.set_payload("kept", {"n": 33}, points=[3], wait=True)
        client.delete_collection("dropped")
        before = client.scroll("kept", with_vectors=True)
        server.restart()
        client = server.client()
        assert [c.name for c in client.get_collections().collections] == ["kept"]
        assert client.scroll("kept", with_vectors=True) == before
        info = client.get_collection("kept")
        assert info.points_count == 4
        assert info.config.params.vectors.distance == m.Distance.EUCLID
        assert "city" in info.payload_schema
        assert ids(client.query_points("kept", query=VECTORS[2], limit=2).points) == [3, 4]


def test_nothing_is_kept_in_memory_mode():
    with Server(data="memory:") as server:
        create(server.client(), "gone")
        server.restart()
        assert server.client().get_collections().collections == []
