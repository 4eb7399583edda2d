"""Every row of an interface's reference page has a case.

The pages are no files of this repository: `SKERRY_REFERENCES` names their folder, else they lie
beside the checkout in `../shared/specs`. Cases are the exchanges that the tests of each dialect
keep. A case whose answer says that there is no such route does not count.
"""

import os
import re
from pathlib import Path

import pytest

from skerry_server import REPOSITORY

FOLDER = Path(os.environ.get("SKERRY_REFERENCES", REPOSITORY.parent / "shared/specs"))
METHOD = r"(GET|POST|PUT|DELETE|OPTIONS)"
# How a page writes a row, and the answer to a path that the dialect does not have.
PAGES = {
    "milvus": (
        "milvus-rest-reference.md",
        rf"^### `(?P<path>[^`]+)`(?: \({METHOD}\))?$",
        r"404 .*\"code\":32",
    ),
    "lynse": ("lynse-endpoints-reference.md", rf"^{METHOD} (?P<path>/\S+) ", "404 $"),
    "infinity": ("infinity-schema-reference.md", rf"^{METHOD} (?P<path>/\S+)$", "404 "),
}
# Milvus has these in builds for GPUs alone, and answers as to any path in the others.
NO_GPU = {"/config/gpu_resources"}


def rows(dialect):
    """Methods and paths of a page; a skip that is counted where it is missing."""
    name, row, _ = PAGES[dialect]
    if not (FOLDER / name).exists():
        pytest.skip(f"{name} is missing: name its folder in SKERRY_REFERENCES")
    found = re.finditer(row, (FOLDER / name).read_text(), re.MULTILINE)
    # The page of Milvus forgets a slash, and a method where there is only one.
    pairs = set()
    for match in found:
        method = match[2] or "GET" if dialect == "milvus" else match[1]
        pairs.add((method, "/" + match["path"].lstrip("/").split("?")[0]))
    return sorted(pairs)


def exchanges(dialect):
    """Requests that tests of a dialect make, and the first lines of the answers."""
    folder = REPOSITORY / "crates/dialects" / dialect / "tests"
    for path in sorted(folder.rglob("*.snap")):
        asked = None
        for line in path.read_text().splitlines():
            request = re.match(rf"{METHOD} (/\S*)$", line)
            if request:
                asked = request[1], request[2].split("?")[0]
            elif line.startswith("< ") and asked:
                yield *asked, line[2:]
                asked = None


@pytest.mark.parametrize("dialect", PAGES)
def test_every_row_has_a_case(dialect):
    """A request of that method whose path fits, and which the dialect knows."""
    unknown = re.compile(PAGES[dialect][2])
    cases = [
        (method, path)
        for method, path, answer in exchanges(dialect)
        if path in NO_GPU or not unknown.match(answer)
    ]
    wanted = rows(dialect)
    assert len(wanted) > 9, wanted

    def fits(method, path):
        whole = re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)))
        return any(m == method and whole.fullmatch(p) for m, p in cases)

    missing = [row for row in wanted if not fits(*row)]
    assert not missing
