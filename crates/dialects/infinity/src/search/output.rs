//! What is shown of each row or group, in which order.

use core::cmp::Ordering;
use std::collections::BTreeMap;

use model::{Object, PointId, Record, Term, Value};
use scalar::{Datum, Prepared};
use serde_json::Value as Out;

use super::aggregates::{compare, over};
use super::{Highlight, fulltext};
use crate::error::{Failure, code};
use crate::fde;
use crate::json::Json;
use crate::kinds::{Kind, Part};
use crate::shown;
use crate::table::{Column, Place, Table};
use crate::titles;
use crate::vocabulary::{
    Aggregate, Over, SEARCHED, Words, aggregate_name, computed_name, kind_of, of_computed,
};

/// A row that was found.
pub(crate) struct Row {
    pub(crate) record: Record,
    pub(crate) score: Option<f64>,
}

/// Under which name scores are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scoring {
    None,
    Score,
    Distance,
    Similarity,
}

impl Scoring {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Score => Some("_score"),
            Self::Distance => Some("_distance"),
            Self::Similarity => Some("_similarity"),
        }
    }
}

enum Item {
    Column(Column),
    /// What `fde` makes of the vectors of a column.
    Encoded {
        title: String,
        column: Column,
        target: i64,
    },
    Computed {
        name: &'static str,
        title: &'static str,
    },
    Term {
        title: String,
        term: Term,
        kind: Option<Kind>,
    },
}

/// How rows are shown.
pub(crate) struct Plan {
    items: Vec<Item>,
    aggregates: Vec<Aggregate>,
    groups: Option<Vec<Term>>,
    having: Option<Term>,
    sort: Vec<(Term, bool)>,
    scoring: Scoring,
}

impl Plan {
    /// Reads `output`, `group_by`, `having` and `sort`.
    pub(crate) fn read(table: &Table, body: &Json, scoring: Scoring) -> Result<Self, Failure> {
        let mut words = Words::of_output(table);
        let output = match body.get("output") {
            None => return Err(no_output()),
            Some(Json::List(list)) if list.is_empty() => return Err(no_output()),
            Some(Json::List(list)) => list,
            Some(_) => return Err(Failure::expression("`output` must be a list")),
        };
        let mut items = Vec::new();
        for item in output {
            let text = item.as_text();
            let text = text.ok_or_else(|| Failure::expression("an output is a text"))?;
            read_item(table, &mut words, text, scoring, &mut items)?;
        }
        let texts = |name: &str| -> Result<Vec<&str>, Failure> {
            match body.get(name) {
                None | Some(Json::Null) => Ok(Vec::new()),
                Some(Json::Text(text)) if text.trim().is_empty() => Ok(Vec::new()),
                Some(Json::Text(text)) => Ok(vec![text]),
                Some(Json::List(list)) => {
                    let texts: Option<Vec<&str>> = list.iter().map(Json::as_text).collect();
                    texts.ok_or_else(|| Failure::expression(format!("`{name}` is made of texts")))
                }
                Some(_) => Err(Failure::expression(format!("`{name}` must be a list"))),
            }
        };
        let mut groups = Vec::new();
        for text in texts("group_by")? {
            groups.push(words.term(text, code::EXPRESSION)?);
        }
        let having = match texts("having")?.as_slice() {
            [] => None,
            [text] => Some(words.term(text, code::EXPRESSION)?),
            _ => return Err(Failure::expression("`having` is one expression")),
        };
        let sort = read_sort(body, &mut words)?;
        let aggregates = words.aggregates.take().unwrap_or_default();
        let grouped = !groups.is_empty() || !aggregates.is_empty();
        if grouped {
            check_grouped(&items, &groups)?;
        }
        Ok(Self {
            items,
            aggregates,
            groups: grouped.then_some(groups),
            having,
            sort,
            scoring,
        })
    }

    /// Whether rows are shown one by one in the order in which they were found.
    pub(crate) fn keeps_order(&self) -> bool {
        self.groups.is_none() && self.sort.is_empty() && self.having.is_none()
    }

    /// The aggregates over each group as texts, when rows are grouped.
    pub(crate) fn groups(&self) -> Option<String> {
        self.groups.as_ref()?;
        let names = self.items.iter().filter_map(|item| match item {
            Item::Term { title, .. } => Some(title.as_str()),
            Item::Column(_) | Item::Encoded { .. } | Item::Computed { .. } => None,
        });
        Some(names.collect::<Vec<_>>().join(", "))
    }

    /// The rows or groups as answers have them.
    pub(crate) fn show(
        &self,
        rows: Vec<Row>,
        highlights: &[Highlight],
    ) -> Result<Vec<Out>, Failure> {
        let mut lines: Vec<Line> = rows.into_iter().map(|row| self.line(row)).collect();
        if let Some(groups) = &self.groups {
            lines = self.grouped(groups, lines);
        }
        if let Some(having) = &self.having {
            let having = Prepared::new(having);
            lines.retain(|line| having.holds(&line.fields));
        }
        self.order(&mut lines);
        let terms: Vec<Option<Prepared<'_>>> = self.items.iter().map(Item::prepared).collect();
        let line = |line: &Line| -> Out {
            let cells = self.items.iter().zip(&terms);
            cells
                .map(|(item, term)| item.show(line, term.as_ref(), highlights))
                .collect()
        };
        Ok(lines.iter().map(line).collect())
    }

    fn line(&self, row: Row) -> Line {
        let mut fields = row.record.payload.clone().unwrap_or_default();
        fields.insert(computed_name("_row_id"), id_value(&row.record.id));
        if let (Some(name), Some(score)) = (self.scoring.name(), row.score) {
            fields.insert(computed_name(name), Value::Float(score));
        }
        Line {
            record: Some(row.record),
            fields,
        }
    }

    /// One line per group, in the order in which groups first appear; the whole is one group when
    /// nothing divides it.
    fn grouped(&self, groups: &[Term], lines: Vec<Line>) -> Vec<Line> {
        let keys: Vec<Prepared<'_>> = groups.iter().map(Prepared::new).collect();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut found: Vec<Vec<Line>> = Vec::new();
        if groups.is_empty() {
            found.push(lines);
        } else {
            for line in lines {
                let key = keys.iter().map(|key| key.value(&line.fields).to_value());
                let key = format!("{:?}", key.collect::<Vec<_>>());
                let place = *places.entry(key).or_insert_with(|| {
                    found.push(Vec::new());
                    found.len() - 1
                });
                found[place].push(line);
            }
        }
        found.into_iter().map(|lines| self.group(lines)).collect()
    }

    fn group(&self, lines: Vec<Line>) -> Line {
        let values: Vec<Value> = self
            .aggregates
            .iter()
            .map(|aggregate| over(aggregate, &lines))
            .collect();
        let mut first = lines.into_iter().next().unwrap_or(Line {
            record: None,
            fields: Object::new(),
        });
        for (at, value) in values.into_iter().enumerate() {
            first.fields.insert(aggregate_name(at), value);
        }
        first
    }

    /// Stable, so that what is equal stays in the order in which it was found; nulls come last.
    fn order(&self, lines: &mut Vec<Line>) {
        if self.sort.is_empty() {
            return;
        }
        let terms: Vec<(Prepared<'_>, bool)> = self
            .sort
            .iter()
            .map(|(term, ascending)| (Prepared::new(term), *ascending))
            .collect();
        let mut keyed: Vec<(Vec<Value>, Line)> = lines
            .drain(..)
            .map(|line| {
                let keys = terms
                    .iter()
                    .map(|(term, _)| term.value(&line.fields).to_value());
                (keys.collect(), line)
            })
            .collect();
        keyed.sort_by(|(a, _), (b, _)| {
            let each = a.iter().zip(b).zip(&terms);
            each.map(|((a, b), (_, ascending))| compare(a, b, *ascending))
                .find(|order| *order != Ordering::Equal)
                .unwrap_or(Ordering::Equal)
        });
        lines.extend(keyed.into_iter().map(|(_, line)| line));
    }
}

fn no_output() -> Failure {
    Failure::new(code::NO_OUTPUT, "There are no select fields")
}

/// A row or a group: its values by name, what was computed among them.
pub(super) struct Line {
    record: Option<Record>,
    pub(super) fields: Object,
}

fn id_value(id: &PointId) -> Value {
    match id {
        PointId::Num(n) => Value::from(*n),
        PointId::Uuid(_) | PointId::Text(_) => Value::Str(id.to_string()),
    }
}

fn read_item(
    table: &Table,
    words: &mut Words<'_>,
    text: &str,
    scoring: Scoring,
    items: &mut Vec<Item>,
) -> Result<(), Failure> {
    let name = text.trim();
    if name == "*" {
        items.extend(table.columns.iter().cloned().map(Item::Column));
        return Ok(());
    }
    let lower = name.to_ascii_lowercase();
    let bare = lower
        .strip_suffix("()")
        .map_or(lower.clone(), |bare| format!("_{bare}"));
    if let Some(&(name, title)) = SEARCHED.iter().find(|(known, _)| *known == bare) {
        check_scored(name, scoring)?;
        items.push(Item::Computed { name, title });
        return Ok(());
    }
    if let Some(column) = table.column(name.trim_matches('"')) {
        items.push(Item::Column(column.clone()));
        return Ok(());
    }
    let unbound = |failure: Failure| match failure.code {
        code::NO_COLUMN => Failure::syntax(format!("Fail to bind the expression: {name}")),
        _ => failure,
    };
    let (expression, alias) = match titles::alias(name) {
        Some((expression, alias)) => (expression, Some(alias)),
        None => (name, None),
    };
    if let Some((column, target)) = encoded_column(table, expression)? {
        let title = alias.map_or_else(|| format!("fde({}, {target})", column.name), str::to_owned);
        items.push(Item::Encoded {
            title,
            column: column.clone(),
            target,
        });
        return Ok(());
    }
    let term = words.term(expression, code::EXPRESSION).map_err(unbound)?;
    let mut wrong = None;
    term.each_field(&mut |path| {
        if let Some(name) = of_computed(path) {
            wrong = wrong.take().or(check_scored(name, scoring).err());
        }
    });
    if let Some(failure) = wrong {
        return Err(failure);
    }
    let aggregates = words.aggregates.as_deref().unwrap_or_default();
    items.push(Item::Term {
        title: match alias {
            Some(alias) => alias.to_owned(),
            None => titles::of(&term, aggregates),
        },
        kind: output_kind(table, &term, aggregates),
        term,
    });
    Ok(())
}

/// The column and the length in `fde(column, 8)`; columns of vectors stand in no other expression.
fn encoded_column<'t>(table: &'t Table, text: &str) -> Result<Option<(&'t Column, i64)>, Failure> {
    let inside = || {
        let (name, rest) = text.split_once('(')?;
        let is_function = name.trim().eq_ignore_ascii_case("fde");
        let inside = rest.trim_end().strip_suffix(')').filter(|_| is_function)?;
        let (column, target) = inside.split_once(',')?;
        let column = table.column(column.trim().trim_matches('"'))?;
        Some((column, target.trim()))
    };
    let Some((column, target)) = inside() else {
        return Ok(None);
    };
    let wrong = || {
        Failure::new(
            code::FUNCTION_ARGUMENTS,
            "`fde` does not take these arguments",
        )
    };
    let target: i64 = target.parse().map_err(|_| wrong())?;
    let has_rows = matches!(
        &column.kind,
        Kind::Vector(rows) | Kind::MultiVector(rows) | Kind::Tensor(rows)
            if rows.element != Part::Bit
    );
    // A tensor of one number tells whether the length is one.
    match has_rows && fde::Asked::new(vec![0.0], 1, target).is_ok() {
        true => Ok(Some((column, target))),
        false => Err(wrong()),
    }
}

/// The type of what a term shows, where it is that of a column.
fn output_kind(table: &Table, term: &Term, aggregates: &[Aggregate]) -> Option<Kind> {
    if let Term::Field(path) = term
        && let Some(name) = of_computed(path)
    {
        let aggregate = aggregates.get(name.parse::<usize>().ok()?)?;
        return match aggregate.over {
            Over::First | Over::Maximum | Over::Minimum => {
                kind_of(table, aggregate.of.as_ref()?).cloned()
            }
            Over::Average | Over::Count | Over::Sum => None,
        };
    }
    kind_of(table, term).cloned()
}

/// Refuses a score that the search does not give.
fn check_scored(name: &str, scoring: Scoring) -> Result<(), Failure> {
    if !SEARCHED.iter().any(|(known, _)| *known == name) || name == "_row_id" {
        return Ok(());
    }
    match scoring.name() == Some(name) {
        true => Ok(()),
        false => Err(Failure::syntax(format!(
            "{name} needs a search that gives it"
        ))),
    }
}

fn read_sort(body: &Json, words: &mut Words<'_>) -> Result<Vec<(Term, bool)>, Failure> {
    let items = match body.get("sort") {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(Json::List(items)) => items,
        Some(_) => return Err(Failure::expression("`sort` must be a list")),
    };
    let mut sort = Vec::new();
    for item in items {
        let fields = item.as_object();
        let fields = fields.ok_or_else(|| Failure::expression("a sort is an object"))?;
        for (text, direction) in fields {
            let direction = direction.as_text().unwrap_or_default().to_ascii_lowercase();
            let ascending = match direction.as_str() {
                "asc" => true,
                "desc" => false,
                other => {
                    return Err(Failure::expression(format!(
                        "Invalid sort direction: {other}"
                    )));
                }
            };
            sort.push((words.term(text, code::EXPRESSION)?, ascending));
        }
    }
    Ok(sort)
}

/// Refuses a column that differs within a group.
fn check_grouped(items: &[Item], groups: &[Term]) -> Result<(), Failure> {
    for item in items {
        match item {
            Item::Column(column) => {
                let in_groups = groups.iter().any(|group| match (group, &column.place) {
                    (Term::Field(path), Place::Payload(own)) => path == own,
                    _ => false,
                });
                if !in_groups {
                    let text = format!("Column {} is not in GROUP BY", column.name);
                    return Err(Failure::new(code::NOT_IN_GROUP_BY, text));
                }
            }
            Item::Encoded { title, .. } => {
                let text = format!("{title} is not in GROUP BY");
                return Err(Failure::new(code::NOT_IN_GROUP_BY, text));
            }
            Item::Computed { title, .. } => {
                let text = format!("{title} is not in GROUP BY");
                return Err(Failure::new(code::NOT_IN_GROUP_BY, text));
            }
            Item::Term { .. } => {}
        }
    }
    Ok(())
}

impl Item {
    fn prepared(&self) -> Option<Prepared<'_>> {
        match self {
            Self::Term { term, .. } => Some(Prepared::new(term)),
            Self::Column(_) | Self::Encoded { .. } | Self::Computed { .. } => None,
        }
    }

    fn show(&self, line: &Line, term: Option<&Prepared<'_>>, highlights: &[Highlight]) -> Out {
        match self {
            Self::Column(column) => {
                let cell = line
                    .record
                    .as_ref()
                    .and_then(|record| shown::cell(column, record));
                let mark = highlights.iter().find(|mark| mark.column == column.name);
                let cell = match (mark, cell) {
                    (Some(mark), Some(Out::String(text))) => {
                        let marked = fulltext::highlighted(&mark.analysis, &mark.tokens, &text);
                        Some(Out::String(marked))
                    }
                    (_, cell) => cell,
                };
                shown::titled(&column.name, cell)
            }
            Self::Encoded {
                title,
                column,
                target,
            } => {
                let record = line.record.as_ref();
                let cell = record.and_then(|record| shown::encoded(column, record, *target));
                shown::titled(title, cell)
            }
            Self::Computed { name, title } => {
                let value = line.fields.get(&computed_name(name));
                let cell = value.and_then(|value| match value {
                    Value::Float(x) => Some(shown::single(*x as f32)),
                    other => shown::of_datum(None, &Datum::from(other)),
                });
                shown::titled(title, cell)
            }
            Self::Term { title, kind, .. } => {
                let value = term.map(|term| term.value(&line.fields));
                let cell = value.and_then(|value| shown::of_datum(kind.as_ref(), &value));
                shown::titled(title, cell)
            }
        }
    }
}
