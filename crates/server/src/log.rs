//! The log: lines or JSON objects on standard error.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, OnceLock, PoisonError};

use app::gateway::LogLevel;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::settings::LogFormat;

/// The environment variable that says what is logged, in the syntax of `tracing`'s filters.
pub const FILTER_VARIABLE: &str = "SKERRY_LOG";

/// The log of this process, as far as it can be steered.
struct Steering {
    level: Mutex<LogLevel>,
    /// Whether the filter could be replaced.
    replace: Box<dyn Fn(EnvFilter) -> bool + Send + Sync>,
}

static STEERING: OnceLock<Steering> = OnceLock::new();

/// Starts the log of this process. A second call changes nothing.
pub fn start(format: LogFormat) {
    let filter =
        EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new("info"));
    let level = Mutex::new(level_of(filter.max_level_hint()));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let (started, replace): (_, Box<dyn Fn(EnvFilter) -> bool + Send + Sync>) = match format {
        LogFormat::Text => {
            let builder = builder.with_target(false).with_filter_reloading();
            let handle = builder.reload_handle();
            let replace = move |filter| handle.reload(filter).is_ok();
            (builder.try_init(), Box::new(replace))
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            let replace = move |filter| handle.reload(filter).is_ok();
            (builder.try_init(), Box::new(replace))
        }
    };
    // Only a log that was started before makes it fail, and that one is as good.
    if started.is_ok() {
        STEERING.get_or_init(|| Steering { level, replace });
    }
}

/// How much is logged; the most of it where the filter tells parts of the program apart. `None`
/// before [`start`].
pub fn level() -> Option<LogLevel> {
    let level = &STEERING.get()?.level;
    Some(*level.lock().unwrap_or_else(PoisonError::into_inner))
}

/// From now on what is of `level` and worse is logged, whichever part of the program says it.
/// Gives whether that is so.
pub fn set_level(level: LogLevel) -> bool {
    let Some(steering) = STEERING.get() else {
        return false;
    };
    let mut known = steering
        .level
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let replaced = (steering.replace)(EnvFilter::new(directive(level)));
    if replaced {
        *known = level;
    }
    replaced
}

fn level_of(hint: Option<LevelFilter>) -> LogLevel {
    match hint {
        Some(LevelFilter::OFF) => LogLevel::Silent,
        Some(LevelFilter::ERROR) => LogLevel::Error,
        Some(LevelFilter::WARN) => LogLevel::Warning,
        Some(LevelFilter::INFO) => LogLevel::Info,
        Some(LevelFilter::DEBUG) => LogLevel::Debug,
        Some(_) | None => LogLevel::Trace,
    }
}

fn directive(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Trace => "trace",
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warning => "warn",
        LogLevel::Error => "error",
        LogLevel::Silent => "off",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_one_of_the_filter() {
        for level in [
            LogLevel::Trace,
            LogLevel::Debug,
            LogLevel::Info,
            LogLevel::Warning,
            LogLevel::Error,
            LogLevel::Silent,
        ] {
            let filter = EnvFilter::new(directive(level));
            assert_eq!(level_of(filter.max_level_hint()), level);
        }
    }
}
