//! The table of routes.

use std::sync::OnceLock;

use gateway::Access::{Inspect, Listed, Manage, Observe, Read, Tend, Write};
use gateway::{Intake, Route};
use http::Method;

use crate::{answer, columns, databases, documents, indexes, search, service, storage, tables};

macro_rules! route {
    ($method:expr, $path:expr, $access:ident, $handler:path, $doc:literal) => {
        Route {
            method: $method,
            path: $path,
            access: $access,
            intake: Intake::Whole,
            handler: |call| Box::pin(async move { answer::finish($handler(&call).await) }),
            doc: $doc,
        }
    };
}

/// Every route of the dialect.
pub(crate) fn all() -> &'static [Route] {
    // Not a constant: one method is Infinity's own.
    static ROUTES: OnceLock<Vec<Route>> = OnceLock::new();
    ROUTES.get_or_init(|| {
        let mut routes = schema();
        routes.extend(rows());
        routes.extend(server());
        routes
    })
}

/// The method that sets variables.
fn set() -> Method {
    Method::from_bytes(b"SET").expect("three letters are a method")
}

#[rustfmt::skip]
fn schema() -> Vec<Route> {
    use Method as M;
    vec![
        route!(M::GET, "/databases", Listed, databases::list, "Names of the databases"),
        route!(M::GET, "/databases/{database_name}", Observe, databases::show, "A database"),
        route!(M::POST, "/databases/{database_name}", Manage,
            databases::create, "Creates a database"),
        route!(M::DELETE, "/databases/{database_name}", Manage,
            databases::delete, "Drops a database and its tables"),
        route!(M::GET, "/databases/{database_name}/tables", Observe,
            tables::list, "Names of the tables"),
        route!(M::GET, "/databases/{database_name}/tables/{table_name}", Read,
            tables::show, "A table"),
        route!(M::POST, "/databases/{database_name}/tables/{table_name}", Manage,
            tables::create, "Creates a table"),
        route!(M::DELETE, "/databases/{database_name}/tables/{table_name}", Manage,
            tables::delete, "Drops a table"),
        route!(M::PUT, "/databases/{database_name}/tables/{table_name}/compact", Tend,
            tables::tend, "Nothing to do: segments are merged in the background"),
        route!(M::PUT, "/databases/{database_name}/tables/{table_name}/optimize", Tend,
            tables::tend, "Nothing to do: indexes are built in the background"),
        route!(M::GET, "/databases/{database_name}/tables/{table_name}/columns", Read,
            columns::list, "Columns of a table"),
        route!(M::POST, "/databases/{database_name}/tables/{table_name}/columns", Manage,
            columns::add, "Adds columns, with their defaults in every row"),
        route!(M::DELETE, "/databases/{database_name}/tables/{table_name}/columns", Manage,
            columns::remove, "Drops columns and their values"),
        route!(M::GET, "/databases/{database_name}/tables/{table_name}/indexes", Inspect,
            indexes::list, "Indexes of a table"),
        route!(M::GET, "/databases/{database_name}/tables/{table_name}/indexes/{index_name}",
            Inspect, indexes::show, "An index"),
        route!(M::POST, "/databases/{database_name}/tables/{table_name}/indexes/{index_name}",
            Tend, indexes::create, "Creates an index on a column"),
        route!(M::DELETE, "/databases/{database_name}/tables/{table_name}/indexes/{index_name}",
            Tend, indexes::delete, "Drops an index"),
        route!(M::PUT, "/databases/{database_name}/tables/{table_name}/indexes/{index_name}/dump",
            Tend, indexes::dump, "Nothing to do: what is acknowledged is durable"),
        route!(M::GET, "/databases/{database_name}/tables/{table_name}/segments", Inspect,
            storage::segments, "Segments of a table"),
        route!(M::GET, "/databases/{database_name}/tables/{table_name}/segments/{segment_id}",
            Inspect, storage::one_segment, "A segment"),
        route!(M::GET,
            "/databases/{database_name}/tables/{table_name}/segments/{segment_id}/blocks",
            Inspect, storage::blocks, "Blocks of a segment"),
        route!(M::GET,
            concat!("/databases/{database_name}/tables/{table_name}",
                "/segments/{segment_id}/blocks/{block_id}"),
            Inspect, storage::one_block, "A block"),
        route!(M::GET,
            concat!("/databases/{database_name}/tables/{table_name}",
                "/segments/{segment_id}/blocks/{block_id}/{column_id}"),
            Inspect, storage::block_column, "A column of a block"),
    ]
}

#[rustfmt::skip]
fn rows() -> Vec<Route> {
    use Method as M;
    vec![
        route!(M::POST, "/databases/{database_name}/tables/{table_name}/docs", Write,
            documents::insert, "Inserts rows"),
        route!(M::DELETE, "/databases/{database_name}/tables/{table_name}/docs", Write,
            documents::delete, "Deletes the rows that match"),
        route!(M::PUT, "/databases/{database_name}/tables/{table_name}/docs", Write,
            documents::update, "Changes values of the rows that match"),
        route!(M::GET, "/databases/{database_name}/tables/{table_name}/docs", Read,
            search::select, "Finds rows; the body says which"),
        route!(M::POST, "/databases/{database_name}/tables/{table_name}/docs/search", Read,
            search::select, "The same, for browsers, whose GET has no body"),
    ]
}

#[rustfmt::skip]
fn server() -> Vec<Route> {
    use Method as M;
    vec![
        route!(M::GET, "/configs", Observe, service::configs, "Configuration"),
        route!(M::GET, "/configs/{config_name}", Observe, service::config, "One setting"),
        route!(M::POST, "/configs", Manage,
            service::set_config, "Refused: settings come from the command line"),
        route!(M::GET, "/variables/global", Observe, service::all_variables, "Variables"),
        route!(M::GET, "/variables/session", Observe, service::all_variables, "Variables"),
        route!(M::GET, "/variables/global/{variable_name}", Observe,
            service::variable, "One variable"),
        route!(M::GET, "/variables/session/{variable_name}", Observe,
            service::variable, "One variable"),
        route!(set(), "/variables/global", Manage,
            service::set_variable, "Refused: variables are read-only"),
        route!(set(), "/variables/session", Manage,
            service::set_variable, "Refused: variables are read-only"),
        route!(M::GET, "/instance/{list}", Observe,
            service::instance, "Buffers, queries, files and so on, as far as there are any"),
        route!(M::POST, "/instance/flush", Manage,
            service::flush, "Nothing to do: what is acknowledged is durable"),
        route!(M::GET, "/admin/nodes", Observe, service::nodes, "The one node"),
        route!(M::GET, "/admin/node/current", Observe, service::current_node, "This node"),
        route!(M::POST, "/admin/node/current", Manage,
            service::set_role, "Takes the role standalone only"),
        route!(M::GET, "/admin/node/{node_name}", Observe, service::one_node, "A node"),
        route!(M::DELETE, "/admin/node/{node_name}", Manage,
            service::remove_node, "Refused: there is one node"),
        route!(M::GET, "/admin/variables", Observe, service::all_variables, "Variables"),
        route!(M::GET, "/admin/variables/{variable_name}", Observe,
            service::variable, "One variable"),
        route!(M::GET, "/admin/configs", Observe, service::configs, "Configuration"),
        route!(M::GET, "/admin/logs", Observe, service::logs, "Logs of a cluster: none"),
    ]
}
