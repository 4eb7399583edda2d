"""Judges HTTP responses by an OpenAPI 3.0 document, and says which parts of it requests exercise.

The document's schemas are turned into JSON Schema once: `nullable` becomes a union with null, and
an object that lists its properties may have no others, so that a misspelt key is found too.
"""

import json
import re
from functools import cache

import jsonschema_rs

METHODS = ("get", "put", "post", "patch", "delete")
# A composed object gets its properties from several schemas, none of which knows them all.
COMPOSED = ("allOf", "anyOf", "oneOf")


class Verdict(AssertionError):
    """A response that the document does not allow."""


def converted(schema):
    """A schema of OpenAPI 3.0 as JSON Schema."""
    if isinstance(schema, list):
        return [converted(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("nullable") is True and not set(schema) - {"nullable", "description"}:
        return {"type": "null"}
    result = {}
    for key, value in schema.items():
        if key == "properties":
            result[key] = {name: converted(item) for name, item in value.items()}
        elif key in ("items", "additionalProperties", "not", *COMPOSED):
            result[key] = converted(value)
        elif key not in ("nullable", "description", "example", "default", "format", "title"):
            result[key] = value
    closed = "properties" in result and "additionalProperties" not in result
    if closed and not any(key in result for key in COMPOSED):
        result["additionalProperties"] = False
    if "allOf" in result and len(result["allOf"]) > 1:
        raise ValueError(f"a composed schema needs more thought: {schema}")
    if schema.get("nullable") is True:
        result = {"anyOf": [result, {"type": "null"}]}
    return result


def pattern_of(path):
    """A path of the document as a regular expression."""
    parts = re.split(r"(\{[^}]*\})", path)
    return re.compile("".join("[^/]*" if p.startswith("{") else re.escape(p) for p in parts))


class Document:
    """An OpenAPI document that judges."""

    def __init__(self, content):
        self.content = content
        self.schemas = content.get("components", {}).get("schemas", {})
        self.components = {"schemas": {n: converted(s) for n, s in self.schemas.items()}}
        literal_first = sorted(content["paths"], key=lambda path: (path.count("{"), path))
        self.patterns = [(path, pattern_of(path)) for path in literal_first]

    def operations(self):
        """Every (method, path), in order."""
        found = [(m, p) for p, item in self.content["paths"].items() for m in item if m in METHODS]
        return sorted((method.upper(), path) for method, path in found)

    def find(self, method, path):
        """The path as the document writes it and its operation, or None."""
        bare = path.split("?")[0].rstrip("/") or "/"
        for written, pattern in self.patterns:
            operation = self.content["paths"][written].get(method.lower())
            if operation is not None and pattern.fullmatch(bare):
                return written, operation
        return None

    @cache
    def validator(self, text):
        """A validator of a schema that is already JSON Schema, given as JSON."""
        return jsonschema_rs.validator_for({**json.loads(text), "components": self.components})

    def complaint(self, schema, value):
        """What is wrong with a value, or None."""
        validator = self.validator(json.dumps(converted(schema), sort_keys=True))
        errors = [
            f"{'.'.join(map(str, error.instance_path)) or 'body'}: {error.message[:600]}"
            for error in validator.iter_errors(value)
        ]
        return "; ".join(errors[:3]) or None

    # Responses

    def judge(self, method, path, response, schema=None):
        """Raises a Verdict unless the document allows the response to this request.

        `schema` takes the place of that of the result, for routes that the document lacks.
        """
        found = self.find(method, path)
        if found is None:
            raise Verdict(f"the document has no {method} {path}")
        where = f"{method} {path} answered {response.status_code} {response.text[:500]}"
        if response.status_code >= 500 and str(response.status_code) not in found[1]["responses"]:
            raise Verdict(f"{where}: the server is to blame")
        if self.is_refused_key(response):
            return
        documented = self.documented(found[1]["responses"], response.status_code)
        if documented is None:
            raise Verdict(f"{where}: the status is not documented")
        content = documented.get("content", {})
        if not content:
            return
        media = response.headers.get("content-type", "").split(";")[0].strip()
        if media not in content:
            raise Verdict(f"{where}: content type {media!r}, documented {sorted(content)}")
        if media == "application/json":
            self.judge_json(where, content[media].get("schema", {}), response.json(), schema)

    @staticmethod
    def documented(responses, status):
        """What the document says about a status."""
        for key in (str(status), f"{status // 100}XX", "default"):
            # The default of the document is for errors.
            if key in responses and (key != "default" or status >= 400):
                return responses[key]
        return None

    @staticmethod
    def is_refused_key(response):
        """Refusals for want of a good key are plain text, whatever the document says."""
        media = response.headers.get("content-type", "")
        refused = response.status_code in (401, 403)
        return refused and media.startswith("text/plain") and response.text

    def judge_json(self, where, schema, body, result_schema):
        """The shape of a JSON body, and the envelope that the document leaves open."""
        if result_schema is not None and "result" in body:
            complaint = self.complaint(result_schema, body["result"])
        else:
            complaint = self.complaint(schema, body)
        if complaint:
            raise Verdict(f"{where}: {complaint}")
        properties = schema.get("properties", {})
        if schema.get("$ref", "").endswith("/ErrorResponse"):
            text = (body.get("status") or {}).get("error")
            if set(body) != {"status", "time"} or not isinstance(text, str) or not text:
                raise Verdict(f"{where}: not the envelope of an error")
        elif {"result", "status", "time"} <= set(properties):
            if not {"result", "status", "time"} <= set(body):
                raise Verdict(f"{where}: the envelope is not complete")

    # Requests

    def parts_of_requests(self):
        """Every part of every request body: properties, enum values, kinds of a union."""
        parts, seen = set(), set()
        for operation in self.bodies():
            self.collect(operation, "", parts, seen)
        return parts

    def bodies(self):
        """The schemas of JSON request bodies."""
        for item in self.content["paths"].values():
            for method, operation in item.items():
                if method in METHODS and "requestBody" in operation:
                    content = operation["requestBody"]["content"]
                    if "application/json" in content:
                        yield content["application/json"]["schema"]

    def collect(self, schema, name, parts, seen):
        """Adds the parts of one schema that was not seen before."""
        name, schema = self.resolved(schema, name)
        if name in seen:
            return
        seen.add(name)
        for value in schema.get("enum", []):
            parts.add(f"{name}={value}")
        for key, value in schema.get("properties", {}).items():
            parts.add(f"{name}.{key}")
            self.collect(value, f"{name}.{key}", parts, seen)
        for branch, label in self.branches(schema, name):
            parts.add(label)
            self.collect(branch, label, parts, seen)
        for key in ("items", "additionalProperties"):
            if isinstance(schema.get(key), dict):
                self.collect(schema[key], f"{name}[]", parts, seen)

    def exercised(self, schema, value, parts, name=""):
        """Adds the parts of the schema that a value uses."""
        name, schema = self.resolved(schema, name)
        if value is None:
            return
        if value in schema.get("enum", []):
            parts.add(f"{name}={value}")
        for branch, label in self.branches(schema, name):
            if self.complaint(branch, value) is None:
                parts.add(label)
                self.exercised(branch, value, parts, label)
        if isinstance(value, list) and isinstance(schema.get("items"), dict):
            for item in value:
                self.exercised(schema["items"], item, parts, f"{name}[]")
        if isinstance(value, dict):
            for key, item in value.items():
                inner = schema.get("properties", {}).get(key)
                if inner is not None and item is not None:
                    parts.add(f"{name}.{key}")
                    self.exercised(inner, item, parts, f"{name}.{key}")
                elif isinstance(schema.get("additionalProperties"), dict):
                    self.exercised(schema["additionalProperties"], item, parts, f"{name}[]")

    def resolved(self, schema, name):
        """A schema behind its references, and the name of the last."""
        while True:
            if "$ref" in schema:
                name = schema["$ref"].rsplit("/", 1)[1]
                schema = self.schemas[name]
            elif len(schema.get("allOf", [])) == 1:
                schema = schema["allOf"][0]
            else:
                return name, schema

    def branches(self, schema, name):
        """The kinds of a union and what they are called."""
        for union in ("anyOf", "oneOf"):
            for branch in schema.get(union, []):
                if not (branch.get("nullable") and set(branch) <= {"nullable", "description"}):
                    yield branch, f"{name}:{kind_of(branch)}"


def kind_of(schema):
    """A short word for one kind of a union."""
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[1]
    kind = schema.get("type", "any")
    if kind == "array":
        return f"[{kind_of(schema.get('items', {}))}]"
    return f"{kind} {schema['format']}" if kind == "string" and "format" in schema else kind
