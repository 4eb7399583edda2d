//! Quotas: shares of memory and disk beyond which nothing may be added.
//!
//! They are kept with the database and survive a restart. A resource that reached its share stays
//! closed until it falls below by the margin, so that it does not open and close at every write.

use gateway::Call;
use http::StatusCode;
use model::{Command, DatabaseName, Filter, Object, Query, Reply, Target, Value, WriteOp};
use serde::{Deserialize, Serialize};

use crate::collections;
use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::memory::{Remembered, percent};
use crate::request::{self, BODY};

/// Names of the attributes in which they are kept.
const DIALECT: &str = "qdrant";
const QUOTAS: &str = "quotas";

/// The quotas on the wire and as they are kept.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub(crate) struct Quotas {
    #[serde(default)]
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_resident_memory_percent: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_disk_usage_percent: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    release_margin_percent: Option<u8>,
}

/// How much is in use.
#[derive(Serialize, Clone, Copy)]
struct Usage {
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_memory_percent: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_usage_percent: Option<u8>,
}

#[derive(Serialize)]
struct Status {
    config: Quotas,
    usage: Usage,
}

/// What telemetry says about quotas.
#[derive(Serialize)]
pub(crate) struct Told {
    config: Quotas,
    exceeded: Exceeded,
}

#[derive(Serialize)]
struct Exceeded {
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_memory: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_usage: Option<bool>,
}

/// Which shares were reached and not left again.
#[derive(Default)]
pub(crate) struct Latch {
    memory: bool,
    disk: bool,
}

/// One resource, its share, and what to say.
struct Resource {
    used: Option<u8>,
    max: Option<u8>,
    parameter: &'static str,
    usage: &'static str,
    remedy: &'static str,
}

impl Quotas {
    fn check(&self) -> Result<(), Failure> {
        let shares = [
            (
                "max_resident_memory_percent",
                self.max_resident_memory_percent,
                1,
            ),
            ("max_disk_usage_percent", self.max_disk_usage_percent, 1),
            ("release_margin_percent", self.release_margin_percent, 0),
        ];
        for (field, value, min) in shares {
            if let Some(value) = value.filter(|value| !(min..=100).contains(value)) {
                let text = format!("value {value} invalid, must be from {min} to 100");
                return Err(Failure::validation(BODY, field, text));
            }
        }
        Ok(())
    }

    fn resources(&self, usage: Usage) -> [Resource; 2] {
        [
            Resource {
                used: usage.resident_memory_percent,
                max: self.max_resident_memory_percent,
                parameter: "max_resident_memory_percent",
                usage: "Resident memory usage is at {}% of total memory",
                remedy: "Reduce memory usage (e.g. delete points or drop collections)",
            },
            Resource {
                used: usage.disk_usage_percent,
                max: self.max_disk_usage_percent,
                parameter: "max_disk_usage_percent",
                usage: "Disk usage is at {}% of total capacity",
                remedy: "Reduce disk usage (e.g. delete points or drop collections)",
            },
        ]
    }
}

impl Resource {
    /// Whether it is closed, which it `was` or was not before.
    fn is_closed(&self, was: bool, margin: u8) -> bool {
        let (Some(used), Some(max)) = (self.used, self.max) else {
            return false;
        };
        used >= max || (was && used >= max.saturating_sub(margin))
    }

    fn text(&self, margin: u8) -> String {
        let (used, max) = (self.used.unwrap_or(0), self.max.unwrap_or(0));
        let usage = self.usage.replace("{}", &used.to_string());
        let state = if used >= max {
            format!("{usage}, exceeding the configured limit of {max}%")
        } else {
            let below = max.saturating_sub(margin);
            format!(
                "{usage}. It reached the configured limit of {max}% and has to fall below \
                 {below}% before this node takes writes again"
            )
        };
        let (remedy, parameter) = (self.remedy, self.parameter);
        format!("{state}. Help: {remedy}, or raise `{parameter}` in the global quota config.")
    }
}

impl Latch {
    /// Brings it up to date; which resources are closed.
    fn update(&mut self, quotas: &Quotas, resources: &[Resource; 2]) -> [bool; 2] {
        let margin = quotas.release_margin_percent.unwrap_or(0);
        let [memory, disk] = resources;
        self.memory = quotas.enabled && memory.is_closed(self.memory, margin);
        self.disk = quotas.enabled && disk.is_closed(self.disk, margin);
        [self.memory, self.disk]
    }
}

fn usage(call: &Call<'_>) -> Usage {
    let resources = Remembered::resources(call);
    Usage {
        resident_memory_percent: percent(resources.resident_bytes, resources.memory_bytes),
        disk_usage_percent: percent(resources.disk_used_bytes, resources.disk_bytes),
    }
}

async fn attributes(call: &Call<'_>) -> Result<std::sync::Arc<Object>, Failure> {
    match request::query(call, Query::ReadAttributes(DatabaseName::default())).await? {
        Reply::Attributes(attributes) => Ok(attributes),
        other => Err(other.unexpected().into()),
    }
}

async fn kept(call: &Call<'_>) -> Result<Quotas, Failure> {
    let attributes = attributes(call).await?;
    let Some(Value::Object(own)) = attributes.get(DIALECT) else {
        return Ok(Quotas::default());
    };
    match own.get(QUOTAS) {
        Some(Value::Object(quotas)) => collections::read_object(quotas),
        Some(_) | None => Ok(Quotas::default()),
    }
}

/// Refuses to add anything while a quota is reached.
///
/// # Errors
/// 507.
pub(crate) async fn check(call: &Call<'_>) -> Result<(), Failure> {
    let quotas = kept(call).await?;
    if !quotas.enabled {
        return Ok(());
    }
    let resources = quotas.resources(usage(call));
    let closed = Remembered::of(call).latch().update(&quotas, &resources);
    let reached = resources.iter().zip(closed).find(|(_, closed)| *closed);
    match reached {
        Some((resource, _)) => {
            let text = resource.text(quotas.release_margin_percent.unwrap_or(0));
            Err(Failure::new(StatusCode::INSUFFICIENT_STORAGE, text))
        }
        None => Ok(()),
    }
}

/// Refuses to add anything to a collection that keeps so much memory free for others.
///
/// # Errors
/// 400.
pub(crate) fn check_resident(call: &Call<'_>, max: u8) -> Result<(), Failure> {
    match usage(call).resident_memory_percent {
        Some(used) if used >= max => Err(Failure::bad_request(format_args!(
            "Resident memory usage is at {used}% of total memory, exceeding the configured limit \
             of {max}%. Help: Reduce memory usage (e.g. delete points or drop collections), or \
             raise `max_resident_memory_percent` in the strict mode config of this collection."
        ))),
        Some(_) | None => Ok(()),
    }
}

/// Whether an operation may take memory or disk. Points can always be deleted: that is the way
/// out. Other removals write their points anew.
pub(crate) fn consumes(operation: &WriteOp) -> bool {
    match operation {
        WriteOp::Upsert { .. }
        | WriteOp::SetPayload { .. }
        | WriteOp::OverwritePayload { .. }
        | WriteOp::DeletePayload { .. }
        | WriteOp::ClearPayload { .. }
        | WriteOp::UpdateVectors { .. }
        | WriteOp::DeleteVectors { .. }
        | WriteOp::CreateIndex(_)
        | WriteOp::AddVector(_) => true,
        WriteOp::Delete { .. }
        | WriteOp::DropIndex(_)
        | WriteOp::DropVector(_)
        | WriteOp::Configure(_)
        | WriteOp::Conceal { .. }
        | WriteOp::Reveal { .. }
        | WriteOp::Attach { .. }
        | WriteOp::Detach { .. }
        | WriteOp::Purge => false,
    }
}

/// The filter that says which points an operation is about.
pub(crate) fn filter_of(operation: &WriteOp) -> Option<&Filter> {
    match operation {
        WriteOp::Upsert { condition, .. } | WriteOp::UpdateVectors { condition, .. } => {
            condition.as_ref()
        }
        WriteOp::Delete { target }
        | WriteOp::SetPayload { target, .. }
        | WriteOp::OverwritePayload { target, .. }
        | WriteOp::DeletePayload { target, .. }
        | WriteOp::ClearPayload { target }
        | WriteOp::DeleteVectors { target, .. } => match target {
            Target::Ids(_) => None,
            Target::Filter(filter) => Some(filter),
        },
        WriteOp::CreateIndex(_)
        | WriteOp::DropIndex(_)
        | WriteOp::AddVector(_)
        | WriteOp::DropVector(_)
        | WriteOp::Configure(_)
        | WriteOp::Conceal { .. }
        | WriteOp::Reveal { .. }
        | WriteOp::Attach { .. }
        | WriteOp::Detach { .. }
        | WriteOp::Purge => None,
    }
}

/// For telemetry.
pub(crate) async fn told(call: &Call<'_>) -> Result<Told, Failure> {
    let config = kept(call).await?;
    let usage = usage(call);
    let resources = config.resources(usage);
    let [memory, disk] = Remembered::of(call).latch().update(&config, &resources);
    Ok(Told {
        exceeded: Exceeded {
            resident_memory: usage.resident_memory_percent.map(|_| memory),
            disk_usage: usage.disk_usage_percent.map(|_| disk),
        },
        config,
    })
}

/// `GET /quotas`
pub(crate) async fn get(call: &Call<'_>) -> Answer {
    let config = kept(call).await?;
    let usage = usage(call);
    envelope::ok(call, Status { config, usage })
}

/// `PUT /quotas`
pub(crate) async fn put(call: &Call<'_>) -> Answer {
    request::write_parameters(call)?;
    let quotas: Quotas = request::body(call)?;
    quotas.check()?;
    let json = serde_json::to_value(&quotas).map_err(Failure::format)?;
    let mut attributes = Object::clone(&*attributes(call).await?);
    let mut own = match attributes.get(DIALECT) {
        Some(Value::Object(own)) => own.clone(),
        Some(_) | None => Object::new(),
    };
    own.insert(QUOTAS, Value::Object(collections::object_of(&json)?));
    attributes.insert(DIALECT, Value::Object(own));
    let command = Command::SetAttributes {
        database: DatabaseName::default(),
        attributes,
    };
    call.executor.execute(command).await?;
    envelope::ok(call, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reached_share_stays_closed_within_the_margin() {
        let quotas = Quotas {
            enabled: true,
            max_disk_usage_percent: Some(90),
            release_margin_percent: Some(5),
            ..Quotas::default()
        };
        let mut latch = Latch::default();
        let mut closed = |used: u8| {
            let usage = Usage {
                resident_memory_percent: Some(99),
                disk_usage_percent: Some(used),
            };
            let resources = quotas.resources(usage);
            (latch.update(&quotas, &resources), resources[1].text(5))
        };
        assert_eq!(closed(89).0, [false, false]);
        let (reached, text) = closed(90);
        assert_eq!(reached, [false, true]);
        assert_eq!(
            text,
            "Disk usage is at 90% of total capacity, exceeding the configured limit of 90%. Help: \
             Reduce disk usage (e.g. delete points or drop collections), or raise \
             `max_disk_usage_percent` in the global quota config."
        );
        let (still, text) = closed(85);
        assert_eq!(still, [false, true]);
        assert!(text.contains("has to fall below 85%"), "{text}");
        assert_eq!(closed(84).0, [false, false]);
        assert_eq!(closed(89).0, [false, false]);
    }
}
