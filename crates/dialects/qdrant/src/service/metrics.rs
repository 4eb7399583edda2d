//! Metrics in the Prometheus text format.

use core::fmt::Write;

use gateway::Call;
use model::{CollectionRef, DatabaseName, Query, Reply};

use super::VERSION;
use crate::envelope::{self, Answer};
use crate::request;

/// Appends the help and type lines of a metric.
fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
}

/// `value` as it may stand in a label.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// `GET /metrics`
pub(crate) async fn metrics(call: &Call<'_>) -> Answer {
    let mut text = String::new();
    head(
        &mut text,
        "app_info",
        "gauge",
        "information about the interface",
    );
    text.push_str(&format!(
        "app_info{{name=\"qdrant\",version=\"{VERSION}\"}} 1\n"
    ));
    collections(call, &mut text).await?;
    responses(call, &mut text);
    text.push_str(&call.context.metrics.metrics());
    envelope::text(text)
}

async fn collections(call: &Call<'_>, text: &mut String) -> Result<(), crate::error::Failure> {
    let database = DatabaseName::default();
    let names = match request::query(call, Query::ListCollections(database.clone())).await? {
        Reply::Collections(names) => names,
        other => return Err(other.unexpected().into()),
    };
    head(text, "collections_total", "gauge", "number of collections");
    text.push_str(&format!("collections_total {}\n", names.len()));
    let (mut points, mut vectors) = (String::new(), String::new());
    for name in names {
        let collection = CollectionRef {
            database: database.clone(),
            name,
        };
        // A collection may be dropped between the two questions.
        if let Ok(Reply::Collection(info)) = call
            .executor
            .query(Query::DescribeCollection(collection))
            .await
        {
            let id = escaped(info.name.as_str());
            points.push_str(&format!(
                "collection_points{{id=\"{id}\"}} {}\n",
                info.points
            ));
            let indexed = info.indexed_vectors;
            vectors.push_str(&format!(
                "collection_indexed_vectors{{id=\"{id}\"}} {indexed}\n"
            ));
        }
    }
    head(
        text,
        "collection_points",
        "gauge",
        "number of points per collection",
    );
    text.push_str(&points);
    head(
        text,
        "collection_indexed_vectors",
        "gauge",
        "number of indexed vectors",
    );
    text.push_str(&vectors);
    Ok(())
}

fn responses(call: &Call<'_>, text: &mut String) {
    let counts = call.counters.snapshot();
    head(
        text,
        "rest_responses_total",
        "counter",
        "total number of responses",
    );
    let (mut sums, mut maxima) = (String::new(), String::new());
    for count in &counts {
        let labels = format!(
            "method=\"{}\",endpoint=\"{}\",status=\"{}\"",
            count.method, count.path, count.status
        );
        let seconds = |micros: u64| micros as f64 / 1e6;
        text.push_str(&format!(
            "rest_responses_total{{{labels}}} {}\n",
            count.responses
        ));
        let (sum, max) = (seconds(count.micros), seconds(count.micros_max));
        let written = writeln!(
            sums,
            "rest_responses_duration_seconds_sum{{{labels}}} {sum}"
        )
        .and(writeln!(
            maxima,
            "rest_responses_max_duration_seconds{{{labels}}} {max}"
        ));
        written.expect("writing to a string cannot fail");
    }
    let name = "rest_responses_duration_seconds_sum";
    head(text, name, "counter", "total time of responses");
    text.push_str(&sums);
    head(
        text,
        "rest_responses_max_duration_seconds",
        "gauge",
        "longest response",
    );
    text.push_str(&maxima);
}
