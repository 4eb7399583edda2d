//! The configuration: what is true of this server, and what of it can be changed while it runs.
//!
//! As in Infinity, a change holds until the server ends. `log_level` steers the log of the process;
//! a host without a log of its own (a worker, a tab) keeps it and shows it. `cleanup_interval` is
//! kept and shown: what nobody needs is removed here when there is some, and not at intervals.

use std::sync::{Mutex, PoisonError};

use gateway::{Call, LogLevel};
use serde_json::{Map, Value as Out};

use crate::answer::{Answer, done, ok};
use crate::error::{Failure, code};
use crate::json::Json;
use crate::request::{self, Remembered};

/// Settings of Infinity that are known by name and cannot be changed here.
const READ_ONLY: &[&str] = &[
    "version",
    "server_mode",
    "server_address",
    "postgres_port",
    "http_port",
    "client_port",
    "connection_pool_size",
    "log_filename",
    "log_dir",
    "log_to_stdout",
    "log_file_max_size",
    "log_file_rotate_count",
    "data_dir",
    "wal_dir",
    "temp_dir",
    "persistence_dir",
    "mem_index_capacity",
    "buffer_manager_size",
    "resource_dir",
    "time_zone",
    "cpu_limit",
    "storage_type",
];

/// Infinity's own value, in seconds.
const CLEANUP_INTERVAL_S: i64 = 60;

/// The levels by Infinity's names. The log here knows nothing worse than an error, so that a log
/// of what is critical is an empty one.
const LEVELS: &[(&str, LogLevel)] = &[
    ("trace", LogLevel::Trace),
    ("debug", LogLevel::Debug),
    ("info", LogLevel::Info),
    ("warning", LogLevel::Warning),
    ("error", LogLevel::Error),
    ("critical", LogLevel::Silent),
];

/// What was set while the server runs.
#[derive(Default)]
pub(crate) struct Settings(Mutex<Set>);

#[derive(Clone, Copy)]
struct Set {
    cleanup_interval_s: i64,
    /// Where the host has no log that can be steered.
    log_level: LogLevel,
}

impl Default for Set {
    fn default() -> Self {
        Self {
            cleanup_interval_s: CLEANUP_INTERVAL_S,
            log_level: LogLevel::Info,
        }
    }
}

impl Settings {
    fn get(&self) -> Set {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Set)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn settings<'c>(call: &'c Call<'_>) -> &'c Settings {
    let remembered = call.memory.downcast_ref::<Remembered>();
    &remembered.expect("the memory of this dialect").settings
}

fn configuration(call: &Call<'_>) -> Vec<(&'static str, Out)> {
    let metrics = &call.context.metrics;
    let cpus = metrics.resources().processors.unwrap_or(1);
    let set = settings(call).get();
    let level = metrics.log_level().unwrap_or(set.log_level);
    let mut names = LEVELS.iter().filter(|(_, known)| *known == level);
    let level = names.next().map_or("info", |(name, _)| *name);
    vec![
        ("version", call.context.build.version.as_str().into()),
        ("time_zone", "UTC".into()),
        ("cpu_limit", cpus.into()),
        ("server_mode", "standalone".into()),
        ("storage_type", "local".into()),
        ("log_level", level.into()),
        ("cleanup_interval", set.cleanup_interval_s.into()),
    ]
}

/// `GET /configs`, `GET /admin/configs`
pub(crate) async fn configs(call: &Call<'_>) -> Answer {
    let all = configuration(call).into_iter().map(|(name, value)| {
        let text = match value {
            Out::String(text) => text,
            other => other.to_string(),
        };
        (name.to_owned(), Out::String(text))
    });
    ok(Out::Object(all.collect()))
}

/// `GET /configs/{config_name}`
pub(crate) async fn config(call: &Call<'_>) -> Answer {
    let name = call.param("config_name");
    let all = configuration(call);
    let found = all.into_iter().find(|(known, _)| *known == name);
    match found {
        Some((name, value)) => ok(Out::Object(Map::from_iter([(name.to_owned(), value)]))),
        None => Err(Failure::new(
            code::NO_SYSTEM_VARIABLE,
            format!("No system variable is found: {name}"),
        )),
    }
}

/// `POST /configs`
pub(crate) async fn set(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let fields = body.as_object().unwrap_or_default();
    let [(name, value)] = fields else {
        let text = match fields.len() {
            0 => "No config will be set",
            _ => "Only one config can be set at a time",
        };
        return Err(Failure::new(code::COMMAND, text));
    };
    match name.as_str() {
        "log_level" => set_log_level(call, value)?,
        "cleanup_interval" => set_cleanup_interval(call, value)?,
        name => {
            let text = match READ_ONLY.contains(&name) {
                true => format!("Invalid command: Config {name} is read-only"),
                false => format!("Invalid command: Unknown config: {name}"),
            };
            return Err(Failure::new(code::COMMAND, text));
        }
    }
    done()
}

fn set_log_level(call: &Call<'_>, value: &Json) -> Result<(), Failure> {
    let Json::Text(name) = value else {
        return Err(mismatch("String"));
    };
    let Some((_, level)) = LEVELS.iter().find(|(known, _)| known == name) else {
        let known: Vec<_> = LEVELS.iter().map(|(name, _)| *name).collect();
        let text = format!("log level value is invalid, expected: {}", known.join(", "));
        return Err(Failure::new(code::VARIABLE_VALUE, text));
    };
    if !call.context.metrics.set_log_level(*level) {
        settings(call).change(|set| set.log_level = *level);
    }
    Ok(())
}

fn set_cleanup_interval(call: &Call<'_>, value: &Json) -> Result<(), Failure> {
    let Json::Int(seconds) = value else {
        return Err(mismatch("Integer"));
    };
    if *seconds < 0 {
        let text = format!("Invalid command: Attempt to set cleanup interval: {seconds}");
        return Err(Failure::new(code::COMMAND, text));
    }
    settings(call).change(|set| set.cleanup_interval_s = *seconds);
    Ok(())
}

fn mismatch(expected: &str) -> Failure {
    let text = format!("Data type mismatch: expected {expected}");
    Failure::new(code::TYPE_MISMATCH, text)
}
