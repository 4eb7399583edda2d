"""Uploads vectors with the real Qdrant client, wait=true, and prints how long it took as JSON.

The clock runs while batches are encoded, sent and acknowledged, so that the same work against a
server that only reads (the bare sink) is what the client itself costs.
"""

import argparse
import gzip
import json
import time
import warnings

import numpy as np
from qdrant_client import QdrantClient
from qdrant_client.http.models import Batch, Distance, VectorParams

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--url", required=True)
parser.add_argument("--vectors", required=True, help="raw little-endian f32, row-major")
parser.add_argument("--dim", type=int, required=True)
parser.add_argument("--batch", type=int, default=256)
parser.add_argument("--payload", help="one JSON object per line, .gz or not")
parser.add_argument("--payload-skip", type=int, default=0, help="lines to leave out at the start")
options = parser.parse_args()

# The sink does not say which version it is.
warnings.filterwarnings("ignore")
vectors = np.fromfile(options.vectors, dtype="<f4").reshape(-1, options.dim)
payloads = None
if options.payload:
    opened = gzip.open if options.payload.endswith(".gz") else open
    with opened(options.payload, "rt", encoding="utf-8") as lines:
        payloads = [json.loads(line) for line in lines][options.payload_skip :][: len(vectors)]
    assert len(payloads) == len(vectors), "a payload per row"

client = QdrantClient(url=options.url, timeout=120, check_compatibility=False)
client.create_collection(
    "bench", vectors_config=VectorParams(size=options.dim, distance=Distance.COSINE)
)
started = time.perf_counter()
for first in range(0, len(vectors), options.batch):
    last = min(first + options.batch, len(vectors))
    batch = Batch(
        ids=list(range(first, last)),
        vectors=vectors[first:last].tolist(),
        payloads=payloads[first:last] if payloads else None,
    )
    client.upsert("bench", points=batch, wait=True)
print(json.dumps({"rows": len(vectors), "seconds": time.perf_counter() - started}))
