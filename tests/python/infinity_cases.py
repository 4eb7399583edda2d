"""The same operations for Infinity's engine in this process and for its HTTP client.

Both have the same methods; `kit` is the package with the types that they take. Every case gives a
dictionary of columns, or the number of an error.
"""

TITLES = [
    "the quick brown fox",
    "quick quick dog jumps over",
    "lazy dogs sleep all day long in the sun",
    "brown bears and foxes running",
    "fox fox fox",
]
COLUMNS = {
    "id": {"type": "int"},
    "s": {"type": "varchar"},
    "f": {"type": "float"},
    "x": {"type": "double", "default": 2.5},
    "v": {"type": "vector,2,float"},
    "d": {"type": "date"},
    "b": {"type": "bool"},
    "sp": {"type": "sparse,100,float,int"},
    "t": {"type": "tensor,2,float"},
}


def rows(kit):
    return [
        {
            "id": at,
            "s": title,
            "f": at * 1.5,
            "v": [float(at), at + 1.0],
            "d": f"2024-03-0{at + 1}",
            "b": at % 2 == 0,
            "sp": kit.SparseVector([at, at + 10], [1.0, 0.5]),
            "t": [[float(at), 0.0], [0.0, 1.0]],
        }
        for at, title in enumerate(TITLES)
    ]


OUTPUTS = [
    ["*"],
    ["id + 1", "sqrt(id)", "f * 2"],
    ["max(id)", "count(*)", "sum(id)"],
    ["min(f)", "sum(f)", "avg(f)"],
    ["id - 1", "abs(id - 3)", "id % 2"],
    ["id / 2"],
    ["upper(s)", "lower(s)", "char_length(s)"],
    ["substring(s, 1, 3)"],
    ["round(f)", "floor(f)", "ceil(f)"],
    ["year(d)", "month(d)", "day(d)"],
    ["d", "b"],
    ["x"],
    ["reverse(s)", "md5(s)"],
    ["_row_id"],
    ["none"],
    ["_score"],
    ["nope(id)"],
]
FILTERS = [
    "id > 2",
    "id >= 1 and id < 4",
    "id between 1 and 3",
    "not b",
    "b",
    "id = 1 or id = 3",
    "id in (1, 4)",
    "id not in (1, 4)",
    "s like '%fox%'",
    "s like 'quick%'",
    "s not like '%fox%'",
    "f * 2 = 6",
    "id + 1 > f",
    "d >= '2024-03-04'",
    "filter_text('s', 'fox')",
    "filter_text('s', 'quick brown')",
    "char_length(s) = 11",
    "s = 'fox fox fox'",
    "id != 2",
    "(id = 1 or id = 2) and b",
    "none = 1",
    "id =",
    "nope(id) = 1",
]
QUERIES = [
    "quick",
    "fox",
    "fox quick",
    "dog",
    "fox AND brown",
    '"quick brown"',
    '"brown quick"',
    "run",
    "quick^2 fox",
    "s:fox",
    "fox OR dog",
    "(fox OR dog) AND quick",
    "nothing",
    "quick AND NOT fox",
    "NOT fox",
    "(fox",
]
INDEXES = [
    ("v", "Hnsw", {"metric": "l2"}),
    ("v", "Hnsw", {}),
    ("v", "Hnsw", {"metric": "bad"}),
    ("v", "Hnsw", {"metric": "l2", "zz": "1"}),
    ("v", "Hnsw", {"metric": "l2", "encode": "bad"}),
    ("v", "Hnsw", {"metric": "l2", "m": "0"}),
    ("id", "Hnsw", {"metric": "l2"}),
    ("t", "Hnsw", {"metric": "l2"}),
    ("v", "IVF", {"metric": "l2"}),
    ("v", "IVF", {}),
    ("v", "IVF", {"metric": "bad"}),
    ("v", "IVF", {"metric": "l2", "min_points_per_centroid": "8", "max_points_per_centroid": "2"}),
    ("v", "IVF", {"metric": "l2", "centroids_num_ratio": "x"}),
    ("v", "IVF", {"metric": "l2", "zz": "1"}),
    ("v", "IVF", {"metric": "l2", "scalar_quantization_bits": "8"}),
    ("v", "IVF", {"metric": "l2", "storage_type": "scalar_quantization"}),
    ("id", "IVF", {"metric": "l2"}),
    ("sp", "BMP", {}),
    ("sp", "BMP", {"block_size": "0"}),
    ("sp", "BMP", {"block_size": "257"}),
    ("sp", "BMP", {"compress_type": "x"}),
    ("sp", "BMP", {"compress_type": "raw"}),
    ("v", "BMP", {}),
    ("t", "EMVB", {}),
    ("v", "EMVB", {"pq_subspace_num": "2", "pq_subspace_bits": "8"}),
    ("s", "FullText", {"analyzer": "ngram-x"}),
    ("s", "FullText", {"analyzer": "none"}),
    ("id", "FullText", {}),
    ("id", "Secondary", {}),
    ("v", "Secondary", {}),
    ("b", "Secondary", {}),
    ("none", "Secondary", {}),
]
# What of a text may be asked.
TEXT_PARAMETERS = [
    {"operator": "and"},
    {"operator": "x"},
    {"minimum_should_match": "2"},
    {"minimum_should_match": "100%"},
    {"similarity": "boolean"},
    {"similarity": "x"},
    {"threshold": "0.9"},
    {"bm25_param_b": "0"},
    {"bm25_param_b": "2"},
    {"default_field": "s"},
    {"block_max": "true"},
    {"zz": "1"},
]


class Recorder:
    """Carries out cases and keeps what came of each."""

    def __init__(self, error, lenient):
        self.error = error
        self.lenient = lenient
        self.found = {}

    def __call__(self, name, act):
        assert name not in self.found, name
        try:
            result = act()
        except self.error as failure:
            self.found[name] = int(failure.error_code)
            return
        except Exception:
            # What the client of the engine cannot even say.
            if not self.lenient:
                raise
            return
        code = getattr(result, "error_code", None)
        if code is not None:
            self.found[name] = int(code)
        elif isinstance(result, tuple):
            columns = result[0]
            self.found[name] = {key: list(values) for key, values in columns.items()}
        else:
            self.found[name] = 0


def definitions(record, database, kit):
    """Databases and tables, good and wrong."""
    error, ignore = kit.ConflictType.Error, kit.ConflictType.Ignore

    def table(name, columns, conflict=error):
        record(f"create {name} {columns}", lambda: database.create_table(name, columns, conflict))

    table("a", {"x": {"type": "int"}})
    table("a", {"y": {"type": "int"}}, error)
    table("a", {"z": {"type": "int"}}, ignore)
    table("b", {})
    table("c", {"x": {"type": "hugeint2"}})
    record("drop a", lambda: database.drop_table("a", error))
    record("drop a again", lambda: database.drop_table("a", error))
    record("drop a anyway", lambda: database.drop_table("a", ignore))


def reads(record, table, kit):
    """What holds of the filled table."""
    for output in OUTPUTS:
        record(f"output {output}", lambda o=output: table.output(o).to_result())
    for text in FILTERS:
        record(f"filter {text}", lambda f=text: table.output(["id"]).filter(f).to_result())
    for metric, score in [("l2", "_distance"), ("ip", "_similarity"), ("cosine", "_similarity")]:
        def near(topn=3, condition=None, m=metric, s=score, **params):
            query = table.output(["id", s])
            query = query.match_dense("v", [1.0, 1.0], "float", m, topn, params or None)
            return (query.filter(condition) if condition else query).to_result()

        record(f"near {metric}", near)
        record(f"near {metric} filtered", lambda n=near: n(condition="id > 1"))
        record(f"near {metric} all", lambda n=near: n(topn=10))
        record(f"near {metric} threshold", lambda n=near: n(threshold="2"))
        record(f"near {metric} exact", lambda n=near: n(ignore_index="true"))
        record(f"near {metric} unknown", lambda n=near: n(unheard_of="1"))
    wrong = table.output(["id"])
    record("near too short", lambda: wrong.match_dense("v", [1.0], "float", "l2", 3).to_result())
    record("near of texts", lambda: table.output(["id"]).match_dense(
        "s", [1.0, 1.0], "float", "l2", 3).to_result())
    record("near no index", lambda: table.output(["id"]).match_dense(
        "v", [1.0, 1.0], "float", "l2", 3, {"index_name": "none"}).to_result())
    sparse = kit.SparseVector([2, 12], [1.0, 2.0])
    record("sparse best", lambda: table.output(["id", "_similarity"]).match_sparse(
        "sp", sparse, "ip", 1).to_result())
    record("sparse all", lambda: table.output(["id", "_similarity"]).match_sparse(
        "sp", sparse, "ip", 3).to_result())
    record("sparse unknown", lambda: table.output(["id"]).match_sparse(
        "sp", sparse, "ip", 3, {"zz": "1"}).to_result())
    record("tensor", lambda: table.output(["id", "_score"]).match_tensor(
        "t", [[1.0, 0.0], [0.0, 1.0]], "float", 3).to_result())
    texts(record, table)
    for limit, offset in [(2, 0), (2, 1), (2, 4), (0, 0)]:
        record(f"limit {limit} {offset}", lambda lim=limit, off=offset: table.output(
            ["id"]).sort([["f", kit.SortType.Desc]]).limit(lim).offset(off).to_result())
    record("sort twice", lambda: table.output(["id", "b"]).sort(
        [["b", kit.SortType.Asc], ["id", kit.SortType.Desc]]).to_result())


def texts(record, table):
    """Full text and fusion."""
    def find(text, topn=10, params=None):
        return table.output(["id", "_score"]).match_text("s", text, topn, params).to_result()

    for text in QUERIES:
        record(f"text {text}", lambda t=text: find(t))
    for params in TEXT_PARAMETERS:
        record(f"text {params}", lambda p=params: find("quick fox", params=dict(p)))
    record("text best", lambda: find("fox", 1))
    for method, params in [
        ("rrf", None),
        ("rrf", {"rank_constant": "10"}),
        ("weighted_sum", {"weights": "0.7,0.3"}),
    ]:
        def fused(m=method, p=params):
            query = table.output(["id", "_score"])
            query = query.match_dense("v", [0.0, 1.0], "float", "l2", 3)
            return query.match_text("s", "fox", 10).fusion(m, 10, dict(p) if p else None)

        record(f"fusion {method} {params}", lambda f=fused: f().to_result())


def run(database, kit, error, lenient=False):
    """All cases, in their order; `lenient`: those that the client cannot say are left out."""
    record = Recorder(error, lenient)
    definitions(record, database, kit)
    table = database.create_table("t", COLUMNS, kit.ConflictType.Error)
    record("insert", lambda: table.insert(rows(kit)))
    record("insert unknown column", lambda: table.insert([{"zz": 1}]))
    record("insert without default", lambda: table.insert([{"id": 1}]))
    record("insert wrong dimension", lambda: table.insert([{**rows(kit)[0], "v": [1.0]}]))

    def index(name, column, kind, params):
        info = kit.IndexInfo(column, getattr(kit.IndexType, kind), dict(params) or None)
        return table.create_index(name, info)

    record("text without index", lambda: table.output(["id"]).match_text(
        "s", "fox", 3).to_result())
    record("index ft", lambda: index("ft", "s", "FullText", {"analyzer": "standard"}))
    record("index ft again", lambda: index("ft", "s", "FullText", {}))
    record("drop no index", lambda: table.drop_index("none"))
    for at, (column, kind, params) in enumerate(INDEXES):
        record(f"index {column} {kind} {params}", lambda a=at, c=column, k=kind, p=params: index(
            f"i{a}", c, k, p))
        if record.found.get(f"index {column} {kind} {params}") == 0:
            table.drop_index(f"i{at}")
    reads(record, table, kit)
    record("update", lambda: table.update("id = 2", {"f": 9.25}))
    record("updated", lambda: table.output(["id", "f"]).sort(
        [["id", kit.SortType.Asc]]).to_result())
    record("update unknown", lambda: table.update("id = 2", {"none": 1}))
    record("delete", lambda: table.delete("id = 4"))
    record("deleted", lambda: table.output(["id"]).sort([["id", kit.SortType.Asc]]).to_result())
    record("delete badly", lambda: table.delete("id ="))
    record("delete unknown", lambda: table.delete("none = 1"))
    return record.found
