"""Index types of Infinity's interface act: what a search looks through, and what it finds."""

import time

import numpy as np
import pytest

from infinity_server import D, InfinityServer, rows_of

ROWS, DIM, TOP = 30_000, 100, 10
INDEX_SECONDS_MAX = 300.0
T = f"{D}/tables/near"


@pytest.fixture(scope="module")
def server():
    """A server with a table that is large enough for indexes, imported from a file."""
    with InfinityServer() as running:
        generator = np.random.default_rng(7)
        vectors = generator.normal(size=(ROWS, DIM)).astype("<f4")
        file = np.hstack([np.full((ROWS, 1), DIM, "<i4").view("<f4"), vectors])
        (running.files / "rows.fvecs").write_bytes(file.tobytes())
        fields = [{"name": "v", "type": f"vector,{DIM},float"}]
        assert running.ask("POST", T, {"fields": fields})["error_code"] == 0
        body = {"file_path": "rows.fvecs", "file_type": "fvecs"}
        assert running.ask("PUT", T, body)["error_code"] == 0
        running.vectors = vectors
        running.queries = generator.normal(size=(20, DIM)).astype("<f4")
        yield running


def eventually(holds):
    """Waits until something holds: indexes are built in the background."""
    deadline = time.monotonic() + INDEX_SECONDS_MAX
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def recall(server, metric="l2", **params):
    """The share of the true nearest rows that are found."""
    found = 0
    order = "_distance" if metric == "l2" else "_similarity"
    for query in server.queries:
        match = {
            "match_method": "dense", "fields": "v", "element_type": "float",
            "query_vector": query.tolist(), "metric_type": metric, "topn": TOP, "params": params,
        }
        answer = server.ask("GET", f"{T}/docs", {"output": ["v", order], "search": [match]})
        rows = rows_of(answer)
        assert len(rows) == TOP
        scores = [row["DISTANCE" if metric == "l2" else "SIMILARITY"] for row in rows]
        if metric == "l2":
            all_scores = ((server.vectors - query) ** 2).sum(axis=1)
            assert scores == sorted(scores)
            found += (np.array(scores) <= np.sort(all_scores)[TOP - 1] * (1 + 1e-5)).sum()
        else:
            all_scores = server.vectors @ query
            if metric == "cosine":
                all_scores /= np.linalg.norm(server.vectors, axis=1) * np.linalg.norm(query)
            assert scores == sorted(scores, reverse=True)
            slack = 1e-5 * max(1.0, all_scores.max())
            found += (np.array(scores) >= np.sort(all_scores)[-TOP] - slack).sum()
    return found / (TOP * len(server.queries))


def explained(server, metric="l2", **params):
    match = {
        "match_method": "dense", "fields": "v", "element_type": "float",
        "query_vector": [0.0] * DIM, "metric_type": metric, "topn": TOP, "params": params,
    }
    order = "_distance" if metric == "l2" else "_similarity"
    answer = server.ask("GET", f"{T}/meta", {"output": [order], "search": [match]})
    return " ".join(text for line in answer["output"] for text in line.values())


def index(server, name, **parameters):
    body = {"fields": ["v"], "index": parameters}
    assert server.ask("POST", f"{T}/indexes/{name}", body)["error_code"] == 0


def test_inverted_lists_are_looked_through(server):
    index(server, "lists", type="ivf", metric="l2", centroids_num_ratio="1.0")
    assert "inverted lists" in explained(server)
    eventually(lambda: recall(server, nprobe="1") < 0.6)
    assert recall(server, nprobe="10000") == 1.0
    assert recall(server, nprobe="1", ignore_index="true") == 1.0
    assert server.ask("DELETE", f"{T}/indexes/lists", {})["error_code"] == 0


@pytest.mark.parametrize("metric", ["ip", "cosine"])
def test_lists_serve_the_metric_that_they_name(server, metric):
    index(server, "lists", type="ivf", metric=metric, centroids_num_ratio="1.0")
    assert "inverted lists" in explained(server, metric)
    assert "every row is compared" in explained(server, "l2")
    eventually(lambda: recall(server, metric, nprobe="1") < 0.6)
    assert recall(server, metric, nprobe="10000") == 1.0
    assert recall(server, "l2", nprobe="1") == 1.0
    assert server.ask("DELETE", f"{T}/indexes/lists", {})["error_code"] == 0


def test_a_graph_is_walked(server):
    index(server, "graph", type="hnsw", metric="l2", m="8", ef_construction="40")
    text = explained(server, ef="33")
    assert "graph" in text and "m = 8, ef_construction = 40" in text and "ef: 33" in text, text
    # Lists that are looked through instead find the same with every `ef`.
    eventually(lambda: recall(server, ef="10") < recall(server, ef="2000"))
    assert recall(server, ef="2000") > 0.95
    assert recall(server, ef="10", ignore_index="true") == 1.0
    # Another metric than that of the graph compares every row.
    assert recall(server, metric="ip", ef="10") == 1.0
    assert server.ask("DELETE", f"{T}/indexes/graph", {})["error_code"] == 0
