//! Texts searched by BM25, and hybrid searches of text and vector.
//!
//! A document is the tokens of all texts in the fields of a point, however deep. How many
//! documents there are, how long they are on average and how rare a token is are counted over the
//! points that may be found, so that a search within a condition is as if there were no others.

use std::collections::BTreeMap;

use ::text::Analyzer;
use gateway::Call;
use model::query::PayloadSelect;
use model::{FieldPath, Filter, Metric, Object, PointId, Query, Reply, Select, TextOptions, Value};
use serde_json::{Map, Value as Json};

use crate::condition;
use crate::error::Failure;
use crate::reply::{Answer, success};
use crate::request::{PAGE, about_collection, ask, body, limited};
use crate::search::{Hit, How, items, nearest};
use crate::seen::Seen;
use crate::value::fields_json;

/// How soon more of the same token stops to matter.
const K1: f64 = 1.2;

/// How much long texts are held back.
const B: f64 = 0.75;

fn ten() -> usize {
    10
}

fn one() -> f64 {
    1.0
}

fn sixty() -> f64 {
    60.0
}

fn rrf() -> String {
    "rrf".into()
}

about_collection! {
    /// A search for a text.
    struct Asked {
        text: String,
        text_fields: Option<Vec<String>>,
        #[serde(default = "ten")]
        k: usize,
        r#where: Option<String>,
        #[serde(default)]
        return_fields: bool,
    }
}

about_collection! {
    /// A search for a text, a vector, or both.
    struct Hybrid {
        vector: Option<Vec<f32>>,
        text: Option<String>,
        text_fields: Option<Vec<String>>,
        #[serde(default = "ten")]
        k: usize,
        r#where: Option<String>,
        #[serde(default = "rrf")]
        fusion: String,
        #[serde(default = "one")]
        vector_weight: f64,
        #[serde(default = "one")]
        text_weight: f64,
        #[serde(default = "sixty")]
        rrf_k: f64,
        candidate_limit: Option<usize>,
        #[serde(default)]
        return_fields: bool,
        #[serde(default = "ten")]
        nprobe: usize,
    }
}

/// What of a point counts as its text.
struct Wanted<'a> {
    analyzer: Analyzer,
    /// Each token of the query and how often it is in it.
    tokens: BTreeMap<String, f64>,
    /// Only these fields; `None`: all.
    fields: Option<&'a [String]>,
}

impl<'a> Wanted<'a> {
    fn new(text: &str, fields: Option<&'a [String]>) -> Self {
        let analyzer = Analyzer::new(&TextOptions::default());
        let mut tokens = BTreeMap::new();
        analyzer.document(text, &mut |token| {
            *tokens.entry(token.to_owned()).or_default() += 1.0;
        });
        Self {
            analyzer,
            tokens,
            fields: fields.filter(|fields| !fields.is_empty()),
        }
    }

    /// How often each token of the query is in a payload, and how many tokens that has.
    fn read(&self, payload: &Object) -> Document {
        let mut document = Document {
            counts: vec![0; self.tokens.len()],
            length: 0,
        };
        for (name, value) in payload.iter() {
            if self
                .fields
                .is_none_or(|fields| fields.iter().any(|f| f == name))
            {
                self.count(value, &mut document);
            }
        }
        document
    }

    fn count(&self, value: &Value, document: &mut Document) {
        match value {
            Value::Str(text) => self.analyzer.document(text, &mut |token| {
                document.length += 1;
                let at = self.tokens.keys().position(|known| known == token);
                if let Some(count) = at.and_then(|at| document.counts.get_mut(at)) {
                    *count += 1;
                }
            }),
            Value::Array(list) => list.iter().for_each(|value| self.count(value, document)),
            Value::Object(fields) => {
                fields
                    .iter()
                    .for_each(|(_, value)| self.count(value, document));
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => {}
        }
    }

    /// What is read of each point: the fields that may hold text.
    fn select(&self) -> Select {
        let payload = match self.fields {
            None => PayloadSelect::All,
            Some(fields) => {
                let paths = fields.iter().map(|name| FieldPath::field(name));
                PayloadSelect::Include(paths.collect())
            }
        };
        Select {
            payload,
            ..Select::default()
        }
    }
}

/// What counts of a document.
struct Document {
    /// By token of the query.
    counts: Vec<u32>,
    /// Tokens in all.
    length: u64,
}

/// The documents that were read.
#[derive(Default)]
struct Corpus {
    documents: u64,
    tokens: u64,
    /// Documents with each token of the query.
    frequencies: Vec<u64>,
    /// Those that have at least one.
    candidates: Vec<(PointId, Document)>,
}

impl Corpus {
    fn add(&mut self, id: PointId, document: Document) {
        if document.length == 0 {
            return;
        }
        self.documents += 1;
        self.tokens += document.length;
        for (frequency, count) in self.frequencies.iter_mut().zip(&document.counts) {
            *frequency += u64::from(*count > 0);
        }
        if document.counts.iter().any(|count| *count > 0) {
            self.candidates.push((id, document));
        }
    }

    /// The best `k`, best first, equal ones ascending by id.
    fn ranked(self, weights: impl Iterator<Item = f64> + Clone, k: usize) -> Vec<(PointId, f32)> {
        let documents = self.documents as f64;
        let average = self.tokens as f64 / documents.max(1.0);
        let idf = |frequency: u64| {
            let frequency = frequency as f64;
            libm::log((documents - frequency + 0.5) / (frequency + 0.5) + 1.0)
        };
        let idfs: Vec<f64> = self.frequencies.iter().map(|&df| idf(df)).collect();
        let score = |document: &Document| {
            let long = 1.0 - B + B * document.length as f64 / average;
            let tokens = document.counts.iter().zip(&idfs).zip(weights.clone());
            let parts = tokens.map(|((&count, idf), weight)| {
                let count = f64::from(count);
                weight * idf * count * (K1 + 1.0) / (count + K1 * long)
            });
            parts.sum::<f64>()
        };
        let scored = self.candidates.into_iter().map(|(id, document)| {
            let score = score(&document);
            (id, score)
        });
        let mut scored: Vec<(PointId, f64)> = scored.collect();
        scored.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        scored.truncate(k);
        let narrowed = scored.into_iter().map(|(id, score)| (id, score as f32));
        narrowed.collect()
    }
}

/// Reads every point that may be found.
async fn corpus(
    call: &Call<'_>,
    seen: &Seen,
    wanted: &Wanted<'_>,
    filter: Option<&Filter>,
) -> Result<Corpus, Failure> {
    let mut corpus = Corpus {
        frequencies: vec![0; wanted.tokens.len()],
        ..Corpus::default()
    };
    let mut from = None;
    loop {
        let page = Query::Scroll {
            collection: seen.collection.clone(),
            filter: filter.cloned(),
            from,
            limit: PAGE,
            order_by: None,
            select: wanted.select(),
        };
        let Reply::Page { records, next } = ask(call, page).await? else {
            return Err(Failure::bad("the points could not be read"));
        };
        for (record, _) in records {
            let document = wanted.read(&record.payload.unwrap_or_default());
            corpus.add(record.id, document);
        }
        from = next;
        if from.is_none() {
            return Ok(corpus);
        }
    }
}

/// The best documents for a text, and how they were found.
async fn texts(
    call: &Call<'_>,
    seen: &Seen,
    text: &str,
    fields: Option<&[String]>,
    filter: Option<&Filter>,
    k: usize,
) -> Result<(Vec<Hit>, &'static str), Failure> {
    let wanted = Wanted::new(text, fields);
    if wanted.tokens.is_empty() || k == 0 {
        return Ok((Vec::new(), "BM25-INVERTED"));
    }
    let corpus = corpus(call, seen, &wanted, filter).await?;
    let index = match corpus.documents {
        0 => "BM25-SCAN",
        _ => "BM25-INVERTED",
    };
    let ranked = corpus.ranked(wanted.tokens.values().copied(), k);
    let hits = ranked.into_iter().map(|(id, score)| Hit {
        id,
        score,
        fields: Map::new(),
    });
    Ok((hits.collect(), index))
}

/// Gives hits the fields of their points.
async fn fill(call: &Call<'_>, seen: &Seen, hits: &mut [Hit]) -> Result<(), Failure> {
    let retrieve = Query::Retrieve {
        collection: seen.collection.clone(),
        ids: hits.iter().map(|hit| hit.id.clone()).collect(),
        select: Select {
            payload: PayloadSelect::All,
            ..Select::default()
        },
    };
    let Reply::Records(records) = ask(call, retrieve).await? else {
        return Err(Failure::bad("the points could not be read"));
    };
    let mut fields: BTreeMap<PointId, Map<String, Json>> = records
        .into_iter()
        .map(|record| (record.id, fields_json(&record.payload.unwrap_or_default())))
        .collect();
    for hit in hits {
        hit.fields = fields.remove(&hit.id).unwrap_or_default();
    }
    Ok(())
}

pub(crate) async fn search(call: &Call<'_>) -> Answer {
    let asked: Asked = body(call)?;
    let at = asked.at();
    let k = limited("k", asked.k)?;
    let seen = Seen::open(call, &at).await?;
    let filter = condition::filter(call, &seen.collection, asked.r#where.as_deref()).await?;
    let fields = asked.text_fields.as_deref();
    let (mut hits, index) = texts(call, &seen, &asked.text, fields, filter.as_ref(), k).await?;
    if asked.return_fields {
        fill(call, &seen, &mut hits).await?;
    }
    let items = items(k, hits, asked.return_fields, &[("index", index.into())]);
    Ok(success(at.echo_with("items", items)))
}

/// One list of a hybrid search.
struct Leg {
    hits: Vec<Hit>,
    weight: f64,
    /// Whether larger scores are better.
    ascends: bool,
}

impl Leg {
    /// What the hit at each place adds, by place alone.
    fn by_rank(&self, k: f64) -> Vec<f64> {
        let places = 0..self.hits.len();
        let share = |place: usize| self.weight / (k + place as f64 + 1.0);
        places.map(share).collect()
    }

    /// What the hit at each place adds, by its score between the worst and the best.
    fn by_score(&self) -> Vec<f64> {
        let scores = || self.hits.iter().map(|hit| f64::from(hit.score));
        let least = scores().fold(f64::INFINITY, f64::min);
        let most = scores().fold(f64::NEG_INFINITY, f64::max);
        let between = |score: f64| {
            if most <= least {
                return 1.0;
            }
            let share = (score - least) / (most - least);
            if self.ascends { share } else { 1.0 - share }
        };
        scores().map(|score| self.weight * between(score)).collect()
    }
}

/// All legs in one order: best first, equal ones ascending by id.
fn fused(legs: &[Leg], weighted: bool, rrf_k: f64, k: usize) -> Vec<Hit> {
    let mut sums: BTreeMap<&PointId, f64> = BTreeMap::new();
    for leg in legs {
        let parts = match weighted {
            true => leg.by_score(),
            false => leg.by_rank(rrf_k.max(1.0)),
        };
        for (hit, part) in leg.hits.iter().zip(parts) {
            *sums.entry(&hit.id).or_default() += part;
        }
    }
    let mut best: Vec<(&PointId, f64)> = sums.into_iter().collect();
    best.sort_by(|a, b| b.1.total_cmp(&a.1));
    best.truncate(k);
    let hits = best.into_iter().map(|(id, score)| Hit {
        id: id.clone(),
        score: score as f32,
        fields: Map::new(),
    });
    hits.collect()
}

fn weight(given: f64) -> f64 {
    if given.is_finite() {
        given.max(0.0)
    } else {
        0.0
    }
}

async fn legs(
    call: &Call<'_>,
    seen: &Seen,
    asked: &Hybrid,
    filter: Option<&Filter>,
    candidates: usize,
) -> Result<Vec<Leg>, Failure> {
    let mut legs = Vec::new();
    if let Some(vector) = &asked.vector {
        let field = seen.must_primary()?;
        let how = How {
            k: candidates,
            filter,
            fields: false,
            nprobe: asked.nprobe,
            exact: false,
        };
        legs.push(Leg {
            hits: nearest(call, seen, &field, vector.clone(), how).await?,
            weight: weight(asked.vector_weight),
            ascends: field.metric() == Metric::Dot,
        });
    }
    if let Some(text) = asked.text.as_deref().filter(|text| !text.trim().is_empty()) {
        let fields = asked.text_fields.as_deref();
        let (hits, _) = texts(call, seen, text, fields, filter, candidates).await?;
        legs.push(Leg {
            hits,
            weight: weight(asked.text_weight),
            ascends: true,
        });
    }
    match legs.is_empty() {
        true => Err(Failure::argument(
            "hybrid_search requires a vector, text, or both",
        )),
        false => Ok(legs),
    }
}

pub(crate) async fn hybrid(call: &Call<'_>) -> Answer {
    let asked: Hybrid = body(call)?;
    let at = asked.at();
    let k = limited("k", asked.k)?;
    let usual = k.saturating_mul(4).min(crate::request::TOP_K_MAX);
    let candidates = limited("candidate_limit", asked.candidate_limit.unwrap_or(usual))?.max(k);
    let seen = Seen::open(call, &at).await?;
    let filter = condition::filter(call, &seen.collection, asked.r#where.as_deref()).await?;
    let legs = legs(call, &seen, &asked, filter.as_ref(), candidates).await?;
    let weighted = asked.fusion.eq_ignore_ascii_case("weighted");
    let mut hits = fused(&legs, weighted, asked.rrf_k, k);
    if asked.return_fields {
        fill(call, &seen, &mut hits).await?;
    }
    let index = if weighted {
        "HYBRID-WEIGHTED"
    } else {
        "HYBRID-RRF"
    };
    let more = [
        ("index", Json::from(index)),
        ("fusion", Json::from(asked.fusion)),
    ];
    let items = items(k, hits, asked.return_fields, &more);
    Ok(success(at.echo_with("items", items)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(text: &str) -> Object {
        [("t", Value::from(text))].into_iter().collect()
    }

    /// What the real server answers for two documents of two words and one of one.
    #[test]
    fn scores_are_those_of_the_formula() {
        let wanted = Wanted::new("Hello", None);
        let mut corpus = Corpus {
            frequencies: vec![0],
            ..Corpus::default()
        };
        for (id, text) in [(5, "Hello world"), (6, "hello there"), (7, "q"), (8, "")] {
            corpus.add(PointId::Num(id), wanted.read(&payload(text)));
        }
        let ranked = corpus.ranked([1.0].into_iter(), 10);
        let ids: Vec<_> = ranked.iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(ids, [PointId::Num(5), PointId::Num(6)]);
        assert!((ranked[0].1 - 0.434_457_12).abs() < 1e-6, "{ranked:?}");
    }

    #[test]
    fn texts_are_found_however_deep_and_in_the_wanted_fields_only() {
        let deep: Object = [
            ("a", Value::Array(vec![Value::Object(payload("x y"))])),
            ("b", Value::from("X")),
            ("c", Value::Int(1)),
        ]
        .into_iter()
        .collect();
        let all = Wanted::new("x", None).read(&deep);
        assert_eq!((all.counts, all.length), (vec![2], 3));
        let fields = ["b".to_owned()];
        let one = Wanted::new("x", Some(&fields)).read(&deep);
        assert_eq!((one.counts, one.length), (vec![1], 1));
    }

    #[test]
    fn legs_are_fused_by_place_or_by_score() {
        let leg = |scores: &[(u64, f32)], ascends| Leg {
            hits: scores
                .iter()
                .map(|&(id, score)| Hit {
                    id: PointId::Num(id),
                    score,
                    fields: Map::new(),
                })
                .collect(),
            weight: 1.0,
            ascends,
        };
        let legs = [
            leg(&[(1, 9.0), (2, 5.0), (3, 1.0)], true),
            leg(&[(3, 0.1), (2, 0.5)], false),
        ];
        let by_rank = fused(&legs, false, 60.0, 3);
        assert_eq!(by_rank[0].id, PointId::Num(3));
        assert_eq!(by_rank[0].score, (1.0 / 63.0 + 1.0 / 61.0) as f32);
        let by_score = fused(&legs, true, 60.0, 3);
        let scores: Vec<f32> = by_score.iter().map(|hit| hit.score).collect();
        assert_eq!(scores, [1.0, 1.0, 0.5]);
    }
}
