//! Hints: what would make requests quicker, noticed while they are answered.

use std::collections::BTreeMap;

use gateway::Call;
use model::{
    CollectionRef, DatabaseName, FieldKind, FieldPath, Filter, Query, Reply, Schema, Timestamp,
};
use serde::Serialize;

use crate::collections;
use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::memory::Remembered;
use crate::request;
use crate::strict;

/// So many hints are kept; keys come from requests, so their number must have an end.
const HINTS_MAX: usize = 256;

/// With more collections than this, points had better share some of them.
const COLLECTIONS_MAX: usize = 30;

/// Keys that filters ask for and no index answers.
#[derive(Default)]
pub(crate) struct Hints(BTreeMap<(String, FieldPath), Unindexed>);

struct Unindexed {
    /// Kinds of index that would have answered.
    kinds: &'static [FieldKind],
    /// When it was noticed first, in milliseconds since 1970.
    at_ms: u64,
}

/// Notices a key of `filter` that no index answers.
pub(crate) fn notice(
    call: &Call<'_>,
    collection: &CollectionRef,
    schema: &Schema,
    filter: &Filter,
) {
    let Some((path, kinds)) = strict::unindexed(filter, schema) else {
        return;
    };
    let mut hints = Remembered::of(call).hints();
    let key = (collection.name.as_str().to_owned(), path);
    if hints.0.len() < HINTS_MAX && !hints.0.contains_key(&key) {
        let at_ms = call.context.clock.unix_ms();
        hints.0.insert(key, Unindexed { kinds, at_ms });
    }
}

#[derive(Serialize)]
struct Issues {
    issues: Vec<Issue>,
}

#[derive(Serialize)]
struct Issue {
    id: String,
    description: String,
    solution: Solution,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    related_collection: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Solution {
    Immediate(Box<Step>),
    ImmediateChoice(Vec<Step>),
    Refactor(String),
}

#[derive(Serialize)]
struct Step {
    message: String,
    action: Action,
}

#[derive(Serialize)]
struct Action {
    method: &'static str,
    uri: String,
    headers: BTreeMap<&'static str, &'static str>,
    body: NewIndex,
}

#[derive(Serialize)]
struct NewIndex {
    field_name: String,
    field_schema: &'static str,
}

/// `GET /issues`
pub(crate) async fn list(call: &Call<'_>) -> Answer {
    let mut issues = crowded(call).await?;
    let noticed: Vec<_> = {
        let hints = Remembered::of(call).hints();
        let copy = |(key, hint): (&(String, FieldPath), &Unindexed)| {
            (key.0.clone(), key.1.clone(), hint.kinds, hint.at_ms)
        };
        hints.0.iter().map(copy).collect()
    };
    for (name, path, kinds, at_ms) in noticed {
        // Whoever has made the index, or dropped the collection, has taken the hint.
        let Ok(collection) = CollectionRef::in_default(&name) else {
            continue;
        };
        let Ok(schema) = request::schema(call, collection).await else {
            continue;
        };
        let index = schema.index(&path);
        if index.is_none_or(|index| !kinds.contains(&index.params.kind)) {
            issues.push(unindexed(&name, &path, kinds, at_ms));
        }
    }
    envelope::ok(call, Issues { issues })
}

/// `DELETE /issues`
pub(crate) async fn clear(call: &Call<'_>) -> Answer {
    Remembered::of(call).hints().0.clear();
    envelope::ok(call, true)
}

fn unindexed(name: &str, path: &FieldPath, kinds: &[FieldKind], at_ms: u64) -> Issue {
    let step = |kind: &FieldKind| {
        let kind = collections::data_type(*kind);
        Step {
            message: format!(
                "Create an index of type `{kind}` on the field `{path}` of the collection `{name}`."
            ),
            action: Action {
                method: "PUT",
                uri: format!("/collections/{name}/index"),
                headers: [("content-type", "application/json")].into(),
                body: NewIndex {
                    field_name: path.to_string(),
                    field_schema: kind,
                },
            },
        }
    };
    let mut steps: Vec<Step> = kinds.iter().map(step).collect();
    let solution = match steps.len() {
        1 => Solution::Immediate(Box::new(steps.remove(0))),
        _ => Solution::ImmediateChoice(steps),
    };
    Issue {
        id: format!("UNINDEXED_FIELD/{name}/{path}"),
        description: format!(
            "Filters of requests to the collection `{name}` use the field `{path}`, which has no \
             index that answers them"
        ),
        solution,
        timestamp: moment(at_ms),
        related_collection: Some(name.to_owned()),
    }
}

/// A hint when there are many collections.
async fn crowded(call: &Call<'_>) -> Result<Vec<Issue>, Failure> {
    let query = Query::ListCollections(DatabaseName::default());
    let count = match request::query(call, query).await? {
        Reply::Collections(names) => names.len(),
        other => return Err(other.unexpected().into()),
    };
    if count <= COLLECTIONS_MAX {
        return Ok(Vec::new());
    }
    let issue = Issue {
        id: "TOO_MANY_COLLECTIONS".to_owned(),
        description: format!("There are {count} collections, each with a cost of its own"),
        solution: Solution::Refactor(
            "Put points that are alike into one collection, told apart by a payload field with an \
             index."
                .to_owned(),
        ),
        timestamp: moment(call.context.clock.unix_ms()),
        related_collection: None,
    };
    Ok(vec![issue])
}

/// A moment of the wall clock as RFC 3339 writes it.
pub(crate) fn moment(unix_ms: u64) -> String {
    let micros = i64::try_from(unix_ms.saturating_mul(1000)).unwrap_or(i64::MAX);
    Timestamp(micros).to_string()
}
