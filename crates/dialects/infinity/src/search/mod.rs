//! Rows found, computed, sorted, grouped and shown.
//!
//! | module | what |
//! |---|---|
//! | `matching`, `textual`, `params` | read the items of `search` |
//! | `score` | carries them out and fuses their results |
//! | `syntax`, `analysis`, `fulltext`, `features` | text queries, tokens, BM25, weights by name |
//! | `explain` | says what would be done |
//! | `output`, `aggregates` | what is shown of each row or group |

mod aggregates;
pub(crate) mod analysis;
mod explain;
pub(crate) mod features;
pub(crate) mod fulltext;
mod matching;
mod output;
mod params;
mod score;
mod syntax;
mod textual;

pub(crate) use explain::explain;

use std::collections::{BTreeMap, BTreeSet};

use gateway::Call;
use model::{Filter, PointId, Query, Record, Reply};
use serde_json::{Map, Value as Out};

use self::analysis::Analysis;
use self::matching::{Match, What};
use self::output::{Plan, Row, Scoring};
use crate::answer::{Answer, ok};
use crate::documents;
use crate::error::{Failure, code};
use crate::json::Json;
use crate::request;
use crate::table::Table;
use crate::vocabulary::Words;

/// The keys of a search.
const KEYS: &[&str] = &[
    "output",
    "highlight",
    "filter",
    "search",
    "sort",
    "group_by",
    "having",
    "limit",
    "offset",
    "option",
];

/// `GET …/docs`, `POST …/docs/search`
pub(crate) async fn select(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let table = Table::of(call).await?;
    let asked = Asked::read(&table, &body, &[])?;
    let (shown, hits) = asked.run(call, &table).await?;
    let mut answer = Map::new();
    if !shown.is_empty() {
        answer.insert("output".into(), Out::Array(shown));
    }
    if let Some(hits) = hits {
        answer.insert("total_hits_count".into(), hits.into());
    }
    ok(Out::Object(answer))
}

/// What a body asks for.
struct Asked<'t> {
    limit: Option<usize>,
    offset: usize,
    counts: bool,
    filter: Option<Filter>,
    search: Searching<'t>,
    plan: Plan,
    highlights: Vec<Highlight>,
    /// So many rows are enough when nothing orders them otherwise.
    enough: usize,
}

impl<'t> Asked<'t> {
    /// `others` are keys beside those of a search.
    fn read(table: &'t Table, body: &Json, others: &[&str]) -> Result<Self, Failure> {
        let fields = body.as_object();
        let fields = fields.ok_or_else(|| Failure::json("the body must be an object"))?;
        for (key, _) in fields {
            let lower = key.to_ascii_lowercase();
            if !KEYS.contains(&lower.as_str()) && !others.contains(&lower.as_str()) {
                return Err(Failure::expression(format!("Unknown expression: {key}")));
            }
        }
        let limit = count(body, "limit")?;
        if limit == Some(0) {
            return Err(Failure::syntax("Limit should be larger than 0"));
        }
        let offset = count(body, "offset")?.unwrap_or(0);
        let counts = counts_hits(body, limit)?;
        let filter = match body.get("filter") {
            None => None,
            Some(Json::Text(text)) if text.trim().is_empty() => None,
            Some(Json::Text(text)) => Some(Words::of_filter(table).filter(text, code::EXPRESSION)?),
            Some(_) => return Err(Failure::expression("`filter` must be a text")),
        };
        let search = Searching::read(table, body)?;
        let plan = Plan::read(table, body, search.scoring()?)?;
        let highlights = highlights(table, body, &search)?;
        // Without an order of another kind no more rows are needed than are shown.
        let enough = match (search.is_empty() && plan.keeps_order(), limit) {
            (true, Some(limit)) => offset.saturating_add(limit),
            (true, None) | (false, _) => usize::MAX,
        };
        Ok(Self {
            limit,
            offset,
            counts,
            filter,
            search,
            plan,
            highlights,
            enough,
        })
    }

    /// The rows as they are shown, and how many there are when that was asked.
    async fn run(
        &self,
        call: &Call<'_>,
        table: &Table,
    ) -> Result<(Vec<Out>, Option<u64>), Failure> {
        let filter = self.filter.clone();
        let rows = self.search.run(call, table, filter.clone(), self.enough);
        let rows = rows.await?;
        let hits = match self.counts {
            false => None,
            true if self.enough == usize::MAX => Some(rows.len() as u64),
            true => Some(count_all(call, table, filter).await?),
        };
        let mut shown = self.plan.show(rows, &self.highlights)?;
        shown.drain(..self.offset.min(shown.len()));
        shown.truncate(self.limit.unwrap_or(usize::MAX));
        Ok((shown, hits))
    }
}

/// A number that a body gives as a text or as a number.
fn count(body: &Json, name: &str) -> Result<Option<usize>, Failure> {
    match body.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => {
            let n = value.as_count().and_then(|n| usize::try_from(n).ok());
            let wrong = || Failure::expression(format!("`{name}` must be a number from 0"));
            n.map(Some).ok_or_else(wrong)
        }
    }
}

fn counts_hits(body: &Json, limit: Option<usize>) -> Result<bool, Failure> {
    let Some(option) = body.get("option").filter(|option| **option != Json::Null) else {
        return Ok(false);
    };
    let fields = option.as_object();
    let fields = fields.ok_or_else(|| Failure::expression("`option` must be an object"))?;
    let mut counts = false;
    for (name, value) in fields {
        if !name.eq_ignore_ascii_case("total_hits_count") {
            return Err(Failure::new(
                code::QUERY_OPTION,
                format!("Invalid query option: {name}"),
            ));
        }
        counts = match value {
            Json::Bool(truth) => *truth,
            Json::Text(text) => text.eq_ignore_ascii_case("true"),
            _ => {
                return Err(Failure::new(
                    code::QUERY_OPTION,
                    "total_hits_count must be true or false",
                ));
            }
        };
    }
    if counts && limit.is_none() {
        return Err(Failure::syntax("total_hits_count needs a limit"));
    }
    Ok(counts)
}

async fn count_all(call: &Call<'_>, table: &Table, filter: Option<Filter>) -> Result<u64, Failure> {
    let asked = Query::Count {
        collection: table.collection.clone(),
        filter,
        exact: true,
    };
    match request::query(call, asked).await? {
        Reply::Count(count) => Ok(count),
        other => Err(other.unexpected().into()),
    }
}

/// The matches and fusions of a search.
struct Searching<'t> {
    matches: Vec<Match<'t>>,
    fusions: Vec<matching::Fusion<'t>>,
}

impl<'t> Searching<'t> {
    fn read(table: &'t Table, body: &Json) -> Result<Self, Failure> {
        let items = match body.get("search") {
            None => &[][..],
            Some(Json::List(items)) => items,
            Some(_) => return Err(Failure::expression("`search` must be a list")),
        };
        let mut search = Self {
            matches: Vec::new(),
            fusions: Vec::new(),
        };
        for item in items {
            match matching::is_match(item)? {
                true => search.matches.push(matching::read(table, item)?),
                false => search.fusions.push(matching::fusion(table, item)?),
            }
        }
        let filtered = body.get("filter").and_then(Json::as_text);
        let outer = filtered.is_some_and(|text| !text.trim().is_empty());
        if outer && search.matches.iter().any(|one| one.filter.is_some()) {
            return Err(Failure::syntax(
                "a filter stands inside a match and outside",
            ));
        }
        if search.matches.is_empty() && !search.fusions.is_empty() {
            return Err(Failure::expression("a fusion needs matches"));
        }
        if search.matches.len() > 1 && search.fusions.is_empty() {
            return Err(Failure::expression("several matches need a fusion"));
        }
        Ok(search)
    }

    fn is_empty(&self) -> bool {
        self.matches.is_empty()
    }

    /// Under which name the scores are shown.
    fn scoring(&self) -> Result<Scoring, Failure> {
        Ok(match self.matches.as_slice() {
            [] => Scoring::None,
            _ if !self.fusions.is_empty() => Scoring::Score,
            [one, ..] => match &one.what {
                What::Dense { measure, .. } if measure.is_distance() => Scoring::Distance,
                What::Dense { .. } | What::Sparse { .. } => Scoring::Similarity,
                What::Tensor { .. } | What::Text { .. } => Scoring::Score,
            },
        })
    }

    async fn run(
        &self,
        call: &Call<'_>,
        table: &Table,
        filter: Option<Filter>,
        enough: usize,
    ) -> Result<Vec<Row>, Failure> {
        let select = documents::everything();
        if self.matches.is_empty() {
            let rows = documents::scan(call, &table.collection, filter, select, enough).await?;
            let row = |record| Row {
                record,
                score: None,
            };
            return Ok(rows.into_iter().map(row).collect());
        }
        let mut found = Vec::new();
        for one in &self.matches {
            let own = match &one.filter {
                None => filter.clone(),
                Some(text) => Some(Words::of_filter(table).filter(text, code::EXPRESSION)?),
            };
            found.push(score::find(call, table, one, own).await?);
        }
        for fusion in &self.fusions {
            found = vec![score::fuse(call, table, fusion, &found).await?];
        }
        let rows = found.pop().map(|found| found.rows).unwrap_or_default();
        self.with_records(call, table, rows).await
    }

    async fn with_records(
        &self,
        call: &Call<'_>,
        table: &Table,
        rows: Vec<(PointId, f64)>,
    ) -> Result<Vec<Row>, Failure> {
        let asked = Query::Retrieve {
            collection: table.collection.clone(),
            ids: rows.iter().map(|(id, _)| id.clone()).collect(),
            select: documents::everything(),
        };
        let records = match request::query(call, asked).await? {
            Reply::Records(records) => records,
            other => return Err(other.unexpected().into()),
        };
        let mut records: BTreeMap<PointId, Record> = records
            .into_iter()
            .map(|record| (record.id.clone(), record))
            .collect();
        // A row that was deleted in between is left out.
        let row = |(id, score): (PointId, f64)| {
            let record = records.remove(&id)?;
            Some(Row {
                record,
                score: Some(score),
            })
        };
        Ok(rows.into_iter().filter_map(row).collect())
    }
}

/// What is marked in the columns of `highlight`.
pub(crate) struct Highlight {
    column: String,
    analysis: Analysis,
    tokens: BTreeSet<String>,
}

fn highlights(
    table: &Table,
    body: &Json,
    search: &Searching<'_>,
) -> Result<Vec<Highlight>, Failure> {
    let names = match body.get("highlight") {
        None => return Ok(Vec::new()),
        Some(Json::List(names)) => names,
        Some(_) => return Err(Failure::expression("`highlight` must be a list")),
    };
    let mut words = Vec::new();
    for one in &search.matches {
        if let What::Text { text, all, .. } = &one.what {
            fulltext::words(&syntax::read(text, *all)?, &mut words);
        }
    }
    names
        .iter()
        .map(|name| {
            let name = name.as_text();
            let name = name.ok_or_else(|| Failure::expression("a column is a text"))?;
            let mut searched = fulltext::searched(table, name, &[])?;
            let one = searched.pop();
            let one = one.ok_or_else(|| Failure::no_column(name))?;
            let tokens = words
                .iter()
                .flat_map(|text| one.analysis.tokens(text))
                .flatten();
            Ok(Highlight {
                column: one.column.name.clone(),
                tokens: tokens.collect(),
                analysis: one.analysis,
            })
        })
        .collect()
}
