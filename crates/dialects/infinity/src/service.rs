//! The server itself: configuration, variables, the instance, its role. Answered with what is
//! true of this server; what it has no counterpart of is empty.

use gateway::Call;
use serde_json::{Map, Value as Out, json};

use crate::answer::{Answer, done, ok};
use crate::error::{Failure, code};
use crate::json::Json;
use crate::request;

/// What Infinity lets be changed while it runs; here the command line decides.
const READ_ONLY: &[&str] = &[
    "version",
    "server_mode",
    "server_address",
    "http_port",
    "data_dir",
    "wal_dir",
    "temp_dir",
    "log_level",
    "cleanup_interval",
    "time_zone",
    "cpu_limit",
    "storage_type",
];

fn configuration(call: &Call<'_>) -> Vec<(&'static str, Out)> {
    let resources = call.context.metrics.resources();
    let cpus = resources.processors.unwrap_or(1);
    vec![
        ("version", call.context.build.version.as_str().into()),
        ("time_zone", "UTC".into()),
        ("cpu_limit", cpus.into()),
        ("server_mode", "standalone".into()),
        ("storage_type", "local".into()),
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
pub(crate) async fn set_config(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let fields = body.as_object().unwrap_or_default();
    let [(name, _)] = fields else {
        let text = match fields.len() {
            0 => "No config will be set",
            _ => "Only one config can be set at a time",
        };
        return Err(Failure::new(code::COMMAND, text));
    };
    let known = READ_ONLY.contains(&name.as_str());
    let text = match known {
        true => format!("Invalid command: Config {name} is read-only"),
        false => format!("Invalid command: Unknown config: {name}"),
    };
    Err(Failure::new(code::COMMAND, text))
}

fn variables(call: &Call<'_>) -> Vec<(&'static str, String)> {
    let requests: u64 = call
        .counters
        .snapshot()
        .iter()
        .map(|count| count.responses)
        .sum();
    let resident = call.context.metrics.resources().resident_bytes;
    vec![
        ("query_count", requests.to_string()),
        (
            "current_timestamp",
            (call.context.clock.unix_ms() / 1000).to_string(),
        ),
        ("schedule_policy", "round_robin".into()),
        ("system_memory_usage", resident.unwrap_or(0).to_string()),
    ]
}

/// `GET /variables/global`, `GET /variables/session`, `GET /admin/variables`
pub(crate) async fn all_variables(call: &Call<'_>) -> Answer {
    let all = variables(call).into_iter();
    let mut all: Map<_, _> = all
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    all.insert("role".into(), "standalone".into());
    ok(Out::Object(all))
}

/// `GET /variables/global/{variable_name}` and so on
pub(crate) async fn variable(call: &Call<'_>) -> Answer {
    let name = call.param("variable_name");
    let found = variables(call)
        .into_iter()
        .find(|(known, _)| *known == name);
    match found {
        Some((name, value)) => ok(Out::Object(Map::from_iter([(
            name.to_owned(),
            value.into(),
        )]))),
        None => Err(no_variable(name)),
    }
}

fn no_variable(name: &str) -> Failure {
    let text = format!("No system variable is found: {name}");
    Failure::new(code::NO_SYSTEM_VARIABLE, text)
}

/// `SET /variables/global`, `SET /variables/session`
pub(crate) async fn set_variable(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let [(name, _)] = body.as_object().unwrap_or_default() else {
        return Err(Failure::new(code::COMMAND, "No variable will be set"));
    };
    match variables(call)
        .iter()
        .any(|(known, _)| *known == name.as_str())
    {
        true => Err(Failure::new(3029, format!("{name} is read-only"))),
        false => Err(no_variable(name)),
    }
}

/// What lists of the instance are called, and under which key they answer. This server keeps none
/// of what they are about.
const LISTS: &[(&str, &str)] = &[
    ("buffer", "buffer"),
    ("profiles", "profiles"),
    ("memindex", "index"),
    ("queries", "queries"),
    ("logs", "logs"),
    ("transactions", "transactions"),
    ("objects", "objects"),
    ("files", "files"),
];

/// `GET /instance/{list}`
pub(crate) async fn instance(call: &Call<'_>) -> Answer {
    let name = call.param("list");
    if name == "memory" {
        let resident = call.context.metrics.resources().resident_bytes;
        return ok(json!({ "memory": resident.unwrap_or(0).to_string() }));
    }
    let found = LISTS.iter().find(|(known, _)| *known == name);
    match found {
        Some((_, key)) => ok(Out::Object(Map::from_iter([(
            (*key).to_owned(),
            Out::Array(Vec::new()),
        )]))),
        None => Err(Failure::new(3088, format!("Not found: {name}"))),
    }
}

/// `POST /instance/flush`: what was acknowledged is durable already.
pub(crate) async fn flush(_call: &Call<'_>) -> Answer {
    done()
}

fn node() -> Out {
    json!({ "name": "standalone", "role": "standalone", "status": "alive" })
}

/// `GET /admin/nodes`
pub(crate) async fn nodes(_call: &Call<'_>) -> Answer {
    ok(json!({ "nodes": [node()] }))
}

/// `GET /admin/node/current`
pub(crate) async fn current_node(_call: &Call<'_>) -> Answer {
    ok(json!({ "node": node() }))
}

/// `POST /admin/node/current`: this server has the role that it has.
pub(crate) async fn set_role(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let role = body.get("role").and_then(Json::as_text).unwrap_or_default();
    match role.to_ascii_lowercase().as_str() {
        "standalone" => done(),
        "admin" | "leader" | "follower" | "learner" => {
            Err(Failure::not_supported(format!("the role {role}")))
        }
        _ => Err(Failure::new(7026, format!("Invalid node role: {role}"))),
    }
}

/// `GET /admin/node/{node_name}`
pub(crate) async fn one_node(call: &Call<'_>) -> Answer {
    match call.param("node_name") {
        "standalone" => ok(json!({ "node": node() })),
        name => Err(Failure::new(7019, format!("Node: {name} doesn't exist."))),
    }
}

/// `DELETE /admin/node/{node_name}`
pub(crate) async fn remove_node(call: &Call<'_>) -> Answer {
    match call.param("node_name") {
        "standalone" => Err(Failure::not_supported("the removal of the only node")),
        name => Err(Failure::new(7019, format!("Node: {name} doesn't exist."))),
    }
}

/// `GET /admin/logs`
pub(crate) async fn logs(_call: &Call<'_>) -> Answer {
    ok(json!({ "logs": [] }))
}
