//! What a search does, told before it is done (or, for `analyze`, with what came of it).

use gateway::Call;
use model::{Filter, IndexChoice, Metric, Query, Reply, Term, VectorKind};
use serde_json::{Map, Value as Out};

use super::Asked;
use super::matching::{Match, Measure, Method, What};
use crate::answer::{Answer, ok};
use crate::error::{Failure, code};
use crate::json::Json;
use crate::request;
use crate::table::{Column, Place, Table};

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    /// What was asked for.
    Ast,
    /// The steps as they were asked for.
    Unoptimized,
    /// The steps as they are done.
    Optimized,
    /// And how each is done.
    Physical,
    /// The same, as the one task that it is.
    Pipeline,
    Fragment,
    /// And how long it took.
    Analyze,
}

impl Depth {
    fn named(body: &Json) -> Result<Self, Failure> {
        let text = match body.get("explain_type") {
            None => return Ok(Self::Physical),
            Some(Json::Text(text)) => text,
            Some(_) => return Err(unknown("(not a text)")),
        };
        Ok(match text.to_ascii_lowercase().as_str() {
            "ast" => Self::Ast,
            "unopt" => Self::Unoptimized,
            "opt" => Self::Optimized,
            "physical" => Self::Physical,
            "pipeline" => Self::Pipeline,
            "fragment" => Self::Fragment,
            "analyze" => Self::Analyze,
            _ => return Err(unknown(text)),
        })
    }

    /// Whether the steps are told with how they are done.
    fn is_physical(self) -> bool {
        match self {
            Self::Ast | Self::Unoptimized | Self::Optimized => false,
            Self::Physical | Self::Pipeline | Self::Fragment | Self::Analyze => true,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Ast => "Abstract Syntax Tree",
            Self::Unoptimized => "Unoptimized Logical Plan",
            Self::Optimized => "Optimized Logical Plan",
            Self::Physical => "Physical Plan",
            Self::Pipeline => "Pipeline",
            Self::Fragment => "Fragment",
            Self::Analyze => "Query Analyze",
        }
    }
}

fn unknown(text: &str) -> Failure {
    Failure::new(code::EXPLAIN_TYPE, format!("Invalid explain type: {text}"))
}

/// `GET …/meta`, and `POST` for browsers
pub(crate) async fn explain(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let depth = Depth::named(&body)?;
    let table = Table::of(call).await?;
    let asked = Asked::read(&table, &body, &["explain_type"])?;
    let text = Text {
        body: &body,
        table: &table,
        asked: &asked,
        depth,
    };
    let mut lines = match depth {
        Depth::Ast => text.tree(),
        Depth::Pipeline | Depth::Fragment => {
            let mut lines = vec!["FRAGMENT (1)".to_owned(), "-> SINK Result".to_owned()];
            lines.extend(text.plan(1));
            lines.push("-> SOURCE Table".to_owned());
            lines
        }
        Depth::Unoptimized | Depth::Optimized | Depth::Physical | Depth::Analyze => text.plan(0),
    };
    if depth == Depth::Analyze {
        let begun = call.context.clock.now_micros();
        let (shown, _) = asked.run(call, &table).await?;
        let micros = call.context.clock.now_micros().saturating_sub(begun);
        lines.push(format!("rows: {}", shown.len()));
        lines.push(format!("time: {micros}us"));
        lines.push(format!("rows of the table: {}", count(call, &table).await?));
    }
    let line = |text: String| {
        let cell = (depth.title().to_owned(), Out::from(text));
        Out::Object(Map::from_iter([cell]))
    };
    let output: Vec<Out> = lines.into_iter().map(line).collect();
    ok(Out::Object(Map::from_iter([(
        "output".to_owned(),
        Out::Array(output),
    )])))
}

async fn count(call: &Call<'_>, table: &Table) -> Result<u64, Failure> {
    let asked = Query::Count {
        collection: table.collection.clone(),
        filter: None,
        exact: true,
    };
    match request::query(call, asked).await? {
        Reply::Count(count) => Ok(count),
        other => Err(other.unexpected().into()),
    }
}

/// A step, and what is to be known of it.
struct Step {
    name: String,
    details: Vec<String>,
    /// Whether it is done beside the step above, and not before it.
    is_beside: bool,
}

fn step(name: impl Into<String>, details: Vec<String>) -> Step {
    Step {
        name: name.into(),
        details,
        is_beside: false,
    }
}

struct Text<'a> {
    body: &'a Json,
    table: &'a Table,
    asked: &'a Asked<'a>,
    depth: Depth,
}

impl Text<'_> {
    /// The texts under a key, with commas between.
    fn texts(&self, key: &str) -> Option<String> {
        let text = match self.body.get(key)? {
            Json::Text(text) => text.clone(),
            Json::List(list) => {
                let each = list.iter().map(|item| match item {
                    Json::Object(fields) => {
                        let pairs = fields.iter().map(|(name, value)| {
                            format!("{name} {}", value.as_text().unwrap_or_default())
                        });
                        pairs.collect::<Vec<_>>().join(", ")
                    }
                    other => other.as_written().unwrap_or_default(),
                });
                each.collect::<Vec<_>>().join(", ")
            }
            other => other.as_written()?,
        };
        Some(text).filter(|text| !text.trim().is_empty())
    }

    fn table_name(&self) -> String {
        let collection = &self.table.collection;
        format!("{}.{}", collection.database, collection.name)
    }

    fn tree(&self) -> Vec<String> {
        let mut lines = vec!["SELECT".to_owned()];
        let mut line = |name: &str, text: String| lines.push(format!("  {name}: {text}"));
        line("projection", self.texts("output").unwrap_or_default());
        line("table", self.table_name());
        for one in &self.asked.search.matches {
            line("search", self.matched(one).0);
        }
        for fusion in &self.asked.search.fusions {
            line("fusion", method(&fusion.method).to_owned());
        }
        for key in [
            "highlight",
            "filter",
            "group_by",
            "having",
            "sort",
            "limit",
            "offset",
        ] {
            if let Some(text) = self.texts(key) {
                line(&key.replace('_', " "), text);
            }
        }
        lines
    }

    /// The steps, the last first, each with those before it below.
    fn plan(&self, indent: usize) -> Vec<String> {
        let expressions = self.texts("output").unwrap_or_default();
        let mut details = vec![format!("expressions: [{expressions}]")];
        if self.depth.is_physical() && !self.asked.search.is_empty() {
            details.push("rows that were found are read by their ids".into());
        }
        let mut steps = vec![step("PROJECT", details)];
        self.shaped(&mut steps);
        self.searched(&mut steps);
        steps.push(self.source());
        let count = steps.len();
        let mut lines = Vec::new();
        let mut level = indent;
        for (at, step) in steps.into_iter().enumerate() {
            level += usize::from(at > 0 && !step.is_beside);
            let arrow = match level {
                0 => String::new(),
                level => format!("{}-> ", "  ".repeat(level - 1)),
            };
            lines.push(format!("{arrow}{} ({})", step.name, count - at));
            let space = "  ".repeat(level);
            let details = step.details.into_iter();
            lines.extend(details.map(|detail| format!("{space} - {detail}")));
        }
        lines
    }

    /// Limit, order and groups.
    fn shaped(&self, steps: &mut Vec<Step>) {
        let detail = |name: &str, key: &str| {
            let text = self.texts(key);
            text.map(|text| format!("{name}: {text}"))
        };
        let mut limits: Vec<String> = detail("limit", "limit").into_iter().collect();
        limits.extend(detail("offset", "offset"));
        if !limits.is_empty() {
            steps.push(step("LIMIT", limits));
        }
        if let Some(text) = self.texts("sort") {
            let mut details = vec![format!("expressions: [{text}]")];
            if self.depth.is_physical() {
                details.push("every row that is found is held and sorted".into());
            }
            steps.push(step("SORT", details));
        }
        if let Some(text) = self.texts("having") {
            steps.push(step("FILTER", vec![format!("having: {text}")]));
        }
        if let Some(groups) = self.asked.plan.groups() {
            let mut details = vec![format!("aggregates: {groups}")];
            details.extend(detail("group by", "group_by"));
            if self.depth.is_physical() {
                details.push("every row that is found is read".into());
            }
            steps.push(step("AGGREGATE", details));
        }
    }

    fn searched(&self, steps: &mut Vec<Step>) {
        for fusion in self.asked.search.fusions.iter().rev() {
            let topn = format!("topn: {}", fusion.topn);
            let mut details = vec![format!("method: {}", method(&fusion.method)), topn];
            if let Method::Tensor { column, .. } = &fusion.method {
                details.push(format!("column: {}", column.name));
            }
            steps.push(step("FUSION", details));
        }
        for (at, one) in self.asked.search.matches.iter().enumerate() {
            let (name, mut details) = self.matched(one);
            details.push(format!("topn: {}", one.topn));
            if let Some(threshold) = one.threshold {
                details.push(format!("threshold: {threshold}"));
            }
            if let Some(filter) = one.filter.clone().or(self.texts("filter")) {
                details.push(format!("filter: {filter}"));
            }
            if self.depth.is_physical() {
                details.push(self.how(one));
            }
            steps.push(Step {
                is_beside: at > 0,
                ..step(name, details)
            });
        }
        if self.asked.search.matches.is_empty()
            && let Some(text) = self.texts("filter")
        {
            let mut details = vec![text];
            if self.depth.is_physical() {
                details.push(self.narrowed());
            }
            steps.push(step("FILTER", details));
        }
    }

    fn source(&self) -> Step {
        let mut details = vec![format!("table name: {}", self.table_name())];
        if self.depth.is_physical() && self.asked.search.is_empty() {
            details.push(match self.asked.enough {
                usize::MAX => "rows ascending by id, page by page".to_owned(),
                rows => format!("rows ascending by id, until {rows} are found"),
            });
        } else if self.depth == Depth::Optimized && self.asked.enough != usize::MAX {
            details.push(format!("limit: {}", self.asked.enough));
        }
        step("TABLE SCAN", details)
    }

    /// What is matched: the name of the step and its details.
    fn matched(&self, one: &Match<'_>) -> (String, Vec<String>) {
        let column = one.column.map_or("", |column| column.name.as_str());
        let of_column = format!("column: {column}");
        match &one.what {
            What::Dense {
                vector, measure, ..
            } => (
                "KNN SCAN".into(),
                vec![
                    of_column,
                    format!("dimension: {}", vector.len()),
                    format!("distance type: {}", measure_name(*measure)),
                ],
            ),
            What::Sparse { pairs, .. } => {
                let components = format!("components: {}", pairs.len());
                ("MATCH SPARSE SCAN".into(), vec![of_column, components])
            }
            What::Tensor { .. } => ("MATCH TENSOR SCAN".into(), vec![of_column]),
            What::Text { fields, text, .. } => (
                "MATCH".into(),
                vec![format!("fields: {fields}"), format!("text: {text}")],
            ),
        }
    }

    /// How a match is done.
    fn how(&self, one: &Match<'_>) -> String {
        match (&one.what, one.column) {
            (
                What::Dense {
                    measure,
                    ef,
                    nprobe,
                    exact,
                    ..
                },
                Some(column),
            ) => self.how_near(column, *measure, *exact, *ef, *nprobe),
            (What::Sparse { exact: true, .. }, _) => "index: none, every row is compared".into(),
            (What::Sparse { .. }, _) => {
                "index: postings where a segment has them, every row elsewhere".into()
            }
            (What::Text { .. }, _) => {
                "the texts of every row are read, and scored by BM25 as they are now".into()
            }
            (What::Tensor { .. } | What::Dense { .. }, _) => {
                "index: none, every row is compared by MaxSim".into()
            }
        }
    }

    fn how_near(
        &self,
        column: &Column,
        measure: Measure,
        exact: bool,
        ef: Option<u32>,
        nprobe: Option<u32>,
    ) -> String {
        let every = |why: &str| format!("index: none, every row is compared: {why}");
        if exact {
            return every("ignore_index");
        }
        let Some(field) = self.table.field(column) else {
            return every("the column has no vectors");
        };
        if let VectorKind::Binary { .. } = field.kind {
            return every("vectors of bits have no index");
        }
        if field.index_metric.unwrap_or(field.kind.metric()) != wanted(measure) {
            let name = measure_name(measure);
            return every(&format!("the column has no index for {name}"));
        }
        let chosen = |given: Option<u32>| {
            given.map_or("chosen for recall".to_owned(), |given| given.to_string())
        };
        match self.table.schema.index_of(field) {
            IndexChoice::Graph(config) => format!(
                "index: graph where a segment has one (m = {}, ef_construction = {}), ef: {}; \
                 every row elsewhere",
                config.m,
                config.ef_construct,
                chosen(ef)
            ),
            IndexChoice::Ivf(_) => format!(
                "index: inverted lists where a segment has them, nprobe: {}; every row elsewhere",
                chosen(nprobe)
            ),
            IndexChoice::Exact | IndexChoice::Postings(_) => every("the column has no index"),
        }
    }

    /// By which payload indexes a filter is narrowed down.
    fn narrowed(&self) -> String {
        let mut paths = Vec::new();
        if let Some(filter) = &self.asked.filter {
            fields_of(filter, &mut paths);
        }
        let columns = self.table.columns.iter().filter(|column| {
            let Place::Payload(path) = &column.place else {
                return false;
            };
            paths.contains(&path) && self.table.schema.index(path).is_some()
        });
        let names: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
        match names.is_empty() {
            true => "every row is tried: no column of the filter has an index".into(),
            false => format!(
                "rows are narrowed down by the indexes of: {}, as far as these can",
                names.join(", ")
            ),
        }
    }
}

/// The columns that a filter is about.
fn fields_of<'f>(filter: &'f Filter, found: &mut Vec<&'f model::FieldPath>) {
    match filter {
        Filter::All(of) | Filter::Any(of) | Filter::AtLeast { of, .. } => {
            of.iter().for_each(|part| fields_of(part, found));
        }
        Filter::Not(of) => fields_of(of, found),
        Filter::Field { path, .. } | Filter::Nested { path, .. } => found.push(path),
        Filter::Where(term) => Term::each_field(term, &mut |path| found.push(path)),
        Filter::HasId(_) | Filter::HasVector(_) | Filter::Slice { .. } => {}
    }
}

fn measure_name(measure: Measure) -> &'static str {
    match measure {
        Measure::L2 => "L2",
        Measure::Ip => "IP",
        Measure::Cosine => "COSINE",
        Measure::Hamming => "HAMMING",
    }
}

fn wanted(measure: Measure) -> Metric {
    match measure {
        Measure::L2 => Metric::L2,
        Measure::Ip => Metric::Dot,
        Measure::Cosine => Metric::Cosine,
        Measure::Hamming => Metric::Hamming,
    }
}

fn method(method: &Method<'_>) -> &'static str {
    match method {
        Method::Reciprocal { .. } => "rrf",
        Method::Weighted { .. } => "weighted_sum",
        Method::Maximum => "max",
        Method::Tensor { .. } => "match_tensor",
    }
}
