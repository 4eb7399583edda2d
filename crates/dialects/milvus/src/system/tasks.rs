//! Load, flush, compact, release: what they ask for, Skerry does on its own.
//!
//! A write is durable when it is answered, segments with many deleted rows are rewritten in the
//! background, and memory is the business of the operating system. What remains is to say whether
//! the names are right, and for `load` to open the collection.

use gateway::Call;
use model::{Query, Reply};
use serde_json::Value;

use crate::body::{self, Fields};
use crate::envelope::{self, Answer};
use crate::error::{Code, Failure};
use crate::names;
use crate::scope::Scope;
use crate::view::View;

/// Does a task.
pub(super) async fn task(call: &Call<'_>) -> Answer {
    perform(call).await?;
    envelope::done()
}

async fn perform(call: &Call<'_>) -> Result<(), Failure> {
    let fields = body::fields(call)?;
    let known = ["load", "flush", "compact", "release"];
    let found = known
        .iter()
        .find_map(|name| fields.get(*name).map(|body| (*name, body)));
    let Some((name, asked)) = found else {
        let message = "Unknown task: one of load, flush, compact, release is expected";
        return Err(Failure::new(Code::IllegalBody, message));
    };
    let Value::Object(asked) = asked else {
        return Err(Failure::not_a(name, "an object"));
    };
    match name {
        "flush" => flush(call, asked).await,
        "compact" => named(call, asked).await.map(|_| ()),
        "load" => load(call, asked).await,
        _ => partitions_exist(&named(call, asked).await?, asked),
    }
}

async fn flush(call: &Call<'_>, asked: &Fields) -> Result<(), Failure> {
    let names = asked.get("collection_names");
    let names = names.filter(|names| names.is_array());
    let names = names.ok_or_else(|| Failure::missing("collection_names"))?;
    for name in body::texts(names, "collection_names", Code::IllegalBody)? {
        View::open(call, names::collection(name)?).await?;
    }
    Ok(())
}

/// The collection that the task names.
async fn named(call: &Call<'_>, asked: &Fields) -> Result<View, Failure> {
    let name = body::text(asked, "collection_name")?;
    let name = name.ok_or_else(|| Failure::missing("collection_name"))?;
    View::open(call, names::collection(name)?).await
}

async fn load(call: &Call<'_>, asked: &Fields) -> Result<(), Failure> {
    let view = named(call, asked).await?;
    partitions_exist(&view, asked)?;
    // Its description needs all of it.
    let query = Query::DescribeCollection(view.collection);
    match call.executor.query(query).await? {
        Reply::Collection(_) => Ok(()),
        other => Err(other.unexpected().into()),
    }
}

fn partitions_exist(view: &View, asked: &Fields) -> Result<(), Failure> {
    match asked.get("partition_tags") {
        None | Some(Value::Null) => Ok(()),
        Some(tags) => {
            let tags = body::texts(tags, "partition_tags", Code::IllegalBody)?;
            if tags.is_empty() {
                return Ok(());
            }
            Scope::matching(&view.kept, &tags).map(|_| ())
        }
    }
}
