"""Runs the cases of `tests/corpus`: exchanges as data, the same for every place that serves HTTP.

`tests/corpus/README.md` describes the format. The only thing asked of the place is `send`.
"""

import json
import math
import re
from pathlib import Path

from skerry_server import REPOSITORY

FOLDER = REPOSITORY / "tests/corpus/qdrant"
KINDS = {
    "string": str, "integer": int, "number": (int, float), "object": dict, "array": list,
    "boolean": bool,
}
CASE_KEYS = {
    "name", "setup", "send", "body", "raw", "upload", "merge", "headers", "each", "status",
    "result", "answer", "error", "error_has", "text", "text_has", "ids", "any_ids", "scores",
    "keep", "then",
}


class Wrong(AssertionError):
    """An answer that is not the expected one."""


def files():
    """The files of the corpus, in order."""
    return sorted(FOLDER.glob("*.json"))


def load(path):
    """A file, its keys checked: a misspelt expectation would expect nothing."""
    content = json.loads(Path(path).read_text())
    assert not set(content) - {"about", "keys", "setup", "cases"}, f"{path}: unknown key"
    for case in content["cases"]:
        for one in [case, *case.get("then", []), *case.get("setup", [])]:
            assert not set(one) - CASE_KEYS, f"{path}: {set(one) - CASE_KEYS} in {one}"
    return content


def filled(value, names):
    """The value with `${name}` replaced; a text that is nothing else becomes the value."""
    if isinstance(value, str):
        whole = re.fullmatch(r"\$\{(\w+)\}", value)
        if whole and whole.group(1) in names:
            return names[whole.group(1)]
        return re.sub(r"\$\{(\w+)\}", lambda m: str(names.get(m.group(1), m.group(0))), value)
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    if isinstance(value, dict):
        return {filled(key, names): filled(item, names) for key, item in value.items()}
    return value


def variants(case):
    """The names to fill in: one set for each value of `each`, which names one list."""
    if "each" not in case:
        return [{}]
    ((name, values),) = case["each"].items()
    return [{name: value} for value in values]


def mismatch(expected, value, where="body"):
    """Where a value is not the expected one, or None. Objects may have more keys."""
    if isinstance(expected, dict) and len(expected) == 1:
        (key,) = expected
        if key.startswith("$"):
            return by_rule(key, expected[key], value, where)
    if isinstance(expected, dict):
        if not isinstance(value, dict):
            return f"{where} is {value!r}, expected an object"
        for key, item in expected.items():
            if item == {"$absent": True}:
                found = f"{where}.{key} is there" if key in value else None
            elif key not in value and item is not None:
                found = f"{where}.{key} is missing in {value!r}"
            else:
                found = mismatch(item, value.get(key), f"{where}.{key}")
            if found:
                return found
        return None
    if isinstance(expected, list):
        if not isinstance(value, list) or len(value) != len(expected):
            return f"{where} is {value!r}, expected {expected!r}"
        pairs = enumerate(zip(expected, value, strict=True))
        found = (mismatch(e, v, f"{where}[{i}]") for i, (e, v) in pairs)
        return next(filter(None, found), None)
    numbers = isinstance(expected, (int, float)) and isinstance(value, (int, float))
    if numbers and isinstance(expected, bool) == isinstance(value, bool):
        same = math.isclose(expected, value, rel_tol=1e-5, abs_tol=1e-6)
    else:
        same = type(expected) is type(value) and expected == value
    return None if same else f"{where} is {value!r}, expected {expected!r}"


def by_rule(rule, wanted, value, where):
    """One of the rules that stand in place of a value."""
    if rule == "$kind":
        ok = isinstance(value, KINDS[wanted]) and isinstance(value, bool) == (wanted == "boolean")
    elif rule == "$matches":
        ok = isinstance(value, str) and re.fullmatch(wanted, value)
    elif rule == "$has":
        ok = isinstance(value, (str, list)) and wanted in value
    elif rule == "$one_of":
        ok = value in wanted
    elif rule == "$client_error":
        ok = isinstance(value, int) and 400 <= value < 500
    elif rule == "$length":
        ok = isinstance(value, list) and len(value) == wanted
    elif rule == "$unordered":
        return unordered(wanted, value, where)
    else:
        raise ValueError(f"no rule {rule}")
    return None if ok else f"{where} is {value!r}, expected {rule} {wanted!r}"


def unordered(wanted, values, where):
    """The same elements in any order."""
    if not isinstance(values, list) or len(values) != len(wanted):
        return f"{where} is {values!r}, expected in any order {wanted!r}"
    left = list(values)
    for item in wanted:
        found = next((i for i, v in enumerate(left) if mismatch(item, v) is None), None)
        if found is None:
            return f"{where} is {values!r}, which lacks {item!r}"
        left.pop(found)
    return None


def points_of(result):
    """The points of any kind of result that has some."""
    return result if isinstance(result, list) else result["points"]


class Run:
    """The cases of one file on one server; `judge(method, path, response)` sees each answer."""

    def __init__(self, send, judge, note=lambda method, path, body, status: None):
        self.send, self.judge, self.note = send, judge, note
        self.kept = {}

    def exchange(self, case, names):
        """Sends the request of a case."""
        case = filled(case, {**self.kept, **names})
        method, path = case["send"].split(" ", 1)
        options = {"headers": dict(case.get("headers", {}))}
        if "raw" in case:
            options["data"] = case["raw"].encode()
            options["headers"].setdefault("content-type", "application/json")
        elif "upload" in case:
            options["files"] = {"snapshot": ("snapshot", self.kept[case["upload"]])}
        elif "body" in case:
            options["json"] = case["body"] | case.get("merge", {}) if "merge" in case else (
                case["body"]
            )
        response = self.send(method, path, **options)
        self.note(method, path, options.get("json"), response.status_code)
        return case, method, path, response

    def prepare(self, steps, names):
        """Steps that only have to succeed."""
        for step in steps:
            _, method, path, response = self.exchange(step, names)
            if response.status_code != 200:
                raise Wrong(f"setup: {method} {path}: {response.status_code} {response.text}")

    def check(self, case, names):
        """One case with its steps before and after."""
        self.prepare(case.get("setup", []), names)
        case, method, path, response = self.exchange(case, names)
        where = f"{method} {path}"
        complaint = mismatch(case.get("status", 200), response.status_code, "status")
        complaint = complaint or self.differs(case, response)
        if complaint:
            answer = f"{response.status_code} {response.text[:900]}"
            raise Wrong(f"{where}: {complaint}\n  answer {answer}")
        self.judge(method, path, response)
        for name, place in case.get("keep", {}).items():
            self.kept[name] = response.content if place == "bytes" else picked(response, place)
        for step in case.get("then", []):
            self.check(step, names)

    @staticmethod
    def differs(case, response):
        """What is not as expected, or None."""
        if "text" in case and response.text.strip() != case["text"]:
            return f"expected the text {case['text']!r}"
        if "text_has" in case and case["text_has"] not in response.text:
            return f"expected {case['text_has']!r} in the text"
        if not {"answer", "result", "error", "error_has", "ids", "any_ids", "scores"} & set(case):
            return None
        body = response.json()
        if "answer" in case:
            return mismatch(case["answer"], body)
        if "result" in case:
            return mismatch({"result": case["result"], "status": "ok"}, body)
        if "error" in case or "error_has" in case:
            text = body["status"]["error"]
            if case.get("error", text) != text or case.get("error_has", "") not in text:
                return f"expected the error {case.get('error') or case['error_has']!r}"
            return None
        if response.status_code != 200:
            return "expected points"
        points = points_of(body["result"])
        ids = [point["id"] for point in points]
        if "ids" in case and ids != case["ids"]:
            return f"expected the ids {case['ids']}, got {ids}"
        if "any_ids" in case and unordered(case["any_ids"], ids, "ids"):
            return f"expected the ids {case['any_ids']} in any order, got {ids}"
        if "scores" in case:
            return mismatch(case["scores"], [point["score"] for point in points], "scores")
        return None


def picked(response, place):
    """A value deep in a JSON body: `result.name`."""
    value = response.json()
    for part in place.split("."):
        value = value[int(part)] if part.isdigit() else value[part]
    return value
