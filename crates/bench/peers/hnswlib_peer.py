"""hnswlib (M 16, ef_construction 200) on the vectors that the benchmark wrote; prints JSON.

Times are processor time, as in the benchmark itself.
"""

import argparse
import json
import statistics
import time
from importlib.metadata import version
from pathlib import Path

import hnswlib
import numpy


def resident_bytes():
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096


def recall(found, truth):
    hits = sum(len(set(row) & set(wanted)) for row, wanted in zip(found, truth))
    return hits / truth.size


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dim", type=int, required=True)
    parser.add_argument("--metric", choices=["ip", "l2"], required=True)
    parser.add_argument("--k", type=int, required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--efs", required=True)
    arguments = parser.parse_args()

    base = numpy.fromfile(arguments.data / "base.f32", "<f4").reshape(-1, arguments.dim)
    queries = numpy.fromfile(arguments.data / "queries.f32", "<f4").reshape(-1, arguments.dim)
    truth = numpy.fromfile(arguments.data / "truth.u32", "<u4").reshape(-1, arguments.k)

    before = resident_bytes()
    started = time.process_time()
    index = hnswlib.Index(space=arguments.metric, dim=arguments.dim)
    index.init_index(max_elements=len(base), M=16, ef_construction=200, random_seed=1)
    index.add_items(base, num_threads=arguments.threads)
    build_s = time.process_time() - started
    memory_bytes = resident_bytes() - before

    points = []
    for ef in map(int, arguments.efs.split(",")):
        index.set_ef(ef)
        speeds = []
        for _ in range(arguments.runs):
            started = time.process_time()
            found, _ = index.knn_query(queries, k=arguments.k, num_threads=1)
            speeds.append(len(queries) / (time.process_time() - started))
        reached = recall(found, truth)
        points.append({"ef": ef, "recall": reached, "qps": statistics.median(speeds)})
        if reached >= 0.994:
            break
    name = f"hnswlib {version('hnswlib')} M16 efc200"
    report = {"name": name, "build_s": build_s, "memory_bytes": memory_bytes, "points": points}
    print(json.dumps(report))


main()
