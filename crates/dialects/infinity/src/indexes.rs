//! Indexes: their parameters, checked as Infinity checks them, and what they are here.
//!
//! Vectors are searched by a graph whatever the name of the index; the parameters of HNSW are
//! those of the graph. A full-text index is a payload index of tokens, a secondary one an index of
//! values. What is left of parameters is kept to be shown again.

use gateway::Call;
use model::schema::VectorChange;
use model::{
    ConfigChange, FieldIndex, FieldKind, HnswConfig, IndexChoice, IndexParams, VectorKind, WriteOp,
};
use serde_json::{Value as Out, json};

use crate::answer::{Answer, done, ok};
use crate::error::{Failure, code};
use crate::json::Json;
use crate::kinds::{Kind, Part};
use crate::request::{self, IfExists, Named};
use crate::search::analysis::Analysis;
use crate::table::{self, Column, Index, Place, Table};
use crate::tables;

/// `GET …/indexes`
pub(crate) async fn list(call: &Call<'_>) -> Answer {
    let table = Table::of(call).await?;
    let indexes: Vec<Out> = table
        .indexes
        .iter()
        .map(|index| {
            json!({
                "index_name": index.name,
                "index_type": shown(&index.kind),
                "columns": index.column,
            })
        })
        .collect();
    ok(json!({ "indexes": indexes, "table_name": table.collection.name.as_str() }))
}

fn shown(kind: &str) -> &'static str {
    match kind {
        "hnsw" => "HNSW",
        "ivf" => "IVF",
        "bmp" => "BMP",
        "emvb" => "EMVB",
        "fulltext" => "FULLTEXT",
        _ => "SECONDARY",
    }
}

/// `GET …/indexes/{index_name}`
pub(crate) async fn show(call: &Call<'_>) -> Answer {
    let table = Table::of(call).await?;
    let name = request::checked_name(call.param("index_name"), Named::Index)?;
    let index = table.index(&name).ok_or_else(|| no_index(&name))?;
    let columns = table.columns.iter();
    let at = columns
        .into_iter()
        .position(|column| column.name == index.column);
    let parameters = index.parameters.iter();
    let parameters: Vec<_> = parameters.map(|(k, v)| format!("{k} = {v}")).collect();
    ok(json!({
        "database_name": table.collection.database.as_str(),
        "table_name": table.collection.name.as_str(),
        "index_name": index.name,
        "index_comment": index.comment,
        "index_type": shown(&index.kind),
        "index_column_names": index.column,
        "index_column_ids": at.unwrap_or_default().to_string(),
        "function_info": "",
        "other_parameters": parameters.join(", "),
        "storage_directory": format!("{}/index_{name}", tables::directory(&table.collection)),
        "storage_size": "0B",
        "segment_index_count": "1",
    }))
}

fn no_index(name: &str) -> Failure {
    Failure::new(code::NO_INDEX, format!("Index: {name} doesn't exist."))
}

/// `PUT …/indexes/{index_name}/dump`
pub(crate) async fn dump(call: &Call<'_>) -> Answer {
    let table = Table::of(call).await?;
    let name = request::checked_name(call.param("index_name"), Named::Index)?;
    table.index(&name).ok_or_else(|| no_index(&name))?;
    done()
}

/// `POST …/indexes/{index_name}`
pub(crate) async fn create(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let option = request::create_option(&body)?;
    let name = request::checked_name(call.param("index_name"), Named::Index)?;
    let fields = body
        .get("fields")
        .and_then(Json::as_list)
        .unwrap_or_default();
    let column = match fields {
        [Json::Text(column)] => request::checked_name(column, Named::Column)?,
        [] => return Err(Failure::new(code::INVALID_INDEX, "an index needs a column")),
        _ => return Err(Failure::not_supported("an index on several columns")),
    };
    let comment = body
        .get("comment")
        .and_then(Json::as_text)
        .unwrap_or_default();
    table::change(call, |table| {
        if table.index(&name).is_some() {
            match option {
                IfExists::Ignore => return Ok(Vec::new()),
                IfExists::Replace => table.indexes.retain(|index| index.name != name),
                IfExists::Fail => {
                    let text = format!("Index: {name} is already existed");
                    return Err(Failure::new(code::DUPLICATE_INDEX, text));
                }
            }
        }
        let column = table.known_column(&column)?.clone();
        let (kind, parameters) = definition(&body, &column)?;
        table.indexes.push(Index {
            name: name.clone(),
            kind,
            column: column.name.clone(),
            parameters,
            comment: comment.to_owned(),
        });
        built(table, &column)
    })
    .await?;
    done()
}

/// `DELETE …/indexes/{index_name}`
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let ignores_missing = request::ignores_missing(&body)?;
    let name = request::checked_name(call.param("index_name"), Named::Index)?;
    table::change(call, |table| {
        let Some(at) = table.indexes.iter().position(|index| index.name == name) else {
            return match ignores_missing {
                true => Ok(Vec::new()),
                false => Err(no_index(&name)),
            };
        };
        let index = table.indexes.remove(at);
        let column = table.known_column(&index.column)?.clone();
        built(table, &column)
    })
    .await?;
    done()
}

/// What must be done so that `column` has the indexes that `table` says.
fn built(table: &Table, column: &Column) -> Result<Vec<WriteOp>, Failure> {
    let mut operations = Vec::new();
    let of_column = |kind: &str| {
        let mut indexes = table.indexes.iter();
        indexes.find(|index| index.column == column.name && index.kind == kind)
    };
    match &column.place {
        Place::Payload(path) => {
            // A path has one payload index; that of tokens serves more.
            let params = match (of_column("fulltext"), of_column("secondary")) {
                (Some(index), _) => Some(Analysis::of(index)?.params()),
                (None, Some(_)) => values_index(&column.kind).map(IndexParams::new),
                (None, None) => None,
            };
            operations.push(match params {
                Some(params) => WriteOp::CreateIndex(FieldIndex {
                    path: path.clone(),
                    params,
                }),
                None => WriteOp::DropIndex(path.clone()),
            });
        }
        Place::Vector(name) => {
            let is_dense = table
                .field(column)
                .is_some_and(|field| matches!(field.kind, VectorKind::Dense { .. }));
            if let Some(index) = of_column("hnsw").filter(|_| is_dense) {
                let number = |name| index.parameter(name).and_then(|text| text.parse().ok());
                let mut change = ConfigChange::default();
                change.vectors.push(VectorChange {
                    name: name.clone(),
                    index: Some(Some(IndexChoice::Graph(HnswConfig {
                        m: number("m").unwrap_or(16).min(1024) as u16,
                        ef_construct: number("ef_construction").unwrap_or(200),
                        ..HnswConfig::default()
                    }))),
                    quantization: None,
                    residency: None,
                    modifier: None,
                });
                operations.push(WriteOp::Configure(change));
            }
        }
    }
    Ok(operations)
}

fn values_index(kind: &Kind) -> Option<FieldKind> {
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

type Parameters = Vec<(String, String)>;

/// The kind of the index and its parameters, checked.
fn definition(body: &Json, column: &Column) -> Result<(String, Parameters), Failure> {
    let index = body.get("index").and_then(Json::as_object);
    let index = index.ok_or_else(|| Failure::json("`index` must be an object"))?;
    let mut kind = None;
    let mut given = Vec::new();
    for (name, value) in index {
        let name = name.to_ascii_lowercase();
        let text = value.as_text().ok_or_else(|| {
            let text = format!("the value of parameter {name} must be a text");
            Failure::new(code::INDEX_PARAMETER, text)
        })?;
        match name.as_str() {
            "type" => kind = Some(text.to_ascii_lowercase()),
            _ => given.push((name, text.to_owned())),
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
        other => {
            let text = format!("Invalid index type: {other}");
            return Err(Failure::new(code::INDEX_TYPE, text));
        }
    };
    Ok((kind, parameters))
}

fn wrong_column(kind: &str, column: &Column) -> Failure {
    let text = format!(
        "Invalid index definition: {kind} index on column {} of type {}",
        column.name,
        column.kind.shown()
    );
    Failure::new(code::INVALID_INDEX, text)
}

fn wrong_parameter(name: &str, value: &str) -> Failure {
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
            "metric" => one_of(name, value, &["l2", "ip", "cosine", "cos"])?,
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
    if !given.iter().any(|(name, _)| name == "metric") {
        return Err(Failure::new(
            code::INDEX_PARAMETER,
            "an HNSW index needs a metric",
        ));
    }
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

fn ivf(given: Parameters, column: &Column) -> Result<Parameters, Failure> {
    let (Kind::Vector(rows) | Kind::MultiVector(rows)) = &column.kind else {
        return Err(wrong_column("IVF", column));
    };
    let invalid = |name: &str, value: &str| {
        let text = format!("Invalid index definition: {name} = {value}");
        Failure::new(code::INVALID_INDEX, text)
    };
    for (name, value) in &given {
        let lower = value.to_ascii_lowercase();
        let number = value.parse::<u64>().ok();
        let good = match name.as_str() {
            "metric" => ["l2", "ip", "cosine", "cos"].contains(&lower.as_str()),
            "centroids_num_ratio" => value.parse::<f64>().is_ok_and(|x| x > 0.0),
            "min_points_per_centroid" | "max_points_per_centroid" => number.is_some_and(|n| n > 0),
            "storage_type" => {
                ["plain", "scalar_quantization", "product_quantization"].contains(&lower.as_str())
            }
            "plain_storage_data_type" => {
                ["int8", "uint8", "float32", "float16", "bfloat16"].contains(&lower.as_str())
            }
            "scalar_quantization_bits" => matches!(number, Some(4 | 8)),
            "product_quantization_subspace_num" => {
                number.is_some_and(|n| n > 0 && (rows.dim.get() as u64).is_multiple_of(n))
            }
            "product_quantization_subspace_bits" => number.is_some_and(|n| (4..=16).contains(&n)),
            _ => false,
        };
        if !good {
            return Err(invalid(name, value));
        }
    }
    if !given.iter().any(|(name, _)| name == "metric") {
        return Err(invalid("metric", "(none)"));
    }
    Ok(given)
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

fn emvb(given: Parameters, column: &Column) -> Result<Parameters, Failure> {
    if !matches!(&column.kind, Kind::Tensor(rows) if rows.element == Part::Float) {
        return Err(wrong_column("EMVB", column));
    }
    for (name, value) in &given {
        match name.as_str() {
            "pq_subspace_num" => within(name, value, 1..=65_536)?,
            "pq_subspace_bits" => within(name, value, 1..=16)?,
            _ => return Err(wrong_parameter(name, value)),
        }
    }
    Ok(given)
}

fn fulltext(given: Parameters, column: &Column) -> Result<Parameters, Failure> {
    if column.kind != Kind::Varchar {
        return Err(wrong_column("full-text", column));
    }
    // Other parameters are ignored, as Infinity ignores them.
    let known = given.into_iter().filter(|(name, _)| name == "analyzer");
    let parameters = completed(known.collect(), &[("analyzer", "standard")]);
    Analysis::named(&parameters[0].1)?;
    Ok(parameters)
}

fn secondary(given: Parameters, column: &Column) -> Result<Parameters, Failure> {
    if values_index(&column.kind).is_none() {
        return Err(wrong_column("secondary", column));
    }
    for (name, value) in &given {
        match (name.as_str(), value.to_ascii_lowercase().as_str()) {
            ("cardinality", "low" | "high") => {}
            _ => {
                let text = format!("Invalid index definition: {name} = {value}");
                return Err(Failure::new(code::INVALID_INDEX, text));
            }
        }
    }
    Ok(completed(given, &[("cardinality", "high")]))
}
