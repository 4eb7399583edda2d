//! The table of routes.

use std::sync::OnceLock;

use gateway::Access::{Describe, Inspect, Listed, Manage, Observe, Read, Tend, Write};
use gateway::{Intake, Route};
use http::Method;

use crate::{
    answer, columns, databases, documents, indexes, portable, search, service, settings, snapshots,
    storage, tables,
};

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
        routes.extend(parts());
        routes.extend(rows());
        routes.extend(kept());
        routes.extend(server());
        routes.extend(instance());
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
        route!(M::GET, "/databases/{database_name}/tables/{table_name}", Describe,
            tables::show, "A table"),
        route!(M::POST, "/databases/{database_name}/tables/{table_name}", Manage,
            tables::create, "Creates a table"),
        route!(M::DELETE, "/databases/{database_name}/tables/{table_name}", Manage,
            tables::delete, "Drops a table"),
        route!(M::PUT, "/databases/{database_name}/tables/{table_name}/compact", Tend,
            tables::tend, "Nothing to do: segments are merged in the background"),
        route!(M::PUT, "/databases/{database_name}/tables/{table_name}/optimize", Tend,
            tables::tend, "Nothing to do: indexes are built in the background"),
        route!(M::GET, "/databases/{database_name}/tables/{table_name}/columns", Describe,
            columns::list, "Columns of a table"),
        route!(M::POST, "/databases/{database_name}/tables/{table_name}/columns", Manage,
            columns::add, "Adds columns, with their defaults in every row"),
        route!(M::DELETE, "/databases/{database_name}/tables/{table_name}/columns", Manage,
            columns::remove, "Drops columns and their values"),
        route!(M::POST, "/databases/{database_name}/tables/{table_name}/rename", Manage,
            tables::rename, "Gives a table another name"),
    ]
}

#[rustfmt::skip]
fn parts() -> Vec<Route> {
    use Method as M;
    vec![
        route!(M::GET, "/databases/{database_name}/tables/{table_name}/indexes", Inspect,
            indexes::list, "Indexes of a table"),
        route!(M::GET, "/databases/{database_name}/tables/{table_name}/indexes/{index_name}",
            Inspect, indexes::show, "An index"),
        route!(M::POST, "/databases/{database_name}/tables/{table_name}/indexes/{index_name}",
            Tend, indexes::create, "Creates an index on a column"),
        route!(M::DELETE, "/databases/{database_name}/tables/{table_name}/indexes/{index_name}",
            Tend, indexes::delete, "Drops an index"),
        route!(M::PUT, "/databases/{database_name}/tables/{table_name}/indexes/{index_name}",
            Tend, indexes::alter, "Changes how an index shortens vectors"),
        route!(M::GET,
            concat!("/databases/{database_name}/tables/{table_name}",
                "/indexes/{index_name}/segment/{segment_id}"),
            Inspect, indexes::one_segment, "A segment of an index"),
        route!(M::GET,
            concat!("/databases/{database_name}/tables/{table_name}",
                "/indexes/{index_name}/segment/{segment_id}/chunk/{chunk_id}"),
            Inspect, indexes::one_chunk, "A chunk of an index"),
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
        route!(M::GET, "/databases/{database_name}/tables/{table_name}/meta", Describe,
            search::explain, "Says how a search would be done"),
        route!(M::POST, "/databases/{database_name}/tables/{table_name}/meta", Describe,
            search::explain, "The same, for browsers"),
        route!(M::PUT, "/databases/{database_name}/tables/{table_name}", Manage,
            portable::import, "Reads rows from a file of the exchange directory"),
        route!(M::GET, "/databases/{database_name}/table/{table_name}", Manage,
            portable::export, "Writes rows to a new file of the exchange directory"),
        route!(M::POST, "/databases/{database_name}/table/{table_name}", Manage,
            portable::export, "The same, for browsers"),
    ]
}

#[rustfmt::skip]
fn kept() -> Vec<Route> {
    use Method as M;
    vec![
        route!(M::GET, "/snapshots", Observe, snapshots::list, "Snapshots"),
        route!(M::POST, "/snapshots", Manage,
            snapshots::create, "Keeps the present state of a table"),
        route!(M::POST, "/snapshots/restore", Manage,
            snapshots::restore, "Brings a table back that was dropped"),
        route!(M::GET, "/snapshots/{snapshot_name}", Observe, snapshots::show, "A snapshot"),
        route!(M::DELETE, "/snapshots/{snapshot_name}", Manage,
            snapshots::delete, "Lets a snapshot go"),
        route!(M::POST, "/snapshots/database", Manage,
            snapshots::create_of_database, "Keeps the present state of a database"),
        route!(M::POST, "/snapshots/database/restore", Manage,
            snapshots::restore_database, "Brings a database back that was dropped"),
        route!(M::POST, "/snapshots/system", Manage,
            snapshots::create_of_system, "Keeps the present state of every database"),
        route!(M::POST, "/snapshots/system/restore", Manage,
            snapshots::restore_system, "Brings everything back as it was"),
    ]
}

#[rustfmt::skip]
fn server() -> Vec<Route> {
    use Method as M;
    vec![
        route!(M::GET, "/configs", Observe, settings::configs, "Configuration"),
        route!(M::GET, "/configs/{config_name}", Observe, settings::config, "One setting"),
        route!(M::POST, "/configs", Manage,
            settings::set, "Changes `log_level` or `cleanup_interval`"),
        route!(M::GET, "/variables/global", Observe, service::global_variables, "Variables"),
        route!(M::GET, "/variables/session", Observe,
            service::session_variables, "Variables of this request"),
        route!(M::GET, "/variables/global/{variable_name}", Observe,
            service::global_variable, "One variable"),
        route!(M::GET, "/variables/session/{variable_name}", Observe,
            service::session_variable, "One variable of this request"),
        route!(set(), "/variables/global", Manage,
            service::set_global_variable, "Refused: variables are read-only"),
        route!(set(), "/variables/session", Manage,
            service::set_session_variable, "Refused: variables are read-only"),
        route!(M::GET, "/admin/nodes", Observe, service::nodes, "The one node"),
        route!(M::GET, "/admin/node/current", Observe, service::current_node, "This node"),
        route!(M::POST, "/admin/node/current", Manage,
            service::set_role, "Takes the role standalone only"),
        route!(M::GET, "/admin/node/{node_name}", Observe, service::one_node, "A node"),
        route!(M::DELETE, "/admin/node/{node_name}", Manage,
            service::remove_node, "Refused: there is one node"),
        route!(M::GET, "/admin/variables", Observe, service::node_variables, "Variables"),
        route!(M::GET, "/admin/variables/{variable_name}", Observe,
            service::node_variable, "One variable"),
        route!(M::GET, "/admin/configs", Observe, settings::configs, "Configuration"),
        route!(M::GET, "/admin/logs", Observe, service::logs, "Logs of a cluster: none"),
        route!(M::GET, "/admin/catalogs", Observe,
            service::catalogs, "Catalogs of a cluster: none (0.5.2)"),
    ]
}

#[rustfmt::skip]
fn instance() -> Vec<Route> {
    use Method as M;
    vec![
        route!(M::GET, "/instance/buffer", Observe, service::buffer, "Buffers: none"),
        route!(M::GET, "/instance/profiles", Observe, service::profiles, "Profiles: none"),
        route!(M::GET, "/instance/memindex", Observe,
            service::memindex, "Indexes in memory: none"),
        route!(M::GET, "/instance/queries", Observe, service::queries, "Queries: none are kept"),
        route!(M::GET, "/instance/queries/{query_id}", Observe, service::one_query, "A query"),
        route!(M::GET, "/instance/logs", Observe, service::instance_logs, "Logs: none"),
        route!(M::GET, "/instance/transactions", Observe,
            service::transactions, "Transactions: none"),
        route!(M::GET, "/instance/transactions/{transaction_id}", Observe,
            service::one_transaction, "A transaction"),
        route!(M::GET, "/instance/objects", Observe, service::objects, "Objects: none"),
        route!(M::GET, "/instance/objects/{object_name}", Observe,
            service::one_object, "An object"),
        route!(M::GET, "/instance/files", Observe, service::files, "Files: none"),
        route!(M::GET, "/instance/memory", Observe, service::memory, "Resident memory"),
        route!(M::GET, "/instance/memory/objects", Observe,
            service::memory_objects, "Objects in memory: none"),
        route!(M::GET, "/instance/memory/allocations", Observe,
            service::memory_allocations, "Allocations: none are kept"),
        route!(M::POST, "/instance/flush", Manage,
            service::flush, "Nothing to do: what is acknowledged is durable"),
        route!(M::GET, "/instance/delta_checkpoint", Observe,
            service::checkpoint, "The same (0.5.2)"),
        route!(M::GET, "/instance/global_checkpoint", Observe,
            service::checkpoint, "The same (0.5.2)"),
        route!(M::POST, "/instance/table/compact", Manage,
            tables::compact, "Nothing to do: segments are merged in the background (0.5.2)"),
    ]
}
