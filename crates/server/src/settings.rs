//! Settings of the server: defaults, file, environment and command line joined and checked.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

use crate::cli::ServeOptions;

/// The interfaces that the options name, and their usual ports.
pub const USUAL_PORTS: [(&str, u16); 4] = [
    ("qdrant", 6333),
    ("milvus", 19121),
    ("infinity", 23820),
    ("lynse", 7637),
];

/// Where the data lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// In this directory.
    Directory(PathBuf),
    /// In memory, for as long as the process runs.
    Memory,
    /// In a bucket, by its address.
    Bucket(String),
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// An object per line.
    Json,
}

/// When acknowledged writes are on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Durability {
    /// Before they are acknowledged.
    #[default]
    Sync,
    /// At most this many milliseconds later.
    Interval {
        /// Between two syncs.
        period_ms: u32,
    },
}

/// What one port answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// One interface at the root.
    Dialect(&'static str),
    /// Every interface behind its prefix, and this one at the root.
    All {
        /// Name of the interface at the root.
        root: &'static str,
    },
}

/// Settings of the server, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the data lives.
    pub data: Data,
    /// The address of every port.
    pub listen: IpAddr,
    /// Ports, never 0 and never twice.
    pub endpoints: Vec<(u16, Endpoint)>,
    /// Interfaces that were asked for by name and are not in this build.
    pub missing: Vec<&'static str>,
    /// Key that allows everything.
    pub api_key: Option<String>,
    /// Second key that allows everything.
    pub alt_api_key: Option<String>,
    /// Whether tokens that such a key signed are taken.
    pub jwt_rbac: bool,
    /// Key that allows reading.
    pub read_only_api_key: Option<String>,
    /// The directory whose files requests may read and write.
    pub exchange_dir: Option<PathBuf>,
    /// How the log is written.
    pub log_format: LogFormat,
    /// When acknowledged writes are on the disk.
    pub durability: Durability,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A source cannot be read or holds something that is no setting.
    #[error("{0}")]
    Source(#[from] Box<figment::Error>),
    /// The settings contradict each other or this build.
    #[error("{0}")]
    Invalid(String),
}

/// The options as they lie in a file; what is absent has its default.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layered {
    data: Option<String>,
    listen: Option<IpAddr>,
    qdrant_port: Option<u16>,
    milvus_port: Option<u16>,
    infinity_port: Option<u16>,
    lynse_port: Option<u16>,
    port: Option<u16>,
    root_dialect: Option<String>,
    api_key: Option<String>,
    alt_api_key: Option<String>,
    jwt_rbac: Option<bool>,
    read_only_api_key: Option<String>,
    exchange_dir: Option<PathBuf>,
    log_format: Option<LogFormat>,
    durability: Option<Durability>,
}

impl Settings {
    /// Whether requests must bring a key.
    pub fn asks_for_keys(&self) -> bool {
        self.api_key.is_some() || self.alt_api_key.is_some()
    }

    /// Joins `options` (command line and environment) with their file and the defaults.
    /// `dialects` are the interfaces of this build.
    ///
    /// # Errors
    /// With a message for the person at the command line.
    pub fn load(options: &ServeOptions, dialects: &[&'static str]) -> Result<Self, SettingsError> {
        let mut sources = Figment::new();
        if let Some(file) = &options.config {
            // A file that is named must be there; figment would take its absence for emptiness.
            if !file.is_file() {
                let file = file.display();
                return Err(SettingsError::Invalid(format!("there is no file {file}")));
            }
            sources = sources.merge(Toml::file_exact(file));
        }
        let layered: Layered = sources
            .merge(Serialized::defaults(options))
            .extract()
            .map_err(Box::new)?;
        Self::check(layered, dialects).map_err(SettingsError::Invalid)
    }

    fn check(layered: Layered, dialects: &[&'static str]) -> Result<Self, String> {
        let (endpoints, missing) = endpoints(&layered, dialects)?;
        let set = |key: Option<String>| key.filter(|key| !key.is_empty());
        let (api_key, alt_api_key) = (set(layered.api_key), set(layered.alt_api_key));
        let read_only_api_key = set(layered.read_only_api_key);
        let jwt_rbac = layered.jwt_rbac.unwrap_or(false);
        let full = [&api_key, &alt_api_key];
        if read_only_api_key.is_some() && full.contains(&&read_only_api_key) {
            return Err("read_only_api_key is the same key as one for everything".into());
        }
        if full.iter().all(|key| key.is_none()) {
            if read_only_api_key.is_some() {
                return Err("read_only_api_key needs an api_key: nobody could write".into());
            }
            if jwt_rbac {
                return Err("jwt_rbac needs an api_key: tokens are signed with it".into());
            }
        }
        Ok(Self {
            data: layered.data.as_deref().unwrap_or("./skerry-data").parse()?,
            listen: layered.listen.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            endpoints,
            missing,
            api_key,
            alt_api_key,
            jwt_rbac,
            read_only_api_key,
            exchange_dir: layered.exchange_dir,
            log_format: layered.log_format.unwrap_or_default(),
            durability: layered.durability.unwrap_or_default(),
        })
    }
}

type Endpoints = (Vec<(u16, Endpoint)>, Vec<&'static str>);

/// What listens where, and what was asked for in vain.
fn endpoints(layered: &Layered, dialects: &[&'static str]) -> Result<Endpoints, String> {
    let given = [
        layered.qdrant_port,
        layered.milvus_port,
        layered.infinity_port,
        layered.lynse_port,
    ];
    let shared = layered.port.filter(|port| *port != 0);
    let (mut wanted, mut missing) = (Vec::new(), Vec::new());
    for ((name, usual), given) in USUAL_PORTS.into_iter().zip(given) {
        // One port for all takes the place of the usual ports, not of those that are asked for.
        let port = given.unwrap_or(if shared.is_some() { 0 } else { usual });
        match (port, dialects.contains(&name)) {
            (0, _) => {}
            (port, true) => wanted.push((port, Endpoint::Dialect(name))),
            (_, false) if given.is_some() => missing.push(name),
            (_, false) => {}
        }
    }
    let root = layered.root_dialect.as_deref().unwrap_or("qdrant");
    let Some(root) = dialects.iter().find(|name| **name == root) else {
        let known = dialects.join(", ");
        return Err(format!(
            "root_dialect: no interface `{root}`, there is {known}"
        ));
    };
    if let Some(port) = shared {
        wanted.push((port, Endpoint::All { root }));
    }
    if wanted.is_empty() {
        return Err("every port is off: nothing would listen".into());
    }
    let mut owners: BTreeMap<u16, String> = BTreeMap::new();
    for (port, endpoint) in &wanted {
        if let Some(other) = owners.insert(*port, endpoint.to_string()) {
            return Err(format!(
                "port {port} is asked for by {other} and by {endpoint}"
            ));
        }
    }
    Ok((wanted, missing))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dialect(name) => f.write_str(name),
            Self::All { root } => write!(f, "all (root: {root})"),
        }
    }
}

impl FromStr for Data {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            _ if text.is_empty() => Err("data: give a directory or `memory:`".into()),
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("memory", rest)) => {
                Err(format!("data: nothing may follow `memory:`, got {rest}"))
            }
            Some((scheme @ ("s3" | "gs" | "az"), rest)) => match rest.strip_prefix("//") {
                Some(bucket) if !bucket.is_empty() => Ok(Self::Bucket(text.into())),
                Some(_) | None => Err(format!("data: give {scheme}://BUCKET[/FOLDER], not {text}")),
            },
            Some(("http" | "https", _)) => Err(format!(
                "data: {text} is no store; give a directory, `memory:`, or a bucket (s3://, gs://, \
                 az://)"
            )),
            _ => Ok(Self::Directory(text.into())),
        }
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Memory => f.write_str("memory:"),
            Self::Bucket(address) => f.write_str(address),
        }
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("a log format is `text` or `json`, not `{other}`")),
        }
    }
}

impl TryFrom<String> for LogFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<LogFormat> for &'static str {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
    }
}

impl Durability {
    /// Longest time between two syncs in milliseconds.
    pub const PERIOD_MS_MAX: u32 = 60_000;
}

impl FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "sync" {
            return Ok(Self::Sync);
        }
        let period = text
            .strip_prefix("interval=")
            .and_then(|ms| ms.parse().ok());
        match period {
            Some(period_ms @ 1..=Self::PERIOD_MS_MAX) => Ok(Self::Interval { period_ms }),
            _ => Err(format!(
                "durability is `sync` or `interval=MS` with 1 to {} milliseconds, not `{text}`",
                Self::PERIOD_MS_MAX
            )),
        }
    }
}

impl TryFrom<String> for Durability {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Durability> for String {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Sync => "sync".into(),
            Durability::Interval { period_ms } => format!("interval={period_ms}"),
        }
    }
}

#[cfg(test)]
mod tests;
