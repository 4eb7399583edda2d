"""Full text against Qdrant's own engine: text indexes, phrases, stopwords, stems, BM25 documents.

Every run is seeded; SKERRY_TEXT_SEED repeats one. Known differences, kept out of the cases:

- The multilingual tokenizer of the engine has dictionaries of Chinese, Japanese and Thai; ours cuts
  them into characters. So it is compared on alphabets only.
- Without a text index the engine that can be installed (newer than 1.19) compares tokens, and 1.19,
  like us, parts of the text. So texts without an index are not compared here.
- Prefixes longer than 64 characters are cut there.
- The engine's list of English stopwords lacks contractions (he'd, we've …).
"""

import os
import random
import tempfile

import pytest
import qdrant_edge as edge
from qdrant_client import models as m
from qdrant_client.http.exceptions import UnexpectedResponse

SEED = int(os.environ.get("SKERRY_TEXT_SEED", "20240601"))
WORDS = """
    the a quick quickly brown fox foxes jumping jumps jumped over lazy dogs dog running runs ran
    Running Hello WORLD world hello-world foo_bar x² Ångström café cafés naïve straße Привет привет
    мира миру Größe größer 2024 v1.2 don't it's C++ AT&T wi-fi Les chevaux cheval
    ñandú señores бегущий Ёлка
""".split()
POINTS = 300
TOKENIZERS = ["word", "whitespace", "prefix", "multilingual"]


def edge_language(name):
    return getattr(edge.Language, name.capitalize())


def edge_params(params):
    """The parameters of an index in the words of the engine."""
    options = dict(params)
    options.pop("type")
    tokenizer = options.get("tokenizer", "word").capitalize()
    options["tokenizer"] = getattr(edge.TokenizerType, tokenizer)
    if isinstance(options.get("stopwords"), str):
        options["stopwords"] = edge_language(options["stopwords"])
    elif "stopwords" in options:
        languages = {edge_language(name) for name in options["stopwords"].get("languages", [])}
        custom = set(options["stopwords"].get("custom", []))
        options["stopwords"] = edge.StopwordsSet(languages=languages, custom=custom)
    if "stemmer" in options:
        language = options["stemmer"]["language"].capitalize()
        options["stemmer"] = edge.SnowballParams(getattr(edge.SnowballLanguage, language))
    return options


class Texts:
    """Random texts in a collection of ours and in a shard of the engine."""

    def __init__(self, client, name, params, seed):
        self.random, self.client, self.name = random.Random(seed), client, name
        folder = tempfile.mkdtemp(prefix="skerry-text-")
        vector = edge.EdgeVectorParams(size=1, distance=edge.Distance.Dot)
        self.shard = edge.EdgeShard.create(folder, edge.EdgeConfig(vectors={"": vector}))
        client.create_collection(name, m.VectorParams(size=1, distance=m.Distance.DOT))
        self.params = params

    def index(self):
        """Creates the index on both sides."""
        params = edge.TextIndexParams(**edge_params(self.params))
        self.shard.update(edge.UpdateOperation.create_field_index("t", params))
        schema = m.TextIndexParams(**self.params)
        self.client.create_payload_index(self.name, "t", schema, wait=True)

    def text(self):
        return " ".join(self.random.choices(WORDS, k=self.random.randint(0, 7)))

    def value(self):
        """A text, several, or something else."""
        kind = self.random.random()
        if kind < 0.7:
            return self.text()
        if kind < 0.9:
            return [self.text() for _ in range(self.random.randint(0, 3))]
        return self.random.choice([3, None, True, ["x", 4, None], {"u": "hello"}])

    def upsert(self, ids):
        payloads = {i: {"t": self.value()} for i in ids}
        points = [edge.Point(i, {"": [1.0]}, payload) for i, payload in payloads.items()]
        self.shard.update(edge.UpdateOperation.upsert_points(points))
        self.client.upsert(
            self.name,
            [m.PointStruct(id=i, vector=[1.0], payload=payload) for i, payload in payloads.items()],
            wait=True,
        )

    def delete(self, ids):
        self.shard.update(edge.UpdateOperation.delete_points(ids))
        self.client.delete(self.name, ids, wait=True)

    def compare(self, questions):
        """Asks both sides the same random questions."""
        for _ in range(questions):
            text = " ".join(self.random.choices(WORDS, k=self.random.choice([1, 1, 2, 2, 3])))
            if self.random.random() < 0.3:
                text = text[: self.random.randint(1, len(text))]
            for ours, theirs in [
                (m.MatchText(text=text), edge.MatchText(text)),
                (m.MatchTextAny(text_any=text), edge.MatchTextAny(text)),
                (m.MatchPhrase(phrase=text), edge.MatchPhrase(text)),
                (m.MatchPrefix(prefix=text), edge.MatchPrefix(text)),
            ]:
                assert self.ours(ours) == self.theirs(theirs), (self.params, ours)

    def ours(self, match):
        query = m.Filter(must=[m.FieldCondition(key="t", match=match)])
        points, _ = self.client.scroll(self.name, query, limit=10_000, with_payload=False)
        count = self.client.count(self.name, query, exact=True).count
        assert count == len(points)
        return sorted(point.id for point in points)

    def theirs(self, match):
        query = edge.Filter(must=[edge.FieldCondition(key="t", match=match)])
        points, _ = self.shard.scroll(edge.ScrollRequest(limit=10_000, filter=query))
        return sorted(point.id for point in points)


def snowball(language):
    return {"type": "snowball", "language": language}


CASES = [
    {"tokenizer": "word"},
    {"tokenizer": "word", "lowercase": False, "phrase_matching": True},
    {"tokenizer": "word", "phrase_matching": True, "ascii_folding": True, "stopwords": "english"},
    {
        "tokenizer": "word",
        "stemmer": snowball("english"),
        "stopwords": {"languages": ["english", "french"], "custom": ["FOX", "мира"]},
        "phrase_matching": True,
    },
    {"tokenizer": "word", "stemmer": snowball("russian")},
    {"tokenizer": "word", "stemmer": snowball("german"), "min_token_len": 3},
    {"tokenizer": "whitespace", "phrase_matching": True, "max_token_len": 5},
    {"tokenizer": "whitespace", "ascii_folding": True, "lowercase": False},
    {"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 4, "phrase_matching": True},
    {"tokenizer": "prefix", "stopwords": "english", "stemmer": snowball("english")},
    {"tokenizer": "multilingual", "phrase_matching": True},
    {"tokenizer": "multilingual", "stemmer": snowball("spanish"), "stopwords": "spanish"},
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_text_indexes_find_what_the_engine_finds(client, collection, number):
    """Before and after changes; the index comes first, in the middle, or last."""
    texts = Texts(client, collection, {"type": "text", **CASES[number]}, SEED + number)
    if number % 3 == 0:
        texts.index()
    texts.upsert(range(POINTS))
    if number % 3 == 1:
        texts.index()
    texts.delete(list(range(0, POINTS, 7)))
    texts.upsert(range(POINTS // 2, POINTS // 2 + 60))
    if number % 3 == 2:
        texts.index()
    texts.compare(12)


def test_answers_outlive_restarts_and_large_segments(fresh_server):
    """Columns are built above some hundred rows, sealed, and read again after a restart."""
    client = fresh_server.client()
    params = {"type": "text", "tokenizer": "word", "phrase_matching": True, "stopwords": "english"}
    texts = Texts(client, "texts", params, SEED)
    texts.index()
    for start in range(0, 1500, 500):
        texts.upsert(range(start, start + 500))
    texts.compare(4)
    fresh_server.restart()
    texts.client = fresh_server.client()
    texts.delete(list(range(0, 1500, 5)))
    texts.upsert(range(1000, 1200))
    texts.compare(6)
    fresh_server.kill9()
    fresh_server.start()
    texts.client = fresh_server.client()
    texts.compare(4)


def test_an_index_shows_its_options_and_counts_texts(client, collection):
    """What was asked for comes back, with the tokenizer that holds where none was named."""
    texts = Texts(client, collection, {"type": "text"}, SEED)
    client.upsert(
        collection,
        [
            m.PointStruct(id=i, vector=[1.0], payload={"t": value})
            for i, value in enumerate(["a b", ["c"], "", 3, None, ["x", 5]])
        ],
    )
    texts.index()
    schema = client.get_collection(collection).payload_schema["t"]
    assert schema.data_type == m.PayloadSchemaType.TEXT and schema.points == 3
    assert schema.params.model_dump(exclude_none=True) == {
        "type": m.TextIndexType.TEXT,
        "tokenizer": m.TokenizerType.WORD,
    }


def test_other_options_make_another_index(client, collection):
    """An index that is made again with other options answers by the new ones."""
    texts = Texts(client, collection, {"type": "text", "tokenizer": "whitespace"}, SEED)
    texts.upsert(range(700))
    texts.index()
    texts.compare(3)
    texts.params = {"type": "text", "tokenizer": "word", "ascii_folding": True}
    texts.index()
    texts.compare(3)


def bm25_options(rng):
    """Options as JSON and as the engine's configuration."""
    options = {
        "tokenizer": rng.choice(TOKENIZERS),
        "k": rng.choice([0.0, 0.9, 1.2, 2.0]),
        "b": rng.choice([0.0, 0.4, 0.75, 1.0]),
        "avg_len": rng.choice([1.0, 4.0, 256.0]),
        "ascii_folding": rng.random() < 0.3,
        "lowercase": rng.random() < 0.8,
    }
    if rng.random() < 0.5:
        options["language"] = rng.choice(["english", "russian", "de", "basque"])
    if rng.random() < 0.3:
        options["min_token_len"] = rng.randint(1, 3)
    if rng.random() < 0.3:
        options["max_token_len"] = rng.randint(3, 8)
    config = dict(options, tokenizer=getattr(edge.TokenizerType, options["tokenizer"].capitalize()))
    if rng.random() < 0.3:
        options["stemmer"], config["stemmer"] = {"type": "none"}, edge.DisabledStemmer()
    if rng.random() < 0.3:
        options["stopwords"] = {"languages": [], "custom": ["fox"]}
        config["stopwords"] = edge.StopwordsSet(custom={"fox"})
    return options, edge.Bm25(edge.Bm25Config(**config))


def sparse_collection(client, name):
    """A collection of BM25 vectors; skips where the server has no sparse fields."""
    config = {"bm25": m.SparseVectorParams(modifier=m.Modifier.IDF)}
    try:
        client.create_collection(name, vectors_config={}, sparse_vectors_config=config)
    except UnexpectedResponse as refusal:
        if b"does not support `sparse_vectors`" not in refusal.content:
            raise
        pytest.skip("the server has no sparse fields")


def put_document(server, name, number, text, options):
    document = {"text": text, "model": "qdrant/bm25", "options": options}
    body = {"points": [{"id": number, "vector": {"bm25": document}}]}
    reply = server.request("PUT", f"/collections/{name}/points?wait=true", json=body)
    assert reply.status_code == 200, reply.text


def test_documents_become_the_vectors_of_the_engine(server, client, collection):
    """Same indices, same values to the rounding of an f32."""
    sparse_collection(client, collection)
    rng = random.Random(SEED)
    for number in range(60):
        options, model = bm25_options(rng)
        text = " ".join(rng.choices(WORDS, k=rng.randint(0, 20)))
        put_document(server, collection, number, text, options)
        (point,) = client.retrieve(collection, [number], with_vectors=True)
        expected = model.embed_document(text)
        found = point.vector.get("bm25", m.SparseVector(indices=[], values=[]))
        pairs = dict(zip(expected.indices, expected.values, strict=True))
        ours = dict(zip(found.indices, found.values, strict=True))
        assert ours == pytest.approx(pairs, rel=1e-6), (text, options)


def test_documents_are_ranked_as_by_the_engine(server, client, collection):
    """A query by document, against the same vectors and query vector in a shard of the engine."""
    sparse_collection(client, collection)
    rng = random.Random(SEED)
    model = edge.Bm25()
    sparse = {"bm25": edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)}
    folder = tempfile.mkdtemp(prefix="skerry-bm25-")
    shard = edge.EdgeShard.create(folder, edge.EdgeConfig(sparse_vectors=sparse))
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 20))) for _ in range(200)]
    for number, text in enumerate(texts):
        put_document(server, collection, number, text, {})
    points = [edge.Point(i, {"bm25": model.embed_document(t)}, {}) for i, t in enumerate(texts)]
    shard.update(edge.UpdateOperation.upsert_points(points))
    for _ in range(20):
        text = " ".join(rng.choices(WORDS, k=rng.randint(1, 3)))
        query = {"query": {"text": text, "model": "Qdrant/BM25"}, "using": "bm25", "limit": 200}
        reply = server.request("POST", f"/collections/{collection}/points/query", json=query)
        assert reply.status_code == 200, reply.text
        ours = {point["id"]: point["score"] for point in reply.json()["result"]["points"]}
        nearest = edge.Query.Nearest(model.embed_query(text), using="bm25")
        theirs = shard.query(edge.QueryRequest(limit=200, query=nearest))
        assert ours == pytest.approx({point.id: point.score for point in theirs}, rel=1e-4), text


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"text": "x", "model": "someone/else"}, "InferenceService is not initialized"),
        ({"image": "x", "model": "qdrant/bm25"}, "Only text input is supported for qdrant/bm25."),
        ({"object": {"x": 1}, "model": "someone/else"}, "InferenceService is not initialized"),
        ({"text": "x", "model": "qdrant/bm25", "options": {"b": 7}}, "BM25 b must be finite"),
        ({"text": "x", "model": "bm25", "options": {"tokenizer": "w"}}, "Invalid BM25 config"),
        ({"text": "x"}, "missing field `model`"),
    ],
)
def test_documents_that_no_model_takes_are_refused(server, client, collection, document, expected):
    """As stored vectors and, where both say the same, as queries."""
    client.create_collection(collection, m.VectorParams(size=1, distance=m.Distance.DOT))
    path = f"/collections/{collection}/points"
    for vector in (document, {"": document}):
        reply = server.request("PUT", path, json={"points": [{"id": 1, "vector": vector}]})
        assert reply.status_code == 400 and expected in reply.json()["status"]["error"], reply.text
    reply = server.request("POST", path + "/query", json={"query": document})
    assert reply.status_code == 400, reply.text
    assert client.count(collection).count == 0
