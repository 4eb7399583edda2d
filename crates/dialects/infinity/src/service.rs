//! The server itself: variables, the instance, its role. Answered with what is true of this
//! server; what it has no counterpart of is empty.

use gateway::Call;
use http::Method;
use serde_json::{Map, Value as Out, json};

use crate::answer::{Answer, done, ok};
use crate::error::{Failure, code};
use crate::json::Json;
use crate::request;

/// What of a list of variables is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Global,
    /// A request is a session of its own.
    Session,
}

fn variables(call: &Call<'_>, scope: Scope) -> Vec<(&'static str, String)> {
    let counts = call.counters.snapshot();
    let sum = |wanted: &dyn Fn(&gateway::Count) -> bool| -> u64 {
        let counts = counts.iter().filter(|count| wanted(count));
        counts.map(|count| count.responses).sum()
    };
    let writes = |count: &gateway::Count| count.method != Method::GET && count.status == 200;
    let micros = call.context.clock.unix_ms() / 1000;
    match scope {
        Scope::Session => vec![
            ("query_count", "1".to_owned()),
            ("connected_timestamp", micros.to_string()),
            ("total_commit_count", "0".to_owned()),
            ("total_rollback_count", "0".to_owned()),
        ],
        Scope::Global => {
            let resident = call.context.metrics.resources().resident_bytes;
            vec![
                ("query_count", sum(&|_| true).to_string()),
                ("session_count", "1".to_owned()),
                ("active_txn_count", "0".to_owned()),
                ("current_timestamp", micros.to_string()),
                ("total_commit_count", sum(&writes).to_string()),
                ("total_rollback_count", "0".to_owned()),
                ("system_memory_usage", resident.unwrap_or(0).to_string()),
            ]
        }
    }
}

fn shown_variables(call: &Call<'_>, scope: Scope) -> Map<String, Out> {
    let all = variables(call, scope).into_iter();
    all.map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
}

fn one_variable(call: &Call<'_>, scope: Scope) -> Answer {
    let name = call.param("variable_name");
    let mut all = shown_variables(call, scope);
    match all.remove(name) {
        Some(value) => ok(Out::Object(Map::from_iter([(name.to_owned(), value)]))),
        None => Err(no_variable(name)),
    }
}

/// `GET /variables/global`
pub(crate) async fn global_variables(call: &Call<'_>) -> Answer {
    ok(Out::Object(shown_variables(call, Scope::Global)))
}

/// `GET /variables/session`
pub(crate) async fn session_variables(call: &Call<'_>) -> Answer {
    ok(Out::Object(shown_variables(call, Scope::Session)))
}

/// `GET /admin/variables`
pub(crate) async fn node_variables(call: &Call<'_>) -> Answer {
    let mut all = shown_variables(call, Scope::Global);
    all.insert("role".into(), "standalone".into());
    ok(Out::Object(all))
}

/// `GET /variables/global/{variable_name}`
pub(crate) async fn global_variable(call: &Call<'_>) -> Answer {
    one_variable(call, Scope::Global)
}

/// `GET /variables/session/{variable_name}`
pub(crate) async fn session_variable(call: &Call<'_>) -> Answer {
    one_variable(call, Scope::Session)
}

/// `GET /admin/variables/{variable_name}`
pub(crate) async fn node_variable(call: &Call<'_>) -> Answer {
    match call.param("variable_name") {
        "role" => ok(json!({ "role": "standalone" })),
        _ => one_variable(call, Scope::Global),
    }
}

fn no_variable(name: &str) -> Failure {
    let text = format!("No system variable is found: {name}");
    Failure::new(code::NO_SYSTEM_VARIABLE, text)
}

/// `SET /variables/global`
pub(crate) async fn set_global_variable(call: &Call<'_>) -> Answer {
    set_variable(call, Scope::Global)
}

/// `SET /variables/session`
pub(crate) async fn set_session_variable(call: &Call<'_>) -> Answer {
    set_variable(call, Scope::Session)
}

fn set_variable(call: &Call<'_>, scope: Scope) -> Answer {
    let body = request::body(call)?;
    let [(name, _)] = body.as_object().unwrap_or_default() else {
        return Err(Failure::new(code::COMMAND, "No variable will be set"));
    };
    match variables(call, scope)
        .iter()
        .any(|(known, _)| *known == name.as_str())
    {
        true => Err(Failure::new(
            code::READ_ONLY_VARIABLE,
            format!("{name} is read-only"),
        )),
        false => Err(no_variable(name)),
    }
}

/// An answer with an empty list: this server keeps none of what it is about.
fn none_of(key: &str) -> Answer {
    ok(Out::Object(Map::from_iter([(
        key.to_owned(),
        Out::Array(Vec::new()),
    )])))
}

/// Lists of the instance, each with its key.
macro_rules! lists {
    ($($path:literal $name:ident $key:literal;)*) => {$(
        #[doc = concat!("`GET ", $path, "`")]
        pub(crate) async fn $name(_call: &Call<'_>) -> Answer {
            none_of($key)
        }
    )*};
}

lists! {
    "/instance/buffer" buffer "buffer";
    "/instance/profiles" profiles "profiles";
    "/instance/memindex" memindex "index";
    "/instance/queries" queries "queries";
    "/instance/logs" instance_logs "logs";
    "/instance/transactions" transactions "transactions";
    "/instance/objects" objects "objects";
    "/instance/files" files "files";
    "/instance/memory/objects" memory_objects "memory_objects";
    "/instance/memory/allocations" memory_allocations "memory_allocations";
    "/admin/logs" logs "logs";
    "/admin/catalogs" catalogs "catalogs";
}

/// `GET /instance/memory`
pub(crate) async fn memory(call: &Call<'_>) -> Answer {
    let resident = call.context.metrics.resources().resident_bytes;
    ok(json!({ "memory": resident.unwrap_or(0).to_string() }))
}

/// `GET /instance/queries/{query_id}`: queries are not kept.
pub(crate) async fn one_query(call: &Call<'_>) -> Answer {
    missing(code::NOT_FOUND, "Query", call.param("query_id"))
}

/// `GET /instance/transactions/{transaction_id}`: writes are atomic by themselves.
pub(crate) async fn one_transaction(call: &Call<'_>) -> Answer {
    let id = call.param("transaction_id");
    missing(code::NO_TRANSACTION, "Transaction", id)
}

/// `GET /instance/objects/{object_name}`
pub(crate) async fn one_object(call: &Call<'_>) -> Answer {
    missing(code::NOT_FOUND, "Object", call.param("object_name"))
}

fn missing(number: u32, what: &str, name: &str) -> Answer {
    Err(Failure::new(number, format!("{what}: {name} not found")))
}

/// `GET /instance/delta_checkpoint` and `/instance/global_checkpoint`, of version 0.5.2: what was
/// acknowledged is durable already.
pub(crate) async fn checkpoint(_call: &Call<'_>) -> Answer {
    done()
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
        _ => Err(Failure::new(
            code::NODE_ROLE,
            format!("Invalid node role: {role}"),
        )),
    }
}

/// `GET /admin/node/{node_name}`
pub(crate) async fn one_node(call: &Call<'_>) -> Answer {
    match call.param("node_name") {
        "standalone" => ok(json!({ "node": node() })),
        name => Err(Failure::new(
            code::NO_NODE,
            format!("Node: {name} doesn't exist."),
        )),
    }
}

/// `DELETE /admin/node/{node_name}`
pub(crate) async fn remove_node(call: &Call<'_>) -> Answer {
    match call.param("node_name") {
        "standalone" => Err(Failure::not_supported("the removal of the only node")),
        name => Err(Failure::new(
            code::NO_NODE,
            format!("Node: {name} doesn't exist."),
        )),
    }
}
