"""The data that recall is measured on: two real sets when they are there, else generated ones."""

import gzip
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from qdrant_client import models as m

from skerry_server import REPOSITORY

QUERIES = 200


@dataclass
class DataSet:
    """Vectors to store, vectors to ask for, and what else is known of each stored row."""

    name: str
    distance: m.Distance
    base: np.ndarray
    queries: np.ndarray
    payloads: list = field(default_factory=list)

    def nearest(self, k, allowed=None):
        """For each query the distance of its k-th exact neighbour, among the allowed rows.

        Distances ascend: 1 - cosine, or squared L2. A hit is right if it is not further than this.
        """
        return np.sort(self.distances(allowed), axis=1)[:, k - 1]

    def distances(self, allowed=None):
        """Queries by rows; infinite where a row is not allowed."""
        base, queries = self.base.astype(np.float32), self.queries.astype(np.float32)
        inner = queries @ base.T
        if self.distance == m.Distance.COSINE:
            norms = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(base, axis=1)
            found = 1 - inner / norms
        else:
            squares = (queries.astype(np.float64) ** 2).sum(1)[:, None]
            found = squares + (base.astype(np.float64) ** 2).sum(1) - 2.0 * inner
        return found if allowed is None else np.where(allowed, found, np.inf)


def data_folder():
    """Where the real sets lie: SKERRY_DATA_DIR, else beside the repository."""
    return Path(os.environ.get("SKERRY_DATA_DIR", REPOSITORY.parent / "shared" / "data"))


def generated(name, distance, rows, size):
    """Clusters of unlike density, as real embeddings have them; large enough to be indexed."""
    print(f"no {name} in {data_folder()}: using {rows} generated rows of {size} instead")
    random = np.random.default_rng(7)
    centres = random.normal(size=(200, size))
    spread = random.uniform(0.2, 1.0, size=200)
    which = random.integers(0, 200, size=rows + QUERIES)
    rows = centres[which] + spread[which, None] * random.normal(size=(rows + QUERIES, size))
    rows = rows.astype(np.float32)
    return DataSet(name, distance, rows[QUERIES:], rows[:QUERIES])


def debian():
    """Descriptions of Debian's packages as embeddings; cosine."""
    folder, name = data_folder(), "debian"
    vectors, packages = folder / "debian_minilm_384_f16.npy", folder / "debian_packages.jsonl.gz"
    if not vectors.exists():
        return generated(name, m.Distance.COSINE, 40_000, 96)
    rows = np.load(vectors)
    keys = ("name", "section", "priority", "installed_size")
    with gzip.open(packages, "rt") as lines:
        payloads = [{key: json.loads(line).get(key) for key in keys} for line in lines]
    # The first 2,000 rows are queries by the convention of the set.
    base, queries = rows[2000:].astype(np.float32), rows[:QUERIES].astype(np.float32)
    return DataSet(name, m.Distance.COSINE, base, queries, payloads[2000:])


def fashion():
    """Fashion-MNIST, images as vectors; L2."""
    file, name = data_folder() / "fashion_mnist784_u8.npz", "fashion"
    if not file.exists():
        return generated(name, m.Distance.EUCLID, 40_000, 128)
    arrays = np.load(file)
    base, queries = arrays["train"], arrays["test"][:QUERIES]
    return DataSet(name, m.Distance.EUCLID, base.astype(np.float32), queries.astype(np.float32))
