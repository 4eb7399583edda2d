//! The tree of settings: which there are, what they may be, where they are kept.
//!
//! Some tell a fact of Skerry and cannot be changed here. The others are kept with the database and
//! given back; Skerry has no part that they would steer.

use std::collections::BTreeMap;

use gateway::Call;
use model::{Command, DatabaseName, Object, Query, Reply, Value};

use crate::error::{Code, Failure};
use crate::kept::DIALECT;

/// The attribute of the database's `milvus` object with settings that were changed.
const CONFIG: &str = "config";

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// An integer from here to there.
    Integer(i64, i64),
    Bool,
    Text,
    /// A number of bytes, or one with `KB`, `MB` or `GB` behind it; at most the memory there is.
    Size,
    /// A fact that is found out when it is asked.
    Fact(Fact),
}

/// A fact of Skerry that is a setting of Milvus.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fact {
    /// As it is in every build.
    Always(&'static str),
    /// The port that the request came to.
    Port,
    /// Processors.
    Processors,
}

/// A setting.
pub(super) struct Setting {
    pub(super) node: &'static str,
    pub(super) key: &'static str,
    default: &'static str,
    kind: Kind,
    /// Whether Milvus looks at it when it starts only.
    pub(super) at_start: bool,
}

const fn kept(node: &'static str, key: &'static str, default: &'static str, kind: Kind) -> Setting {
    Setting {
        node,
        key,
        default,
        kind,
        at_start: true,
    }
}

const fn at_once(setting: Setting) -> Setting {
    Setting {
        at_start: false,
        ..setting
    }
}

const fn fact(node: &'static str, key: &'static str, fact: Fact) -> Setting {
    kept(node, key, "", Kind::Fact(fact))
}

/// Every setting, by its node.
pub(super) const ALL: &[Setting] = &[
    fact("cluster", "enable", Fact::Always("false")),
    fact("cluster", "role", Fact::Always("rw")),
    kept("general", "timezone", "UTC", Kind::Text),
    fact("network", "http.enable", Fact::Always("true")),
    fact("network", "http.port", Fact::Port),
    kept(
        "storage",
        "auto_flush_interval",
        "1",
        Kind::Integer(0, 3600),
    ),
    fact("wal", "enable", Fact::Always("true")),
    fact("wal", "recovery_error_ignore", Fact::Always("false")),
    kept("wal", "buffer_size", "256MB", Kind::Size),
    at_once(kept("cache", "cache_size", "4GB", Kind::Size)),
    at_once(kept("cache", "cache_insert_data", "false", Kind::Bool)),
    kept("cache", "insert_buffer_size", "1GB", Kind::Size),
    kept("cache", "preload_collection", "", Kind::Text),
    at_once(kept(
        "engine_config",
        "use_blas_threshold",
        "1100",
        Kind::Integer(0, i64::MAX),
    )),
    fact("engine_config", "omp_thread_num", Fact::Processors),
    kept("engine_config", "simd_type", "auto", Kind::Text),
    fact("metric", "enable", Fact::Always("true")),
    kept("logs", "level", "info", Kind::Text),
    kept("logs", "trace.enable", "false", Kind::Bool),
];

/// The setting `key` of `node`.
///
/// # Errors
/// 5 when there is none.
pub(super) fn find(node: &str, key: &str) -> Result<&'static Setting, Failure> {
    let found = ALL
        .iter()
        .find(|known| known.node == node && known.key == key);
    found.ok_or_else(|| {
        let message = format!("Config {node}.{key} not supported");
        Failure::new(Code::IllegalArgument, message)
    })
}

impl Setting {
    fn wrong(&self, value: &str, expected: &str) -> Failure {
        let Self { node, key, .. } = self;
        let message = format!("Invalid value {value} of {node}.{key}: {expected}");
        Failure::new(Code::IllegalArgument, message)
    }

    /// The text under which `value` is kept.
    ///
    /// # Errors
    /// 5 when the setting cannot have it.
    pub(super) fn check(&self, call: &Call<'_>, value: &str) -> Result<String, Failure> {
        let value = value.trim();
        match self.kind {
            Kind::Integer(min, max) => {
                let number: Option<i64> = value.parse().ok();
                match number.filter(|number| (min..=max).contains(number)) {
                    Some(number) => Ok(number.to_string()),
                    None => Err(self.wrong(value, &format!("an integer from {min} to {max}"))),
                }
            }
            Kind::Bool => match value.to_ascii_lowercase().as_str() {
                "true" | "on" | "yes" | "1" => Ok("true".into()),
                "false" | "off" | "no" | "0" => Ok("false".into()),
                _ => Err(self.wrong(value, "a bool")),
            },
            Kind::Text => Ok(value.to_owned()),
            Kind::Size => {
                let bytes = bytes(value).ok_or_else(|| self.wrong(value, "a size in bytes"))?;
                match call.context.metrics.resources().memory_bytes {
                    Some(memory) if bytes > memory => {
                        Err(self.wrong(value, "more than the memory of the machine"))
                    }
                    Some(_) | None => Ok(value.to_owned()),
                }
            }
            Kind::Fact(_) => Err(self.wrong(value, "it is a fact and cannot be changed")),
        }
    }

    /// The value as it is now.
    pub(super) fn value(&self, call: &Call<'_>, changed: &Changed) -> String {
        match self.kind {
            Kind::Fact(Fact::Always(value)) => value.to_owned(),
            Kind::Fact(Fact::Port) => port(call),
            Kind::Fact(Fact::Processors) => {
                let processors = call.context.metrics.resources().processors;
                processors.unwrap_or(0).to_string()
            }
            Kind::Integer(..) | Kind::Bool | Kind::Text | Kind::Size => {
                let changed = changed.0.get(&(self.node.to_owned(), self.key.to_owned()));
                changed.map_or(self.default, String::as_str).to_owned()
            }
        }
    }
}

/// The port of the request's host; Milvus' own where it says none.
fn port(call: &Call<'_>) -> String {
    let host = call.headers.get(http::header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    let authority = host.and_then(|host| host.parse::<http::uri::Authority>().ok());
    let port = authority.and_then(|authority| authority.port_u16());
    port.unwrap_or(19_121).to_string()
}

/// The bytes that `4GB`, `256MB`, `1KB` or `1024` mean.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let upper = text.trim().to_ascii_uppercase();
    let units = [("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10), ("", 1)];
    let (digits, unit) = units
        .iter()
        .find_map(|&(suffix, unit)| Some((upper.strip_suffix(suffix)?, unit)))?;
    digits.trim().parse::<u64>().ok()?.checked_mul(unit)
}

/// The settings that were changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Changed(BTreeMap<(String, String), String>);

impl Changed {
    /// What is kept with the database.
    pub(super) async fn read(call: &Call<'_>) -> Result<Self, Failure> {
        let attributes = attributes(call).await?;
        Ok(Self::of(&attributes))
    }

    fn of(attributes: &Object) -> Self {
        let mut changed = Self::default();
        let Some(Value::Object(own)) = attributes.get(DIALECT) else {
            return changed;
        };
        let Some(Value::Object(nodes)) = own.get(CONFIG) else {
            return changed;
        };
        for (node, keys) in nodes.iter() {
            let Value::Object(keys) = keys else {
                continue;
            };
            for (key, value) in keys.iter() {
                if let Value::Str(value) = value {
                    let place = (node.to_owned(), key.to_owned());
                    changed.0.insert(place, value.clone());
                }
            }
        }
        changed
    }

    /// Sets `setting` to a value that was checked.
    pub(super) fn set(&mut self, setting: &Setting, value: String) {
        let place = (setting.node.to_owned(), setting.key.to_owned());
        self.0.insert(place, value);
    }

    fn put_into(&self, attributes: &Object) -> Object {
        let mut nodes = Object::new();
        for ((node, key), value) in &self.0 {
            if nodes.get(node).is_none() {
                nodes.insert(node.as_str(), Value::Object(Object::new()));
            }
            if let Some(Value::Object(keys)) = nodes.get_mut(node) {
                keys.insert(key.as_str(), Value::from(value.as_str()));
            }
        }
        let mut own = match attributes.get(DIALECT) {
            Some(Value::Object(own)) => own.clone(),
            _ => Object::new(),
        };
        own.insert(CONFIG, Value::Object(nodes));
        let mut new = attributes.clone();
        new.insert(DIALECT, Value::Object(own));
        new
    }

    /// Keeps it with the database.
    pub(super) async fn write(&self, call: &Call<'_>) -> Result<(), Failure> {
        let old = attributes(call).await?;
        let attributes = self.put_into(&old);
        let database = DatabaseName::default();
        let command = Command::SetAttributes {
            database,
            attributes,
        };
        call.executor.execute(command).await?;
        Ok(())
    }
}

async fn attributes(call: &Call<'_>) -> Result<std::sync::Arc<Object>, Failure> {
    let query = Query::ReadAttributes(DatabaseName::default());
    match call.executor.query(query).await? {
        Reply::Attributes(attributes) => Ok(attributes),
        other => Err(other.unexpected().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [
            ("4GB", Some(4 << 30)),
            ("256 mb", Some(256 << 20)),
            ("1KB", Some(1024)),
            ("1024", Some(1024)),
            ("", None),
            ("GB", None),
            ("-1", None),
            ("1.5GB", None),
            ("99999999999GB", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn what_was_changed_comes_back_and_leaves_others_alone() {
        let mut changed = Changed::default();
        changed.set(find("cache", "cache_size").unwrap(), "2GB".into());
        changed.set(find("cache", "preload_collection").unwrap(), "c".into());
        let others: Object = [("qdrant", Value::Int(1))].into_iter().collect();
        let attributes = changed.put_into(&others);
        assert_eq!(Changed::of(&attributes), changed);
        assert_eq!(attributes.get("qdrant"), Some(&Value::Int(1)));
        assert_eq!(
            find("cache", "x").err().unwrap().code,
            Code::IllegalArgument
        );
    }
}
