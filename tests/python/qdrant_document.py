"""Qdrant's own OpenAPI document: where it is, and what it leaves out.

It is not a file of this repository. `SKERRY_QDRANT_OPENAPI` names it, else it lies beside the
checkout as `../shared/specs/qdrant-openapi.json`.
"""

import json
import os
from functools import cache

from openapi_judge import METHODS, Document
from skerry_server import REPOSITORY

BESIDE = REPOSITORY.parent / "shared/specs/qdrant-openapi.json"
ABSENT = (
    "Qdrant's OpenAPI document is missing: name it in SKERRY_QDRANT_OPENAPI or put it at "
    "../shared/specs/qdrant-openapi.json beside the checkout"
)
POINT = {"$ref": "#/components/schemas/ScoredPoint"}
POINTS = {"type": "array", "items": POINT}
BATCH = {"type": "array", "items": POINTS}
GROUPS = {"$ref": "#/components/schemas/GroupsResult"}
PREFIX = "/collections/{collection_name}/points"
# Routes that the document of 1.19 has no longer and the server of 1.19 still answers, with the
# schema of their results.
OLDER = {
    f"{PREFIX}/search": POINTS,
    f"{PREFIX}/search/batch": BATCH,
    f"{PREFIX}/search/groups": GROUPS,
    f"{PREFIX}/recommend": POINTS,
    f"{PREFIX}/recommend/batch": BATCH,
    f"{PREFIX}/recommend/groups": GROUPS,
    f"{PREFIX}/discover": POINTS,
    f"{PREFIX}/discover/batch": BATCH,
}


def with_older_routes(content):
    """The document and the routes of older clients, each with the shape of its results."""
    like = json.dumps(content["paths"][f"{PREFIX}/query"]["post"]["responses"])
    for path, result in OLDER.items():
        responses = json.loads(like)
        schema = responses["200"]["content"]["application/json"]["schema"]
        schema["properties"]["result"] = result
        content["paths"][path] = {"post": {"responses": responses}}
    return content


def location():
    """The path of the document, which may not exist."""
    named = os.environ.get("SKERRY_QDRANT_OPENAPI")
    return BESIDE if named is None else type(BESIDE)(named)


@cache
def content():
    """The document as it is, or None."""
    path = location()
    return json.loads(path.read_text()) if path.is_file() else None


@cache
def document():
    """The document that judges responses, or None. A named file that is absent is an error."""
    if content() is None:
        assert "SKERRY_QDRANT_OPENAPI" not in os.environ, f"{location()} does not exist"
        return None
    return Document(with_older_routes(json.loads(json.dumps(content()))))


__all__ = ["ABSENT", "METHODS", "OLDER", "content", "document"]
