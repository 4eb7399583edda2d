"""Quantized fields, driven by Qdrant's client: every kind of codes, on a collection in use.

The data lie around centres, so that neighbours are far from ties. What codes must do is checked
against the exact search of the same server: with enough candidates compared again the answers are
the exact ones, without that the scores are estimates, and no codes change what is stored.
"""

import time

import numpy
import pytest
from qdrant_client import models as m

from skerry_server import Server

POINTS = 4000
DIM = 32
QUERIES = 20
LIMIT = 10
READY_SECONDS_MAX = 60
# Of the graph alone: of 200 neighbours in separate clusters, a single missed cluster is 5 %.
GRAPH_RECALL_MIN = 0.95

SCALAR = m.ScalarQuantization(
    scalar=m.ScalarQuantizationConfig(type=m.ScalarType.INT8, quantile=0.99, always_ram=True)
)


def product(ratio):
    """Product codes."""
    return m.ProductQuantization(product=m.ProductQuantizationConfig(compression=ratio))


def binary(encoding):
    """Codes of few bits."""
    return m.BinaryQuantization(binary=m.BinaryQuantizationConfig(encoding=encoding))


KINDS = {
    "scalar": (SCALAR, 0.95, 4.0),
    "product x8": (product(m.CompressionRatio.X8), 0.95, 6.0),
    "product x16": (product(m.CompressionRatio.X16), 0.9, 12.0),
    "one bit": (binary(m.BinaryQuantizationEncoding.ONE_BIT), 0.9, 20.0),
    "one and a half bits": (binary(m.BinaryQuantizationEncoding.ONE_AND_HALF_BITS), 0.9, 16.0),
    "two bits": (binary(m.BinaryQuantizationEncoding.TWO_BITS), 0.92, 12.0),
    "turbo": (
        m.TurboQuantization(turbo=m.TurboQuantQuantizationConfig(bits=m.TurboQuantBitSize.BITS4)),
        0.95,
        8.0,
    ),
}


def data():
    """Points and queries around the same forty centres."""
    draw = numpy.random.default_rng(5)
    centres = draw.normal(0, 1, (40, DIM))
    around = lambda count: centres[draw.integers(0, 40, count)] + draw.normal(0, 0.4, (count, DIM))
    return around(POINTS).astype("f4"), around(QUERIES).astype("f4")


BASE, ASKED = data()


def wait_until_ready(client, name):
    """Until the collection is green and every vector is in an index."""
    started = time.monotonic()
    while True:
        info = client.get_collection(name)
        covered = info.indexed_vectors_count >= POINTS
        if info.status == m.CollectionStatus.GREEN and covered:
            return
        assert time.monotonic() - started < READY_SECONDS_MAX, info
        time.sleep(0.1)


def create(client, name, quantization=None):
    """A collection of all points whose graph is used for so few rows."""
    client.create_collection(
        name,
        vectors_config=m.VectorParams(size=DIM, distance=m.Distance.COSINE),
        hnsw_config=m.HnswConfigDiff(m=16, ef_construct=64, full_scan_threshold=10),
        optimizers_config=m.OptimizersConfigDiff(indexing_threshold=10),
        quantization_config=quantization,
    )
    client.upload_collection(name, vectors=BASE, ids=range(POINTS), batch_size=1000, wait=True)
    wait_until_ready(client, name)


def search(client, name, **quantization):
    """The hits of every query, codes used as asked; `exact=True` uses none."""
    exact = quantization.pop("exact", False)
    params = m.SearchParams(
        exact=exact,
        # Fewer candidates than a twentieth of the points, or all points would be compared.
        hnsw_ef=100,
        quantization=m.QuantizationSearchParams(**quantization) if quantization else None,
    )
    requests = [
        m.QueryRequest(query=row.tolist(), params=params, limit=LIMIT) for row in ASKED
    ]
    found = client.query_batch_points(name, requests=requests)
    return [[(hit.id, hit.score) for hit in response.points] for response in found]


def recall(found, exact):
    """The share of exact neighbours that were found."""
    pairs = zip(found, exact, strict=True)
    shared = sum(len({id_ for id_, _ in a} & {id_ for id_, _ in b}) for a, b in pairs)
    return shared / (QUERIES * LIMIT)


def scores_differ(found, exact):
    """Whether a point that both found has another score."""
    for ours, theirs in zip(found, exact, strict=True):
        known = dict(theirs)
        if any(abs(known.get(id_, score) - score) > 1e-6 for id_, score in ours):
            return True
    return False


@pytest.mark.parametrize("kind", KINDS)
def test_codes_find_what_the_exact_search_finds(client, collection, kind):
    quantization, least, oversampling = KINDS[kind]
    create(client, collection, quantization)
    exact = search(client, collection, exact=True)
    compared_again = search(client, collection, rescore=True, oversampling=oversampling)
    assert recall(compared_again, exact) >= least
    assert not scores_differ(compared_again, exact)
    ignored = search(client, collection, ignore=True)
    assert recall(ignored, exact) >= GRAPH_RECALL_MIN
    assert not scores_differ(ignored, exact)
    estimates = search(client, collection, rescore=False)
    assert scores_differ(estimates, exact)
    assert recall(estimates, exact) <= recall(compared_again, exact) + 0.02


def test_codes_change_and_go_on_a_live_collection(client, collection):
    create(client, collection)
    exact = search(client, collection, exact=True)
    # Without quantization nobody asks for the scores of codes.
    assert not scores_differ(search(client, collection, rescore=False), exact)
    for kind in ("scalar", "one bit"):
        quantization, least, oversampling = KINDS[kind]
        client.update_collection(collection, quantization_config=quantization)
        wait_until_ready(client, collection)
        shown = client.get_collection(collection).config.quantization_config
        assert type(shown) is type(quantization)
        found = search(client, collection, rescore=True, oversampling=oversampling)
        assert recall(found, exact) >= least
        assert scores_differ(search(client, collection, rescore=False), exact)
    client.update_collection(collection, quantization_config=m.Disabled.DISABLED)
    wait_until_ready(client, collection)
    assert client.get_collection(collection).config.quantization_config is None
    found = search(client, collection, rescore=False)
    assert recall(found, exact) >= GRAPH_RECALL_MIN
    assert not scores_differ(found, exact)


def test_codes_are_there_after_a_restart():
    with Server() as server:
        client = server.client()
        create(client, "codes", SCALAR)
        before = search(client, "codes", rescore=False)
        server.stop()
        server.start()
        client = server.client()
        assert search(client, "codes", rescore=False) == before
        assert client.get_collection("codes").config.quantization_config == SCALAR
        stored = client.retrieve("codes", ids=[7], with_vectors=True)[0].vector
        unit = BASE[7] / numpy.linalg.norm(BASE[7])
        assert numpy.allclose(stored, unit, atol=1e-6)
