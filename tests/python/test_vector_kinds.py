"""Vectors of every kind: several rows per point, sparse, narrow; fields that come and go.

Random data against two oracles: the in-memory client (its own reading of the rules) and the real
engine in process. Known differences:

- The engine counts deleted vectors in its inverse document frequencies until it rewrites a
  segment; here only live ones count. The cases delete nothing before they compare frequencies.
- A sparse score of exactly zero is no hit, as in the engine; the in-memory client returns it.
- A component beyond the range of a 16-bit float becomes infinite in the engine; here it is refused.
"""

import math
import random

import pytest
import qdrant_edge as edge
import requests
from qdrant_client import QdrantClient
from qdrant_client import models as m
from qdrant_client.http.exceptions import UnexpectedResponse

from skerry_server import Server

POINTS = 120
DIM = 6
DISTANCES = [m.Distance.COSINE, m.Distance.DOT, m.Distance.EUCLID, m.Distance.MANHATTAN]
MAX_SIM = m.MultiVectorConfig(comparator=m.MultiVectorComparator.MAX_SIM)
EDGE_MAX_SIM = edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)


def edge_distance(distance):
    """The engine's name of a distance."""
    return getattr(edge.Distance, distance.value)


def row(draw, size=DIM, scale=1.0):
    """A random row whose components are far from rounding ties."""
    return [round(draw.gauss(0, scale), 3) for _ in range(size)]


def rows(draw):
    """One to four rows."""
    return [row(draw) for _ in range(draw.randint(1, 4))]


def sparse(draw, least=1):
    """Up to eight of forty indices, not in order."""
    indices = draw.sample(range(40), draw.randint(least, 8))
    return indices, [round(draw.uniform(0.1, 2.0), 3) for _ in indices]


def close(a, b):
    """Equal but for the rounding of f32 sums."""
    return math.isclose(a, b, rel_tol=2e-4, abs_tol=2e-4)


def same_hits(ours, theirs):
    """Equal scores in order, equal points but for those of almost equal score."""
    ours = [(p.id, p.score) for p in ours]
    theirs = [(p.id, p.score) for p in theirs]
    assert len(ours) == len(theirs), (ours, theirs)
    for (id_a, a), (id_b, b) in zip(ours, theirs, strict=True):
        assert close(a, b), (ours, theirs)
        if id_a != id_b:
            tied = [score for id_, score in theirs if id_ == id_a] or [b]
            assert close(a, tied[0]), (ours, theirs)


def flat(vector):
    """All numbers of a vector of any kind, in order."""
    if isinstance(vector, dict):
        return [x for name in sorted(vector) for x in flat(vector[name])]
    if isinstance(vector, (list, tuple)):
        return [x for part in vector for x in flat(part)]
    if hasattr(vector, "indices"):
        return [*vector.indices, *vector.values]
    return [vector]


def same_vectors(ours, theirs):
    """Equal names and equal numbers within rounding."""
    ours, theirs = ours or {}, theirs or {}
    assert ours.keys() == theirs.keys()
    for a, b in zip(flat(ours), flat(theirs), strict=True):
        assert math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-6), (ours, theirs)


def engine(tmp_path, vectors, sparse_vectors=None):
    """The real engine, in process."""
    config = edge.EdgeConfig(vectors=vectors, sparse_vectors=sparse_vectors)
    folder = tmp_path / "edge"
    folder.mkdir()
    return edge.EdgeShard.create(str(folder), config)


def engine_hits(shard, query, using, limit=20, params=None):
    """Nearest points in the real engine."""
    request = edge.QueryRequest(limit=limit, query=edge.Query.Nearest(query, using), params=params)
    return shard.query(request)


@pytest.mark.parametrize("distance", DISTANCES)
def test_rows_like_the_engine_and_the_memory(client, collection, tmp_path, distance):
    draw = random.Random(f"rows {distance}")
    params = m.VectorParams(size=DIM, distance=distance, multivector_config=MAX_SIM)
    plain = m.VectorParams(size=DIM, distance=distance)
    memory = QdrantClient(":memory:")
    for each in (client, memory):
        each.create_collection(collection, vectors_config={"rows": params, "plain": plain})
    shard = engine(tmp_path, {
        "rows": edge.EdgeVectorParams(
            DIM, edge_distance(distance), multivector_config=EDGE_MAX_SIM
        ),
        "plain": edge.EdgeVectorParams(DIM, edge_distance(distance)),
    })
    points = []
    for id_ in range(POINTS):
        vector = {}
        if draw.random() < 0.8:
            vector["rows"] = rows(draw)
        if draw.random() < 0.6:
            vector["plain"] = row(draw)
        points.append((id_, vector))
    structs = [m.PointStruct(id=id_, vector=vector, payload={}) for id_, vector in points]
    for each in (client, memory):
        each.upsert(collection, structs, wait=True)
    shard.update(edge.UpdateOperation.upsert_points(
        [edge.Point(id_, vector, {}) for id_, vector in points]
    ))
    for record, theirs in zip(
        client.retrieve(collection, list(range(POINTS)), with_vectors=True),
        shard.retrieve(list(range(POINTS)), False, True),
        strict=True,
    ):
        same_vectors(record.vector, theirs.vector)
    for _ in range(12):
        for using, query in (("rows", rows(draw)), ("rows", row(draw)), ("plain", row(draw))):
            ours = client.query_points(collection, query, using=using, limit=20).points
            same_hits(ours, engine_hits(shard, query, using))
            if using == "plain" or isinstance(query[0], list):
                theirs = memory.query_points(collection, query, using=using, limit=20).points
                same_hits(ours, theirs)
    of_point = next(id_ for id_, vector in points if "rows" in vector)
    ours = client.query_points(collection, of_point, using="rows", limit=9).points
    theirs = memory.query_points(collection, of_point, using="rows", limit=9).points
    same_hits(ours, theirs)


@pytest.mark.parametrize("modifier", [m.Modifier.NONE, m.Modifier.IDF])
def test_sparse_like_the_engine_and_the_memory(client, collection, tmp_path, modifier):
    draw = random.Random(f"sparse {modifier}")
    memory = QdrantClient(":memory:")
    for each in (client, memory):
        each.create_collection(
            collection,
            vectors_config={},
            sparse_vectors_config={"words": m.SparseVectorParams(modifier=modifier)},
        )
    idf = modifier == m.Modifier.IDF
    shard = engine(tmp_path, {}, {
        "words": edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf if idf else None)
    })
    points = [(id_, sparse(draw), {"even": id_ % 2 == 0}) for id_ in range(POINTS)]
    structs = [
        m.PointStruct(id=id_, vector={"words": m.SparseVector(indices=i, values=v)}, payload=p)
        for id_, (i, v), p in points
    ]
    for each in (client, memory):
        each.upsert(collection, structs, wait=True)
    shard.update(edge.UpdateOperation.upsert_points([
        edge.Point(id_, {"words": edge.SparseVector(i, v)}, p) for id_, (i, v), p in points
    ]))
    for record, theirs in zip(
        client.retrieve(collection, list(range(POINTS)), with_vectors=True),
        shard.retrieve(list(range(POINTS)), False, True),
        strict=True,
    ):
        same_vectors(record.vector, theirs.vector)
    even = m.Filter(must=[m.FieldCondition(key="even", match=m.MatchValue(value=True))])
    for _ in range(20):
        indices, values = sparse(draw)
        query = m.SparseVector(indices=indices, values=values)
        ours = client.query_points(collection, query, using="words", limit=20).points
        same_hits(ours, engine_hits(shard, edge.SparseVector(indices, values), "words"))
        same_hits(ours, memory.query_points(collection, query, using="words", limit=20).points)
        if idf:
            corpus = requests.post(
                f"{client._client.rest_uri}/collections/{collection}/points/query",
                json={
                    "query": {"indices": indices, "values": values},
                    "using": "words",
                    "limit": 20,
                    "params": {"idf": {"corpus": even.model_dump(exclude_none=True)}},
                },
                timeout=30,
            ).json()["result"]["points"]
            # The engine in process gives plain products here, so the formula itself is the judge.
            of_corpus = [set(i) for id_, (i, _), _ in points if id_ % 2 == 0]
            df = {index: sum(index in seen for seen in of_corpus) for index in indices}
            weighted = {
                index: value * math.log(1 + (len(of_corpus) - df[index] + 0.5) / (df[index] + 0.5))
                for index, value in zip(indices, values, strict=True)
            }
            scores = {
                id_: sum(weighted.get(index, 0) * value for index, value in zip(i, v, strict=True))
                for id_, (i, v), _ in points
                if weighted.keys() & set(i)
            }
            best = sorted(scores.items(), key=lambda hit: -hit[1])[:20]
            theirs = [m.ScoredPoint(id=id_, version=0, score=score) for id_, score in best]
            same_hits([m.ScoredPoint(**hit) for hit in corpus], theirs)


def test_a_point_without_overlap_is_no_hit(client, collection):
    client.create_collection(
        collection, vectors_config={}, sparse_vectors_config={"w": m.SparseVectorParams()}
    )
    words = {1: ([1, 2], [1.0, 1.0]), 2: ([2], [-1.0]), 3: ([3], [0.0]), 4: ([], [])}
    client.upsert(collection, [
        m.PointStruct(id=id_, vector={"w": m.SparseVector(indices=i, values=v)})
        for id_, (i, v) in words.items()
    ])

    def ask(indices, values):
        query = m.SparseVector(indices=indices, values=values)
        return [(p.id, p.score) for p in client.query_points(collection, query, using="w").points]

    assert ask([2], [1.0]) == [(1, 1.0), (2, -1.0)]
    assert ask([1, 2], [1.0, -1.0]) == [(2, 1.0)]
    assert ask([3], [1.0]) == []
    assert ask([77], [1.0]) == []
    stored = client.retrieve(collection, [1, 4], with_vectors=True)
    assert stored[0].vector["w"].indices == [1, 2]
    assert stored[1].vector["w"].indices == []


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("datatype", ["float16", "uint8"])
def test_narrow_components_like_the_engine(client, collection, tmp_path, distance, datatype):
    draw = random.Random(f"{distance} {datatype}")
    scale = 80.0 if datatype == "uint8" else 1.0
    params = {"size": DIM, "distance": distance, "datatype": m.Datatype(datatype)}
    client.create_collection(collection, vectors_config={
        "d": m.VectorParams(**params), "r": m.VectorParams(**params, multivector_config=MAX_SIM)
    })
    shown = client.get_collection(collection).config.params.vectors["d"]
    assert shown.datatype == m.Datatype(datatype)
    kind = getattr(edge.VectorStorageDatatype, datatype.capitalize())
    shard = engine(tmp_path, {
        "d": edge.EdgeVectorParams(DIM, edge_distance(distance), datatype=kind),
        "r": edge.EdgeVectorParams(
            DIM, edge_distance(distance), datatype=kind, multivector_config=EDGE_MAX_SIM
        ),
    })
    points = [
        (id_, {"d": row(draw, scale=scale), "r": [row(draw, scale=scale) for _ in range(2)]})
        for id_ in range(POINTS)
    ]
    client.upsert(collection, [m.PointStruct(id=i, vector=v) for i, v in points], wait=True)
    shard.update(edge.UpdateOperation.upsert_points([edge.Point(i, v, {}) for i, v in points]))
    ours = client.retrieve(collection, list(range(POINTS)), with_vectors=True)
    theirs = shard.retrieve(list(range(POINTS)), False, True)
    for record, other in zip(ours, theirs, strict=True):
        same_vectors(record.vector, other.vector)
    for _ in range(8):
        for using in ("d", "r"):
            query = row(draw, scale=scale)
            hits = client.query_points(collection, query, using=using, limit=20).points
            same_hits(hits, engine_hits(shard, query, using))


def test_columns_updates_and_deletes_of_every_kind(client, collection):
    client.create_collection(
        collection,
        vectors_config={
            "d": m.VectorParams(size=2, distance=m.Distance.DOT),
            "r": m.VectorParams(size=2, distance=m.Distance.DOT, multivector_config=MAX_SIM),
        },
        sparse_vectors_config={"s": m.SparseVectorParams()},
    )
    pair = m.SparseVector(indices=[5, 1], values=[1.0, 2.0])
    client.upsert(collection, m.Batch(
        ids=[1, 2],
        vectors={"d": [[1, 2], [3, 4]], "r": [[[1, 2], [3, 4]], [[5, 6]]], "s": [pair, pair]},
    ))
    client.update_vectors(collection, [m.PointVectors(id=1, vector={"r": [[9, 9]]})])
    client.delete_vectors(collection, ["s", "d"], [2])
    first, second = client.retrieve(collection, [1, 2], with_vectors=True)
    assert first.vector["r"] == [[9.0, 9.0]] and first.vector["d"] == [1.0, 2.0]
    assert first.vector["s"] == m.SparseVector(indices=[1, 5], values=[2.0, 1.0])
    assert second.vector == {"r": [[5.0, 6.0]]}
    carrying = m.Filter(must=[m.HasVectorCondition(has_vector="s")])
    assert client.count(collection, carrying).count == 1


def test_errors_say_what_is_wrong(client, collection):
    client.create_collection(
        collection,
        vectors_config={
            "d": m.VectorParams(size=2, distance=m.Distance.DOT),
            "r": m.VectorParams(size=2, distance=m.Distance.DOT, multivector_config=MAX_SIM),
        },
        sparse_vectors_config={"s": m.SparseVectorParams()},
    )
    pair = {"indices": [1], "values": [1.0]}
    dimension = "Wrong input: Vector dimension error: expected dim: 2, got 3"
    for vector, text in [
        ({"d": [1, 2, 3]}, dimension),
        ({"r": [[1, 2, 3]]}, dimension),
        ({"r": [1, 2, 3]}, dimension),
        ({"d": [[1, 2], [3, 4]]}, "Wrong input: Wrong usage of multi vectors"),
        ({"s": [[1, 2]]}, "Wrong input: Wrong usage of multi vectors"),
        ({"d": pair}, "Wrong input: Wrong usage of sparse vectors"),
        ({"r": pair}, "Wrong input: Wrong usage of sparse vectors"),
        ({"s": [1, 2]}, "Wrong input: Wrong usage of sparse vectors"),
        ({"x": [1, 2]}, "Wrong input: Not existing vector name error: x"),
    ]:
        url = f"{client._client.rest_uri}/collections/{collection}/points"
        body = {"points": [{"id": 1, "vector": vector}]}
        answer = requests.put(url, json=body, timeout=30)
        assert (answer.status_code, answer.json()["status"]["error"]) == (400, text)
        (using, query), = vector.items()
        answer = requests.post(f"{url}/query", json={"query": query, "using": using}, timeout=30)
        assert (answer.status_code, answer.json()["status"]["error"]) == (400, text)


def put_field(client, collection, name, body):
    """Adds a vector field."""
    url = f"{client._client.rest_uri}/collections/{collection}/vectors/{name}?wait=true"
    return requests.put(url, json=body, timeout=30)


def drop_field(client, collection, name):
    """Drops a vector field."""
    url = f"{client._client.rest_uri}/collections/{collection}/vectors/{name}?wait=true"
    return requests.delete(url, timeout=30)


def test_fields_come_and_go_and_survive_restarts():
    with Server() as server:
        client, name = server.client(), "fields"
        client.create_collection(name, vectors_config={
            "a": m.VectorParams(size=2, distance=m.Distance.DOT)
        })
        ids = list(range(3000))
        client.upsert(name, m.Batch(ids=ids, vectors={"a": [[i, 1] for i in ids]}), wait=True)
        dense = {"dense": {"size": 3, "distance": "Cosine"}}
        assert put_field(client, name, "b", dense).json()["result"]["status"] == "completed"
        assert put_field(client, name, "b", dense).status_code == 200
        other = put_field(client, name, "b", {"sparse": {}})
        assert other.status_code == 400
        assert "different parameters" in other.json()["status"]["error"]
        client.update_vectors(name, [m.PointVectors(id=7, vector={"b": [3, 0, 4]})], wait=True)
        assert client.retrieve(name, [7, 8], with_vectors=True)[1].vector.keys() == {"a"}
        # The same name again, for something else.
        assert drop_field(client, name, "b").status_code == 200
        assert drop_field(client, name, "never").status_code == 200
        assert put_field(client, name, "b", {"sparse": {"modifier": "idf"}}).status_code == 200

        def check():
            found = client.retrieve(name, [7], with_vectors=True)[0]
            assert found.vector.keys() == {"a"}, found
            words = m.SparseVector(indices=[4], values=[1.0])
            hits = client.query_points(name, words, using="b").points
            assert [hit.id for hit in hits] == [9]
            assert client.get_collection(name).config.params.sparse_vectors.keys() == {"b"}
            assert client.query_points(name, [1, 0], using="a", limit=1).points[0].id == 2999

        words = m.SparseVector(indices=[4], values=[1.0])
        client.update_vectors(name, [m.PointVectors(id=9, vector={"b": words})], wait=True)
        check()
        for end in (server.kill9, server.stop):
            end()
            server.start()
            client = server.client()
            check()


def test_settings_of_sparse_fields_change(client, collection):
    client.create_collection(
        collection,
        vectors_config={},
        sparse_vectors_config={"w": m.SparseVectorParams(
            index=m.SparseIndexParams(full_scan_threshold=10, on_disk=True)
        )},
    )
    client.update_collection(collection, sparse_vectors_config={
        "w": m.SparseVectorParams(modifier=m.Modifier.IDF, index=m.SparseIndexParams(on_disk=False))
    })
    shown = client.get_collection(collection).config.params.sparse_vectors["w"]
    assert shown.modifier == m.Modifier.IDF
    assert (shown.index.full_scan_threshold, shown.index.on_disk) == (10, False)
    with pytest.raises(UnexpectedResponse, match="Not existing vector name error: none"):
        client.update_collection(
            collection, sparse_vectors_config={"none": m.SparseVectorParams()}
        )
    client.upsert(collection, [
        m.PointStruct(id=1, vector={"w": m.SparseVector(indices=[1], values=[1.0])}),
        m.PointStruct(id=2, vector={"w": m.SparseVector(indices=[2], values=[1.0])}),
    ])
    query = m.SparseVector(indices=[1], values=[1.0])
    (hit,) = client.query_points(collection, query, using="w").points
    assert close(hit.score, math.log(2))
