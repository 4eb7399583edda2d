//! The requests about settings.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use gateway::Call;
use serde::Serialize;
use serde_json::{Map, Value};

use super::settings::{ALL, Changed, bytes, find};
use crate::body;
use crate::envelope::{self, Answer};
use crate::error::{Code, Failure};
use crate::memory::Remembered;

const GIB: u64 = 1 << 30;

/// Whether a change waits for the next start.
const RESTART: &str = "restart_required";

#[derive(Serialize)]
struct Advanced {
    cpu_cache_capacity: u64,
    cache_insert_data: bool,
    use_blas_threshold: i64,
}

#[derive(Serialize)]
struct Done {
    code: u8,
    message: String,
    restart_required: bool,
}

/// Tells three settings under other names.
pub(crate) async fn advanced(call: &Call<'_>) -> Answer {
    let changed = Changed::read(call).await?;
    let value = |node, key| find(node, key).map(|setting| setting.value(call, &changed));
    let capacity = bytes(&value("cache", "cache_size")?).unwrap_or(0);
    envelope::ok(&Advanced {
        cpu_cache_capacity: capacity / GIB,
        cache_insert_data: value("cache", "cache_insert_data")? == "true",
        use_blas_threshold: value("engine_config", "use_blas_threshold")?
            .parse()
            .unwrap_or(0),
    })
}

/// Changes them, all or none.
pub(crate) async fn set_advanced(call: &Call<'_>) -> Answer {
    let known = [
        "cpu_cache_capacity",
        "cache_insert_data",
        "use_blas_threshold",
    ];
    let fields = body::known_fields(call, &known)?;
    let capacity = body::integer(&fields, "cpu_cache_capacity")?;
    let insert = body::truth(&fields, "cache_insert_data")?;
    let threshold = body::integer(&fields, "use_blas_threshold")?;
    let asked = [
        (
            "cache",
            "cache_size",
            capacity.map(|gib| format!("{gib}GB")),
        ),
        ("cache", "cache_insert_data", insert.map(|b| b.to_string())),
        (
            "engine_config",
            "use_blas_threshold",
            threshold.map(|n| n.to_string()),
        ),
    ];
    let mut changed = Changed::read(call).await?;
    for (node, key, value) in asked {
        if let Some(value) = value {
            let setting = find(node, key)?;
            changed.set(setting, setting.check(call, &value)?);
        }
    }
    changed.write(call).await?;
    envelope::done()
}

/// Tells all settings.
pub(super) async fn config(call: &Call<'_>) -> Answer {
    let changed = Changed::read(call).await?;
    let mut tree = Map::new();
    for setting in ALL {
        let node = tree
            .entry(setting.node)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(keys) = node {
            keys.insert(setting.key.into(), setting.value(call, &changed).into());
        }
    }
    tree.insert(RESTART.into(), restart_required(call).into());
    envelope::ok(&tree)
}

fn restart_required(call: &Call<'_>) -> bool {
    Remembered::of(call)
        .restart_required
        .load(Ordering::Relaxed)
}

/// Changes settings, all or none.
pub(super) async fn set_config(call: &Call<'_>) -> Answer {
    let nodes = body::fields(call)?;
    let mut changed = Changed::read(call).await?;
    let (mut message, mut at_start) = (String::new(), false);
    for (node, keys) in &nodes {
        let Value::Object(keys) = keys else {
            return Err(Failure::not_a(node, "an object of settings"));
        };
        for (key, value) in keys {
            let setting = find(node, key)?;
            let text = scalar(value).ok_or_else(|| Failure::not_a(key, "a single value"))?;
            changed.set(setting, setting.check(call, &text)?);
            at_start |= setting.at_start;
            write!(message, "set_config {node}.{key} {text} successfully;")
                .expect("memory takes it");
        }
    }
    if message.is_empty() {
        let message = "The body names no setting";
        return Err(Failure::new(Code::BodyFieldLoss, message));
    }
    changed.write(call).await?;
    if at_start {
        let remembered = Remembered::of(call);
        remembered.restart_required.store(true, Ordering::Relaxed);
    }
    envelope::ok(&Done {
        code: 0,
        message,
        restart_required: restart_required(call),
    })
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
