"""Recall of the approximate index at default settings, with and without filters, on real data.

Each set is uploaded once through Qdrant's client, as a user would, and indexed in the background.
A hit counts as right when it is not further away than the exact tenth neighbour: equal distances
are interchangeable.
"""

import time

import numpy as np
import pytest
from qdrant_client import models as m

import data_sets
from skerry_server import Server

K = 10
RECALL_MIN = 0.99
INDEXING_SECONDS_MAX = 600
# Rows with `part` below the number: 50 %, 10 %, 1 % and 0.1 % of them.
PARTS = 1000
SELECTED = {"half": 500, "tenth": 100, "hundredth": 10, "thousandth": 1}


class Loaded:
    """A data set inside a running server."""

    def __init__(self, server, data):
        self.server, self.data = server, data
        self.client = server.client()
        # Any order of rows would do, but it must not follow the payload.
        self.part = np.random.default_rng(11).permutation(len(data.base)) % PARTS

    def upload(self):
        """All rows with payload; `part` has no index, `indexed_part` has."""
        name, data = self.data.name, self.data
        vectors = m.VectorParams(size=data.base.shape[1], distance=data.distance)
        self.client.create_collection(name, vectors_config=vectors)
        self.client.create_payload_index(
            name, "indexed_part", m.PayloadSchemaType.INTEGER, wait=True
        )
        known = data.payloads or [{} for _ in data.base]
        payloads = (
            {**row, "part": int(part), "indexed_part": int(part)}
            for row, part in zip(known, self.part, strict=True)
        )
        started = time.monotonic()
        self.client.upload_collection(
            name, data.base, payloads, ids=range(len(data.base)), batch_size=256, wait=True
        )
        print(f"{name}: {len(data.base)} rows uploaded in {time.monotonic() - started:.1f} s")

    def wait_until_indexed(self):
        """Until the collection is green and most rows are in a vector index."""
        started = said = time.monotonic()
        while True:
            info = self.client.get_collection(self.data.name)
            share = info.indexed_vectors_count / len(self.data.base)
            if info.status == m.CollectionStatus.GREEN and share > 0.5:
                break
            elapsed = time.monotonic() - started
            assert elapsed < INDEXING_SECONDS_MAX, f"{info.status} and {share:.0%} indexed"
            if time.monotonic() - said > 10:
                said = time.monotonic()
                print(f"{self.data.name}: {share:.0%} indexed after {elapsed:.0f} s", flush=True)
            time.sleep(0.25)
        print(f"{self.data.name}: {share:.0%} indexed in {time.monotonic() - started:.1f} s")
        assert info.points_count == len(self.data.base)

    def recall(self, allowed=None, query_filter=None):
        """The mean share of right hits among ten, at default settings."""
        right = 0
        all_distances = self.data.distances(allowed)
        bounds = np.sort(all_distances, axis=1)[:, K - 1]
        for row, query in enumerate(self.data.queries):
            hits = self.client.query_points(
                self.data.name, query=query.tolist(), query_filter=query_filter, limit=K
            ).points
            assert len({hit.id for hit in hits}) == len(hits)
            found = all_distances[row, [hit.id for hit in hits]]
            right += int((found <= bounds[row] * (1 + 1e-6) + 1e-6).sum())
        return right / (K * len(self.data.queries))


@pytest.fixture(scope="module", params=["debian", "fashion"])
def loaded(request):
    """A server that holds one indexed data set."""
    with Server() as server:
        loaded = Loaded(server, getattr(data_sets, request.param)())
        loaded.upload()
        loaded.wait_until_indexed()
        yield loaded


@pytest.mark.timeout(1500)
def test_unfiltered(loaded):
    recall = loaded.recall()
    print(f"{loaded.data.name}: recall@{K} {recall:.4f}")
    assert recall >= RECALL_MIN


@pytest.mark.parametrize("field", ["part", "indexed_part"])
@pytest.mark.parametrize("selected", SELECTED)
def test_filtered(loaded, selected, field):
    below = SELECTED[selected]
    condition = m.FieldCondition(key=field, range=m.Range(lt=below))
    recall = loaded.recall(loaded.part < below, m.Filter(must=[condition]))
    print(f"{loaded.data.name}: recall@{K} {recall:.4f} with {below / PARTS:.1%} by {field}")
    assert recall >= RECALL_MIN


def test_deleted_rows_never_come_back(loaded):
    gone = np.flatnonzero(loaded.part >= 990)
    loaded.client.delete(loaded.data.name, gone.tolist(), wait=True)
    allowed = loaded.part < 990
    assert loaded.client.count(loaded.data.name).count == int(allowed.sum())
    # A deleted row has an infinite distance, so a single one would lower the recall.
    assert loaded.recall(allowed) >= RECALL_MIN


def test_first_answer_after_a_restart_is_quick_and_right(loaded):
    assert loaded.server.stop() == 0
    started = time.monotonic()
    loaded.server.start()
    loaded.client = loaded.server.client(check_compatibility=False)
    query = loaded.data.queries[0].tolist()
    first = loaded.client.query_points(loaded.data.name, query=query, limit=K).points
    elapsed_ms = (time.monotonic() - started) * 1000
    raw = loaded.data.base.astype(np.float32).nbytes
    resident = loaded.server.resident_bytes()
    print(f"{loaded.data.name}: first answer after {elapsed_ms:.0f} ms, {resident / raw:.2f} x raw")
    assert len(first) == K
    # The promise is 300 ms for a release build on a quiet machine; see docs/testing.md.
    assert elapsed_ms < 1500
    assert loaded.recall(loaded.part < 990) >= RECALL_MIN
    # Everything resident, pages of mapped files included. The promise is 1.6 with the program,
    # whose pages in a release were a tenth of the smaller set; here it is left out, so the bound
    # is lower.
    assert loaded.server.resident_bytes() <= 1.55 * raw
