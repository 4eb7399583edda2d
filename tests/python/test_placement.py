"""Settings of placement: which files of sealed segments are mapped, and which are read into memory.

They are felt when a segment is opened, so every setting is followed by a restart.
"""

import random
import time
from pathlib import Path

import pytest
from qdrant_client import models as m

from skerry_server import RUNTIME, Server

NAME = "placed"
DIM = 32
POINTS = 20_000
WAIT_SECONDS_MAX = 120

pytestmark = pytest.mark.skipif(RUNTIME != "native", reason="nothing is mapped there")


class Placed:
    """A collection with a graph and a payload index."""

    def __init__(self, server):
        self.server, self.rng = server, random.Random(7)
        self.client = server.client()
        self.client.create_collection(
            NAME,
            m.VectorParams(size=DIM, distance=m.Distance.DOT),
            optimizers_config=m.OptimizersConfigDiff(indexing_threshold=100),
            hnsw_config=m.HnswConfigDiff(full_scan_threshold=10),
        )
        self.client.create_payload_index(NAME, "n", m.PayloadSchemaType.INTEGER, wait=True)
        for first in range(0, POINTS, 2000):
            ids = range(first, first + 2000)
            vectors = [[self.rng.gauss(0, 1) for _ in range(DIM)] for _ in ids]
            payloads = [{"n": i, "text": f"point {i}"} for i in ids]
            points = m.Batch(ids=list(ids), vectors=vectors, payloads=payloads)
            self.client.upsert(NAME, points, wait=True)
        self.settle()
        self.asked = [[self.rng.gauss(0, 1) for _ in range(DIM)] for _ in range(5)]
        self.answers = self.ask()

    def settle(self):
        """Waits until nothing is left to do in the background."""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        # What a change of settings asks for is begun a moment later.
        time.sleep(1)
        while True:
            info = self.client.get_collection(NAME)
            done = info.status == m.CollectionStatus.GREEN
            if done and info.indexed_vectors_count == POINTS:
                return
            assert time.monotonic() < deadline, info
            time.sleep(0.2)

    def ask(self):
        """What searches find."""
        above = m.Filter(must=[m.FieldCondition(key="n", range=m.Range(gte=POINTS / 2))])
        return [
            self.client.query_points(NAME, query=vector, query_filter=keep, limit=5).points
            for vector in self.asked
            for keep in (None, above)
        ]

    def mapped(self):
        """The files of the store that are mapped, after a restart that changes no answer."""
        self.settle()
        self.server.restart()
        self.client = self.server.client()
        assert self.ask() == self.answers
        maps = Path(f"/proc/{self.server.process.pid}/maps").read_text().splitlines()
        paths = (line.split(maxsplit=5)[-1] for line in maps)
        data = str(Path(self.server.data).resolve())
        return {path for path in paths if path.startswith(data)}


@pytest.fixture(scope="module")
def placed():
    """One collection for all tests, which leave its settings as they were."""
    with Server() as server:
        yield Placed(server)


def test_a_graph_is_mapped_when_it_is_to_be_on_disk(placed):
    usual = placed.mapped()
    assert usual, "rows are mapped"
    for on_disk in (True, False, None):
        change = m.HnswConfigDiff(on_disk=bool(on_disk))
        placed.client.update_collection(NAME, hnsw_config=change)
        if on_disk:
            assert placed.mapped() > usual
        else:
            assert placed.mapped() == usual


def test_codes_that_are_always_in_memory_are(placed):
    usual = placed.mapped()
    placed.client.update_collection(NAME, vectors_config={"": m.VectorParamsDiff(on_disk=True)})
    scalar = m.ScalarQuantizationConfig(type=m.ScalarType.INT8, always_ram=False)
    codes = m.ScalarQuantization(scalar=scalar)
    placed.client.update_collection(NAME, quantization_config=codes)
    with_codes = placed.mapped()
    # Graph and codes share a file.
    assert len(with_codes) > len(usual)
    codes.scalar.always_ram = True
    placed.client.update_collection(NAME, quantization_config=codes)
    assert len(placed.mapped()) == len(usual)
    placed.client.update_collection(NAME, quantization_config=m.Disabled.DISABLED)
    assert len(placed.mapped()) == len(usual)


def test_a_column_is_in_memory_when_it_is_not_to_be_on_disk(placed):
    usual = placed.mapped()
    for on_disk in (False, True):
        options = m.IntegerIndexParams(type=m.IntegerIndexType.INTEGER, on_disk=on_disk)
        placed.client.delete_payload_index(NAME, "n", wait=True)
        placed.client.create_payload_index(NAME, "n", options, wait=True)
        found = placed.mapped()
        assert len(found) == len(usual) if on_disk else len(found) < len(usual)


def test_payloads_are_read_from_where_they_are_to_lie(placed):
    for on_disk in (False, True):
        change = m.CollectionParamsDiff(on_disk_payload=on_disk)
        placed.client.update_collection(NAME, collection_params=change)
        # The file of the rows stays mapped for its vectors.
        assert placed.mapped()
        shown = placed.client.get_collection(NAME).config.params.on_disk_payload
        assert shown == on_disk
