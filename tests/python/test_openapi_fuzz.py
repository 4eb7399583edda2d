"""Requests that schemathesis makes from Qdrant's OpenAPI document: good, odd and wrong ones.

Every answer has a documented status, content type and body, and the server is never to blame. The
number of requests is bounded and their choice is seeded: SKERRY_FUZZ_SEED and SKERRY_FUZZ_EXAMPLES
change both.
"""

import copy
import os

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode

import qdrant_document
from skerry_server import SOAK, Server

SEED = int(os.environ.get("SKERRY_FUZZ_SEED", "20240501"))
EXAMPLES = int(os.environ.get("SKERRY_FUZZ_EXAMPLES", "300" if SOAK else "12"))
NAMES = {
    "collection_name": ["books", "films", "none"],
    "id": ["1", "2", "550e8400-e29b-41d4-a716-446655440000", "x"],
    "field_name": ["title", "year", "deep[].b"],
    "vector_name": ["image", "new"],
    "shard_id": ["0", "1"],
    "peer_id": ["1"],
    "snapshot_name": ["none.snapshot"],
}
BOOKS = {"vectors": {"size": 4, "distance": "Dot"}}
FILMS = {
    "vectors": {"image": {"size": 2, "distance": "Euclid"}},
    "sparse_vectors": {"words": {"modifier": "idf"}},
}
POINTS = [
    {"id": i, "vector": [i, 1, 0, -i], "payload": {"title": f"t{i}", "year": 1990 + i}}
    for i in range(1, 9)
]


def fuzzed():
    """Every operation of the document, or one test that says why there is none."""
    content = qdrant_document.content()
    if content is None:
        return None
    content = copy.deepcopy(content)
    # The names are those of things that exist: else every answer would be that there is nothing.
    for item in content["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    parameter["schema"] = {"type": "string", "enum": NAMES[parameter["name"]]}
    return schemathesis.openapi.from_dict(content)


@pytest.fixture(scope="module")
def place():
    """A server with two collections."""
    with Server() as running:
        yield running


def fill(server):
    """Puts back what earlier requests removed or forbade."""
    server.request("PUT", "/quotas", json={"enabled": False})
    for name, body in (("books", BOOKS), ("films", FILMS)):
        server.request("PUT", f"/collections/{name}", json=body)
    server.request("PUT", "/collections/books/points?wait=true", json={"points": POINTS})


SCHEMA = fuzzed()

if SCHEMA is None:

    def test_operations():
        pytest.skip(qdrant_document.ABSENT)

else:
    SCHEMA.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])

    @SCHEMA.parametrize()
    @hypothesis.seed(SEED)
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def test_operations(case, place):
        fill(place)
        response = requests.request(**case.as_transport_kwargs(base_url=place.url), timeout=60)
        path = response.request.path_url
        if qdrant_document.document().find(case.method, path) is None:
            # A name with a slash in it makes another path.
            assert (response.status_code, response.text) == (404, ""), path
        else:
            qdrant_document.document().judge(case.method, path, response)
