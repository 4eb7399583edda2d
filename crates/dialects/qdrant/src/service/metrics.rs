//! Metrics in the Prometheus text format, under the names of Qdrant.

use core::fmt::{Display, Write};

use gateway::counters::BUCKETS_MICROS;
use gateway::{Call, Count};
use model::CollectionInfo;

use super::VERSION;
use super::telemetry::{anonymous, described};
use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::memory::Remembered;
use crate::request;

/// Text under construction.
#[derive(Default)]
struct Text(String);

impl Text {
    /// Begins a family; its samples follow.
    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> &mut Self {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"))
    }

    /// A sample of the family just begun.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        let mut shown = String::new();
        for (name, label) in labels {
            let separator = if shown.is_empty() { "{" } else { "," };
            let label = escaped(label);
            write!(shown, "{separator}{name}=\"{label}\"").expect("writing to a string works");
        }
        let close = if shown.is_empty() { "" } else { "}" };
        self.line(format_args!("{name}{shown}{close} {value}"))
    }

    /// A family of one sample without labels.
    fn single(&mut self, name: &'static str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help).sample(name, &[], value);
    }

    fn line(&mut self, line: core::fmt::Arguments<'_>) -> &mut Self {
        writeln!(self.0, "{line}").expect("writing to a string works");
        self
    }
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
    request::read_parameters(call)?;
    let anonymize = request::parameter(call, "anonymize")?.unwrap_or(false);
    let per_collection = request::parameter(call, "per_collection")?.unwrap_or(false);
    let mut text = Text::default();
    let name = "app_info";
    text.family(name, "gauge", "information about the interface")
        .sample(name, &[("name", "qdrant"), ("version", VERSION)], 1);
    let help = "is application running in recovery mode";
    text.single("app_status_recovery_mode", "gauge", help, 0);
    collections(call, &mut text, anonymize).await?;
    text.single("cluster_enabled", "gauge", "is cluster support enabled", 0);
    responses(&mut text, &samples(call, per_collection, anonymize));
    resources(call, &mut text);
    let mut text = text.0;
    text.push_str(&call.context.metrics.metrics());
    envelope::text(text)
}

/// A family with one sample per collection.
fn per_collection<V: Display>(
    text: &mut Text,
    described: &[(String, CollectionInfo)],
    (name, help): (&'static str, &str),
    value: impl Fn(&CollectionInfo) -> V,
) {
    text.family(name, "gauge", help);
    for (id, info) in described {
        text.sample(name, &[("id", id)], value(info));
    }
}

async fn collections(call: &Call<'_>, text: &mut Text, anonymize: bool) -> Result<(), Failure> {
    let described = described(call).await?.into_iter().map(|info| {
        let name = info.name.as_str();
        let id = if anonymize {
            anonymous(name)
        } else {
            name.to_owned()
        };
        (id, info)
    });
    let described: Vec<(String, CollectionInfo)> = described.collect();
    let total = described.len();
    text.single("collections_total", "gauge", "number of collections", total);
    let vectors: u64 = described.iter().flat_map(|(_, info)| &info.vectors).sum();
    let help = "total number of vectors in all collections";
    text.single("collections_vector_total", "gauge", help, vectors);
    let name = "collection_vectors";
    text.family(name, "gauge", "amount of vectors grouped by vector name");
    for (id, info) in &described {
        for (field, count) in info.schema.vectors.iter().zip(&info.vectors) {
            let labels = [("collection", id.as_str()), ("vector", field.name.as_str())];
            text.sample(name, &labels, count);
        }
    }
    let family = (
        "collection_points",
        "approximate amount of points per collection",
    );
    per_collection(text, &described, family, |info| info.points);
    let family = ("collection_indexed_vectors", "number of indexed vectors");
    per_collection(text, &described, family, |info| info.indexed_vectors);
    let family = (
        "collection_running_optimizations",
        "number of currently running optimization tasks per collection",
    );
    per_collection(text, &described, family, |info| {
        u8::from(info.status == model::Status::Optimizing)
    });
    let family = (
        "collection_update_queue_length",
        "number of pending operations in update queues per collection",
    );
    per_collection(text, &described, family, |info| info.queued);
    let name = "collection_update_queue_deferred_points";
    per_collection(
        text,
        &described,
        (name, "points that reads do not see yet"),
        |_| 0,
    );
    // One process holds the only replica of each.
    let replicas = u8::from(!described.is_empty());
    let help = "minimum number of active replicas across all shards";
    text.single("collection_active_replicas_min", "gauge", help, replicas);
    let help = "maximum number of active replicas across all shards";
    text.single("collection_active_replicas_max", "gauge", help, replicas);
    let help = "total amount of shard replicas in non-active state";
    text.single("collection_dead_replicas", "gauge", help, 0);
    Ok(())
}

/// Counts of responses, each with the collection that it is about where they are told apart.
fn samples(call: &Call<'_>, apart: bool, anonymize: bool) -> Vec<(Option<String>, Count)> {
    let all = call.counters.snapshot().into_iter();
    if !apart {
        return all.map(|count| (None, count)).collect();
    }
    let mut samples: Vec<_> = all
        .filter(|count| !count.path.contains("{collection_name}"))
        .map(|count| (None, count))
        .collect();
    for (name, counts) in call.counters.by_collection() {
        let name = if anonymize { anonymous(&name) } else { name };
        samples.extend(counts.into_iter().map(|count| (Some(name.clone()), count)));
    }
    samples
}

fn responses(text: &mut Text, samples: &[(Option<String>, Count)]) {
    type Value = fn(&Count) -> f64;
    let counters: [(&str, &str, &str, Value); 5] = [
        (
            "rest_responses_total",
            "counter",
            "total number of responses",
            |count| count.responses as f64,
        ),
        (
            "rest_responses_fail_total",
            "counter",
            "total number of failed responses",
            |count| {
                if count.status < 500 {
                    0.0
                } else {
                    count.responses as f64
                }
            },
        ),
        (
            "rest_responses_avg_duration_seconds",
            "gauge",
            "average response duration",
            |count| count.micros as f64 / count.responses as f64 / 1e6,
        ),
        (
            "rest_responses_min_duration_seconds",
            "gauge",
            "minimum response duration",
            |count| count.micros_min as f64 / 1e6,
        ),
        (
            "rest_responses_max_duration_seconds",
            "gauge",
            "maximum response duration",
            |count| count.micros_max as f64 / 1e6,
        ),
    ];
    for (name, kind, help, value) in counters {
        text.family(name, kind, help);
        // Refusals are quick, and would hide how long the answers take.
        let timed = kind == "gauge";
        for (collection, count) in samples.iter().filter(|(_, c)| !timed || c.status == 200) {
            with_labels(collection.as_deref(), count, |labels| {
                text.sample(name, labels, value(count));
            });
        }
    }
    histogram(text, samples);
}

fn histogram(text: &mut Text, samples: &[(Option<String>, Count)]) {
    let name = "rest_responses_duration_seconds";
    text.family(name, "histogram", "response duration histogram");
    for (collection, count) in samples.iter().filter(|(_, count)| count.status == 200) {
        with_labels(collection.as_deref(), count, |labels| {
            let bounds = BUCKETS_MICROS.map(|micros| (micros as f64 / 1e6).to_string());
            let bounds = bounds.iter().map(String::as_str).chain(["+Inf"]);
            let within = count.buckets.iter().chain([&count.responses]);
            let mut labels = labels.to_vec();
            for (bound, within) in bounds.zip(within) {
                labels.push(("le", bound));
                text.sample("rest_responses_duration_seconds_bucket", &labels, within);
                labels.pop();
            }
            let sum = count.micros as f64 / 1e6;
            text.sample("rest_responses_duration_seconds_sum", &labels, sum);
            let name = "rest_responses_duration_seconds_count";
            text.sample(name, &labels, count.responses);
        });
    }
}

fn with_labels(collection: Option<&str>, count: &Count, f: impl FnOnce(&[(&str, &str)])) {
    let status = count.status.to_string();
    let mut labels = vec![
        ("method", count.method.as_str()),
        ("endpoint", count.path),
        ("status", status.as_str()),
    ];
    labels.extend(collection.map(|name| ("collection", name)));
    f(&labels);
}

fn resources(call: &Call<'_>, text: &mut Text) {
    let resources = Remembered::resources(call);
    if let Some(bytes) = resources.anonymous_bytes {
        let help = "Total number of bytes in active pages allocated by the application";
        text.single("memory_active_bytes", "gauge", help, bytes);
        let help = "Total number of bytes allocated by the application";
        text.single("memory_allocated_bytes", "gauge", help, bytes);
    }
}
