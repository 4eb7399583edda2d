//! The items of `search`: what is matched and how the results become one.

use crate::cells;
use crate::error::{Failure, code};
use crate::fde;
use crate::json::Json;
use crate::kinds::{Kind, Part};
use crate::table::{Column, Table};

use super::features::Feature;
use super::fulltext::Bm25;
use super::params::Params;
use super::textual::{self, Minimum};

/// How dense vectors are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    L2,
    Ip,
    Cosine,
    Hamming,
}

impl Measure {
    /// Whether a smaller value is better.
    pub(crate) fn is_distance(self) -> bool {
        match self {
            Self::L2 | Self::Hamming => true,
            Self::Ip | Self::Cosine => false,
        }
    }
}

/// What is matched.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Dense {
        vector: Vec<f32>,
        measure: Measure,
        ef: Option<u32>,
        nprobe: Option<u32>,
        exact: bool,
    },
    Sparse {
        pairs: Vec<(u32, f32)>,
        exact: bool,
    },
    Tensor {
        rows: Vec<f32>,
    },
    Text {
        fields: String,
        text: String,
        all: bool,
        /// How many of several words must be found.
        minimum: Option<Minimum>,
        /// The indexes that are used; empty: any.
        indexes: Vec<String>,
        bm25: Bm25,
        /// What is added to the scores.
        features: Vec<Feature>,
    },
}

/// One match of a search.
#[derive(Clone, Debug)]
pub(crate) struct Match<'t> {
    pub(crate) what: What,
    /// The column, but for texts.
    pub(crate) column: Option<&'t Column>,
    pub(crate) topn: usize,
    pub(crate) threshold: Option<f64>,
    pub(crate) filter: Option<String>,
}

/// How matches become one result.
#[derive(Clone, Debug)]
pub(crate) enum Method<'t> {
    Reciprocal {
        constant: f64,
    },
    Weighted {
        weights: Vec<f64>,
        normalize: Normalize,
    },
    Maximum,
    Tensor {
        column: &'t Column,
        rows: Vec<f32>,
    },
}

/// How scores of one match are made comparable to those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Normalize {
    MinMax,
    Atan,
    L2,
    None,
}

/// A fusion.
#[derive(Clone, Debug)]
pub(crate) struct Fusion<'t> {
    pub(crate) method: Method<'t>,
    pub(crate) topn: usize,
}

fn required<'j>(item: &'j Json, name: &str) -> Result<&'j Json, Failure> {
    let missing = || Failure::expression(format!("`{name}` is missing"));
    item.get(name).ok_or_else(missing)
}

pub(super) fn required_text<'j>(item: &'j Json, name: &str) -> Result<&'j str, Failure> {
    let wrong = || Failure::expression(format!("`{name}` must be a text"));
    required(item, name)?.as_text().ok_or_else(wrong)
}

/// Refuses keys that are not known and keys that are repeated.
pub(super) fn check_keys(item: &Json, known: &[&str]) -> Result<(), Failure> {
    let mut seen: Vec<String> = Vec::new();
    for (key, _) in item.as_object().unwrap_or_default() {
        let lower = key.to_ascii_lowercase();
        if !known.contains(&lower.as_str()) {
            return Err(Failure::expression(format!("Unknown expression: {key}")));
        }
        if seen.contains(&lower) {
            return Err(Failure::expression(format!("`{key}` is repeated")));
        }
        seen.push(lower);
    }
    Ok(())
}

pub(super) fn topn(item: &Json) -> Result<usize, Failure> {
    let n = required(item, "topn")?.as_count();
    let n = n.filter(|&n| n > 0).and_then(|n| usize::try_from(n).ok());
    n.ok_or_else(|| Failure::new(code::TOPN, "topn must be a number above 0"))
}

/// Checks the type that a query says its components have. They are compared as floats, whatever
/// it is.
fn check_element(item: &Json) -> Result<(), Failure> {
    let text = required_text(item, "element_type")?;
    match Part::named(&text.to_ascii_lowercase()) {
        Some(_) => Ok(()),
        None => {
            let text = format!("Invalid embedding data type: {text}");
            Err(Failure::new(code::EMBEDDING, text))
        }
    }
}

/// Whether the item is a match (and not a fusion).
pub(crate) fn is_match(item: &Json) -> Result<bool, Failure> {
    match (item.get("match_method"), item.get("fusion_method")) {
        (Some(_), None) => Ok(true),
        (None, Some(_)) => Ok(false),
        (Some(_), Some(_)) => Err(Failure::expression(
            "match_method and fusion_method exclude each other",
        )),
        (None, None) => Err(Failure::expression(
            "match_method or fusion_method is missing",
        )),
    }
}

/// Reads a match.
pub(crate) fn read<'t>(table: &'t Table, item: &Json) -> Result<Match<'t>, Failure> {
    let method = required_text(item, "match_method")?.to_ascii_lowercase();
    match method.as_str() {
        "dense" => dense(table, item),
        "sparse" => sparse(table, item),
        "tensor" => tensor(table, item),
        "text" => textual::read(table, item),
        other => Err(Failure::expression(format!(
            "Unknown match method: {other}"
        ))),
    }
}

fn dense<'t>(table: &'t Table, item: &Json) -> Result<Match<'t>, Failure> {
    check_keys(
        item,
        &[
            "match_method",
            "fields",
            "query_vector",
            "fde",
            "element_type",
            "metric_type",
            "topn",
            "params",
        ],
    )?;
    let topn = topn(item)?;
    let metric = required_text(item, "metric_type")?.to_ascii_lowercase();
    let measure = match metric.as_str() {
        "l2" => Measure::L2,
        "ip" => Measure::Ip,
        "cosine" | "cos" => Measure::Cosine,
        "hamming" => Measure::Hamming,
        other => return Err(Failure::expression(format!("Unknown metric: {other}"))),
    };
    check_element(item)?;
    let column = table.known_column(required_text(item, "fields")?)?;
    let Kind::Vector(rows) = &column.kind else {
        let text = format!("Column {} holds no dense vectors", column.name);
        return Err(Failure::syntax(text));
    };
    let query = dense_query(item, measure)?;
    if query.len() != rows.dim.get() {
        let text = format!(
            "Query embedding with dimension: {} which doesn't not matched with {}",
            query.len(),
            rows.dim.get()
        );
        return Err(Failure::syntax(text));
    }
    if (rows.element == Part::Bit) != (measure == Measure::Hamming) {
        let text = format!("Column {} is not compared by {metric}", column.name);
        return Err(Failure::syntax(text));
    }
    let params = Params::any(item)?;
    params.check_index(table, column)?;
    Ok(Match {
        what: What::Dense {
            vector: query,
            measure,
            ef: params.count("ef")?,
            nprobe: params.count("nprobe")?,
            exact: params.flag("ignore_index")?,
        },
        column: Some(column),
        topn,
        threshold: params.number("threshold")?,
        filter: params.text("filter"),
    })
}

/// The vector of a match: `query_vector`, or what `fde` makes of a tensor. Encodings of queries are
/// compared with those of documents by their inner product; a distance is one of equals, so for it
/// the query is encoded as documents are, and a tensor has none to itself.
fn dense_query(item: &Json, measure: Measure) -> Result<Vec<f32>, Failure> {
    let given = (item.get("query_vector"), item.get("fde"));
    match given {
        (Some(query), None) => {
            let query = query.as_list();
            let query =
                query.ok_or_else(|| Failure::expression("`query_vector` must be a list"))?;
            query.iter().map(number).collect()
        }
        (None, Some(tensor)) => {
            let asked = fde::Asked::read(tensor, false).map_err(Failure::expression)?;
            let side = match measure.is_distance() {
                true => fde::Side::Document,
                false => fde::Side::Query,
            };
            Ok(asked.encode(side))
        }
        (Some(_), Some(_)) => Err(Failure::expression(
            "`query_vector` and `fde` exclude each other",
        )),
        (None, None) => Err(Failure::expression("`query_vector` or `fde` is missing")),
    }
}

fn number(value: &Json) -> Result<f32, Failure> {
    let x = value
        .as_number()
        .map(|x| x as f32)
        .filter(|x| x.is_finite());
    x.ok_or_else(|| Failure::expression("a vector is made of numbers"))
}

fn sparse<'t>(table: &'t Table, item: &Json) -> Result<Match<'t>, Failure> {
    check_keys(
        item,
        &[
            "match_method",
            "fields",
            "query_vector",
            "metric_type",
            "topn",
            "params",
        ],
    )?;
    let topn = topn(item)?;
    let metric = required_text(item, "metric_type")?;
    if !metric.eq_ignore_ascii_case("ip") {
        return Err(Failure::expression(format!("Unknown metric: {metric}")));
    }
    let column = table.known_column(required_text(item, "fields")?)?;
    if !matches!(column.kind, Kind::Sparse { .. }) {
        let text = format!("Column {} holds no sparse vectors", column.name);
        return Err(Failure::syntax(text));
    }
    let pairs = cells::sparse_pairs(required(item, "query_vector")?)?;
    let params = Params::of(
        item,
        &[
            "alpha",
            "beta",
            "tail",
            "threshold",
            "index_name",
            "ignore_index",
            "filter",
        ],
    )?;
    params.check_index(table, column)?;
    // How much may be left out for speed. Nothing is: postings give exact answers.
    params.number_in("alpha", 0.0..=f64::MAX)?;
    params.number_in("beta", 0.0..=f64::MAX)?;
    params.flag("tail")?;
    Ok(Match {
        what: What::Sparse {
            pairs,
            exact: params.flag("ignore_index")?,
        },
        column: Some(column),
        topn,
        threshold: params.number("threshold")?,
        filter: params.text("filter"),
    })
}

const TENSOR_PARAMS: &[&str] = &[
    "threshold",
    "index_name",
    "ignore_index",
    "filter",
    "emvb_centroid_nprobe",
    "emvb_threshold_first",
    "emvb_n_doc_to_score",
    "emvb_n_doc_out_second_stage",
    "emvb_threshold_final",
];

fn tensor<'t>(table: &'t Table, item: &Json) -> Result<Match<'t>, Failure> {
    check_keys(
        item,
        &[
            "match_method",
            "field",
            "fields",
            "query_tensor",
            "element_type",
            "topn",
            "params",
        ],
    )?;
    let topn = topn(item)?;
    check_element(item)?;
    let name = item
        .get("field")
        .or(item.get("fields"))
        .and_then(Json::as_text);
    let name = name.ok_or_else(|| Failure::expression("`field` is missing"))?;
    let (column, rows) = tensor_of(table, name, required(item, "query_tensor")?)?;
    let params = Params::of(item, TENSOR_PARAMS)?;
    params.check_index(table, column)?;
    // How much is left out for speed. Nothing is: every row is compared.
    for name in &TENSOR_PARAMS[TENSOR_PARAMS.len() - 5..] {
        params.number(name)?;
    }
    params.flag("ignore_index")?;
    Ok(Match {
        what: What::Tensor { rows },
        column: Some(column),
        topn,
        threshold: params.number("threshold")?,
        filter: params.text("filter"),
    })
}

fn tensor_of<'t>(
    table: &'t Table,
    name: &str,
    query: &Json,
) -> Result<(&'t Column, Vec<f32>), Failure> {
    let column = table.known_column(name)?;
    let rows = match &column.kind {
        Kind::Tensor(rows) | Kind::MultiVector(rows) | Kind::TensorArray(rows) => rows,
        _ => {
            let text = format!("Column {} holds no tensors", column.name);
            return Err(Failure::syntax(text));
        }
    };
    let query = cells::tensor(column, rows, query);
    let query = query.map_err(|failure| Failure::syntax(failure.text))?;
    Ok((column, query))
}

/// Reads a fusion. An unknown method counts as reciprocal ranks, as in Infinity.
pub(crate) fn fusion<'t>(table: &'t Table, item: &Json) -> Result<Fusion<'t>, Failure> {
    check_keys(item, &["fusion_method", "topn", "params"])?;
    let topn = match item.get("topn") {
        None => 100,
        Some(_) => topn(item)?,
    };
    let method = required_text(item, "fusion_method")?.to_ascii_lowercase();
    let params = Params::of(
        item,
        match method.as_str() {
            "weighted_sum" => &["weights", "normalize"],
            "max" => &[],
            "match_tensor" => &["field", "query_tensor", "element_type"],
            _ => &["rank_constant"],
        },
    )?;
    let method = match method.as_str() {
        "weighted_sum" => {
            let weights = params.text("weights").unwrap_or_default();
            let parts = weights.split(',').filter(|part| !part.trim().is_empty());
            let read: Option<Vec<f64>> = parts.map(|part| part.trim().parse().ok()).collect();
            let wrong = || Failure::new(code::PARAMETER_VALUE, "weights are numbers");
            let normalize = params.lower("normalize");
            Method::Weighted {
                weights: read.ok_or_else(wrong)?,
                normalize: match normalize.as_deref() {
                    None | Some("minmax") => Normalize::MinMax,
                    Some("atan") => Normalize::Atan,
                    Some("l2") => Normalize::L2,
                    Some("none") => Normalize::None,
                    Some(other) => {
                        let text = format!("normalize {other}");
                        return Err(Failure::new(code::PARAMETER_VALUE, text));
                    }
                },
            }
        }
        "max" => Method::Maximum,
        "match_tensor" => {
            let all = item.get("params").unwrap_or(&Json::Null);
            let name = required_text(all, "field")?;
            if all.get("element_type").is_some() {
                check_element(all)?;
            }
            let (column, rows) = tensor_of(table, name, required(all, "query_tensor")?)?;
            Method::Tensor { column, rows }
        }
        _ => Method::Reciprocal {
            constant: params.number("rank_constant")?.unwrap_or(60.0),
        },
    };
    Ok(Fusion { method, topn })
}
