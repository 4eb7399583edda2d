//! Kinds of indexes: their parameters, checked as Infinity checks them, and what serves them here.
//!
//! | kind | served by |
//! |---|---|
//! | HNSW, DISKANN | the graph of a column of dense vectors |
//! | IVF | inverted lists |
//! | BMP | postings of a column of sparse vectors |
//! | EMVB, PLAID, SMVE, and HNSW of several rows | every row is compared (MaxSim) |
//! | FULLTEXT | a payload index of tokens; of rank features none, they are read from the rows |
//! | SECONDARY | a payload index of values |
//! | SECONDARYFUNCTIONAL | the function is computed for every row that is compared |
//!
//! What a parameter has no counterpart for is kept and shown again.

use model::{ClusterCount, FieldKind, Term};

use crate::error::{Failure, code};
use crate::json::Json;
use crate::kinds::{Kind, Part};
use crate::search::analysis::Analysis;
use crate::search::features;
use crate::table::{Column, Place, Table};
use crate::titles;
use crate::vocabulary::Words;

pub(crate) type Parameters = Vec<(String, String)>;

/// The kind of indexes of what a function makes of a column.
pub(crate) const FUNCTIONAL: &str = "secondaryfunctional";

/// The name of a kind in answers.
pub(crate) fn shown(kind: &str) -> &'static str {
    match kind {
        "hnsw" => "HNSW",
        "ivf" => "IVF",
        "bmp" => "BMP",
        "emvb" => "EMVB",
        "fulltext" => "FULLTEXT",
        "diskann" => "DISKANN",
        "plaid" => "PLAID",
        "smve" => "SMVE",
        FUNCTIONAL => "SECONDARYFUNCTIONAL",
        _ => "SECONDARY",
    }
}

/// The kind of the index that a body defines and its parameters, checked.
pub(crate) fn definition(body: &Json, column: &Column) -> Result<(String, Parameters), Failure> {
    let index = body.get("index").and_then(Json::as_object);
    let index = index.ok_or_else(|| Failure::json("`index` must be an object"))?;
    let mut kind = None;
    let mut given = Vec::new();
    for (name, value) in index {
        let name = name.to_ascii_lowercase();
        let text = value.as_written().ok_or_else(|| {
            let text = format!("the value of parameter {name} must be a text");
            Failure::new(code::INDEX_PARAMETER, text)
        })?;
        match name.as_str() {
            "type" => kind = Some(kind_named(&text)),
            _ if given.iter().any(|(other, _)| *other == name) => {
                return Err(wrong_parameter(&name, "given twice"));
            }
            _ => given.push((name, text)),
        }
    }
    let missing = || Failure::new(code::INDEX_TYPE, "an index needs a type");
    let kind = kind.ok_or_else(missing)?;
    let parameters = match kind.as_str() {
        "hnsw" => hnsw(given, column)?,
        "ivf" => ivf(given, column)?,
        "bmp" => bmp(given, column)?,
        "emvb" => emvb(given, column)?,
        "fulltext" => fulltext(given, column)?,
        "secondary" => secondary(given, column)?,
        "diskann" => diskann(given, column)?,
        "plaid" => plaid(given, column)?,
        "smve" => smve(given, column)?,
        FUNCTIONAL => cardinality(given)?,
        other => {
            let text = format!("Invalid index type: {other}");
            return Err(Failure::new(code::INDEX_TYPE, text));
        }
    };
    Ok((kind, parameters))
}

/// The kind of that name, in whatever case; one has two names.
fn kind_named(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        "secondary_functional" => FUNCTIONAL.to_owned(),
        other => other.to_owned(),
    }
}

/// Whether a body defines an index of what a function makes of a column.
pub(crate) fn is_functional(body: &Json) -> bool {
    let kind = body.get("index").and_then(|index| index.get("type"));
    let kind = kind.and_then(Json::as_text);
    kind.is_some_and(|text| kind_named(text) == FUNCTIONAL)
}

/// The column of a function that an index is of, and the function as it is shown.
///
/// # Errors
/// 3009 when the text is no function of one column; as [`Words::term`] when it is no expression.
pub(crate) fn function(table: &Table, text: &str) -> Result<(Column, String), Failure> {
    let term = Words::of_filter(table).term(text, code::EXPRESSION)?;
    let mut columns: Vec<&Column> = Vec::new();
    term.each_field(&mut |path| {
        let of_path = |column: &&Column| matches!(&column.place, Place::Payload(at) if at == path);
        let found = table.columns.iter().find(of_path);
        let known = |column: &Column| columns.iter().any(|other| other.name == column.name);
        columns.extend(found.filter(|column| !known(column)));
    });
    match (&term, columns.as_slice()) {
        (Term::Call { .. }, [column]) => Ok(((*column).clone(), titles::of(&term, &[]))),
        _ => {
            let text = format!("{text} is not a function of one column");
            Err(Failure::new(code::INVALID_INDEX, text))
        }
    }
}

/// Whether a column holds vectors of floats of 32 bits.
pub(crate) fn has_floats(kind: &Kind) -> bool {
    match kind {
        Kind::Vector(rows) | Kind::MultiVector(rows) => rows.element == Part::Float,
        _ => false,
    }
}

/// The payload index of values of this kind.
pub(crate) fn values_index(kind: &Kind) -> Option<FieldKind> {
    Some(match kind {
        Kind::Bool => FieldKind::Bool,
        Kind::Integer(_) => FieldKind::Integer,
        Kind::Float | Kind::Double | Kind::Float16 | Kind::BFloat16 => FieldKind::Float,
        Kind::Varchar | Kind::Time => FieldKind::Keyword,
        Kind::Date | Kind::DateTime | Kind::Timestamp => FieldKind::Keyword,
        Kind::Array(element) => values_index(element)?,
        _ => return None,
    })
}

pub(crate) fn wrong_column(kind: &str, column: &Column) -> Failure {
    let text = format!(
        "Attempt to create {kind} index on column: {}, data type: {}.",
        column.name,
        column.kind.shown()
    );
    Failure::new(code::INVALID_INDEX, text)
}

pub(crate) fn wrong_parameter(name: &str, value: &str) -> Failure {
    let text = format!("Invalid index parameter: {name} = {value}");
    Failure::new(code::INDEX_PARAMETER, text)
}

fn within(name: &str, value: &str, range: core::ops::RangeInclusive<u64>) -> Result<(), Failure> {
    let fits = value.parse().is_ok_and(|n| range.contains(&n));
    match fits {
        true => Ok(()),
        false => Err(wrong_parameter(name, value)),
    }
}

fn one_of(name: &str, value: &str, known: &[&str]) -> Result<(), Failure> {
    match known.contains(&value.to_ascii_lowercase().as_str()) {
        true => Ok(()),
        false => Err(wrong_parameter(name, value)),
    }
}

/// Refuses parameters of which `name` is none.
fn must_have(given: &Parameters, name: &str) -> Result<(), Failure> {
    match given.iter().any(|(other, _)| other == name) {
        true => Ok(()),
        false => Err(wrong_parameter(name, "(none)")),
    }
}

const METRICS: &[&str] = &["l2", "ip", "cosine", "cos"];

fn hnsw(given: Parameters, column: &Column) -> Result<Parameters, Failure> {
    let element = match &column.kind {
        Kind::Vector(rows) | Kind::MultiVector(rows) => rows.element,
        _ => return Err(wrong_column("HNSW", column)),
    };
    if !matches!(element, Part::Float | Part::Int8 | Part::UInt8) {
        return Err(wrong_column("HNSW", column));
    }
    for (name, value) in &given {
        match name.as_str() {
            "m" => within(name, value, 1..=1024)?,
            "ef_construction" => within(name, value, 1..=1_000_000)?,
            "block_size" => within(name, value, 1..=1_000_000)?,
            "metric" => one_of(name, value, METRICS)?,
            "encode" => {
                one_of(name, value, &["plain", "lvq", "rabitq"])?;
                if element != Part::Float && !value.eq_ignore_ascii_case("plain") {
                    return Err(wrong_column("encoded HNSW", column));
                }
            }
            "build_type" => one_of(name, value, &["plain", "lsg"])?,
            "lsg_config" => {}
            _ => return Err(wrong_parameter(name, value)),
        }
    }
    must_have(&given, "metric")?;
    Ok(completed(
        given,
        &[
            ("metric", ""),
            ("encode", "plain"),
            ("m", "16"),
            ("ef_construction", "200"),
        ],
    ))
}

/// Those with defaults first, in their order; then the rest.
fn completed(mut given: Parameters, defaults: &[(&str, &str)]) -> Parameters {
    let mut all = Vec::new();
    for (name, default) in defaults {
        let at = given.iter().position(|(key, _)| key == name);
        let value = at.map_or_else(|| (*default).to_owned(), |at| given.remove(at).1);
        all.push(((*name).to_owned(), value));
    }
    all.extend(given);
    all
}

fn invalid(text: impl core::fmt::Display) -> Failure {
    Failure::new(
        code::INVALID_INDEX,
        format!("Invalid index definition: {text}"),
    )
}

/// The parameters of each way in which IVF stores rows; all of one are needed.
const IVF_STORAGE: &[(&str, &[&str])] = &[
    ("plain", &[]),
    ("scalar_quantization", &["scalar_quantization_bits"]),
    (
        "product_quantization",
        &[
            "product_quantization_subspace_num",
            "product_quantization_subspace_bits",
        ],
    ),
];

fn ivf(given: Parameters, column: &Column) -> Result<Parameters, Failure> {
    let rows = match &column.kind {
        Kind::Vector(rows) | Kind::MultiVector(rows) if rows.element != Part::Bit => rows,
        _ => return Err(wrong_column("IVF", column)),
    };
    let value_of = |name: &str| {
        let found = given.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    let storage = value_of("storage_type").map_or("plain".to_owned(), str::to_ascii_lowercase);
    let parts = IVF_STORAGE.iter().find(|(name, _)| *name == storage);
    let (_, parts) = parts.ok_or_else(|| invalid(format_args!("storage_type = {storage}")))?;
    for (name, value) in &given {
        let known = parts.contains(&name.as_str());
        ivf_parameter(name, value, rows.dim.get(), known, storage == "plain")?;
    }
    if value_of("metric").is_none() {
        return Err(invalid("Missing parameter 'metric'."));
    }
    if let Some(part) = parts.iter().find(|part| value_of(part).is_none()) {
        return Err(invalid(format_args!("Missing parameter '{part}'.")));
    }
    let bound = |name: &str, default: u64| {
        let value = value_of(name).and_then(|text| text.parse().ok());
        value.unwrap_or(default)
    };
    let (least, most) = (
        bound("min_points_per_centroid", 32),
        bound("max_points_per_centroid", 256),
    );
    if least > most {
        return Err(invalid(format_args!(
            "min_points_per_centroid ({least}) is greater than max_points_per_centroid ({most})."
        )));
    }
    Ok(completed(given, &[("metric", "")]))
}

/// `known`: whether the way in which rows are stored has the parameter.
fn ivf_parameter(
    name: &str,
    value: &str,
    dim: usize,
    known: bool,
    plain: bool,
) -> Result<(), Failure> {
    let lower = value.to_ascii_lowercase();
    let number = || {
        let unparsed = |_| Failure::new(code::PARSER, format!("Error: parse integer: {value}"));
        value.parse::<u64>().map_err(unparsed)
    };
    let good = match name {
        "metric" => METRICS.contains(&lower.as_str()),
        "centroids_num_ratio" => {
            let ratio = value.parse::<f32>();
            let ratio = ratio
                .map_err(|_| Failure::new(code::PARSER, format!("Error: parse float: {value}")))?;
            ClusterCount::PerRoot(ratio).is_valid()
        }
        "min_points_per_centroid" | "max_points_per_centroid" => number()? > 0,
        "storage_type" => true,
        "plain_storage_data_type" => {
            plain && ["int8", "uint8", "float32", "float16", "bfloat16"].contains(&lower.as_str())
        }
        "scalar_quantization_bits" => known && matches!(number()?, 4 | 8),
        "product_quantization_subspace_num" => {
            let parts = number()?;
            known && parts > 0 && (dim as u64).is_multiple_of(parts)
        }
        "product_quantization_subspace_bits" => known && (4..=16).contains(&number()?),
        _ => false,
    };
    match good {
        true => Ok(()),
        false => Err(invalid(format_args!("{name} = {value}"))),
    }
}

fn bmp(given: Parameters, column: &Column) -> Result<Parameters, Failure> {
    match &column.kind {
        Kind::Sparse {
            element: Part::Float | Part::Double,
            index: Part::Int8 | Part::Int16 | Part::Int32,
            ..
        } => {}
        _ => return Err(wrong_column("BMP", column)),
    }
    for (name, value) in &given {
        match name.as_str() {
            "block_size" => within(name, value, 1..=256)?,
            "compress_type" => one_of(name, value, &["compress", "raw"])?,
            _ => return Err(wrong_parameter(name, value)),
        }
    }
    Ok(completed(
        given,
        &[("block_size", "16"), ("compress_type", "compress")],
    ))
}

/// Refuses columns that hold no tensors of floats.
fn check_tensors(kind: &str, column: &Column) -> Result<(), Failure> {
    match &column.kind {
        Kind::Tensor(rows) if rows.element == Part::Float => Ok(()),
        _ => Err(wrong_column(kind, column)),
    }
}

fn emvb(given: Parameters, column: &Column) -> Result<Parameters, Failure> {
    check_tensors("EMVB", column)?;
    for (name, value) in &given {
        match name.as_str() {
            "pq_subspace_num" => within(name, value, 1..=65_536)?,
            "pq_subspace_bits" => within(name, value, 1..=16)?,
            _ => return Err(wrong_parameter(name, value)),
        }
    }
    must_have(&given, "pq_subspace_num")?;
    must_have(&given, "pq_subspace_bits")?;
    Ok(given)
}

fn plaid(given: Parameters, column: &Column) -> Result<Parameters, Failure> {
    check_tensors("PLAID", column)?;
    for (name, value) in &given {
        match name.as_str() {
            "nbits" => one_of(name, value, &["2", "4"])?,
            "n_centroids" => within(name, value, 0..=u64::from(u32::MAX))?,
            _ => return Err(wrong_parameter(name, value)),
        }
    }
    Ok(completed(given, &[("nbits", "4"), ("n_centroids", "0")]))
}

fn smve(given: Parameters, column: &Column) -> Result<Parameters, Failure> {
    if !matches!(column.kind, Kind::Tensor(_)) {
        return Err(wrong_column("SMVE", column));
    }
    for (name, value) in &given {
        match name.as_str() {
            "width" | "topk" => within(name, value, 1..=u64::from(u32::MAX))?,
            _ => return Err(wrong_parameter(name, value)),
        }
    }
    Ok(completed(given, &[("width", "2048"), ("topk", "8")]))
}

fn diskann(given: Parameters, column: &Column) -> Result<Parameters, Failure> {
    if !matches!(&column.kind, Kind::Vector(rows) if rows.element != Part::Bit) {
        return Err(wrong_column("DISKANN", column));
    }
    for (name, value) in &given {
        match name.as_str() {
            "metric" => one_of(name, value, METRICS)?,
            "encode" => one_of(name, value, &["plain"])?,
            "r" => within(name, value, 1..=2048)?,
            "l" => within(name, value, 1..=1_000_000)?,
            "num_pq_chunks" | "num_parts" => within(name, value, 1..=u64::from(u32::MAX))?,
            _ => return Err(wrong_parameter(name, value)),
        }
    }
    must_have(&given, "metric")?;
    Ok(completed(given, &[("metric", ""), ("encode", "plain")]))
}

fn fulltext(given: Parameters, column: &Column) -> Result<Parameters, Failure> {
    if column.kind != Kind::Varchar {
        return Err(wrong_column("full-text", column));
    }
    // Other parameters are ignored, as Infinity ignores them.
    let known = given.into_iter().filter(|(name, _)| name == "analyzer");
    let parameters = completed(known.collect(), &[("analyzer", "standard")]);
    let analyzer = &parameters[0].1;
    if !analyzer.eq_ignore_ascii_case(features::ANALYZER) {
        Analysis::named(analyzer)?;
    }
    Ok(parameters)
}

fn secondary(given: Parameters, column: &Column) -> Result<Parameters, Failure> {
    if values_index(&column.kind).is_none() {
        return Err(wrong_column("secondary", column));
    }
    cardinality(given)
}

fn cardinality(given: Parameters) -> Result<Parameters, Failure> {
    for (name, value) in &given {
        match (name.as_str(), value.to_ascii_lowercase().as_str()) {
            ("cardinality", "low" | "high") => {}
            _ => return Err(invalid(format_args!("{name} = {value}"))),
        }
    }
    Ok(completed(given, &[("cardinality", "high")]))
}
