//! The table of routes.

use gateway::Access::{Describe, Listed, Manage, Observe, Open, Read, Write};
use gateway::{Intake, Route};
use http::Method;

use crate::{
    blob, collection, conceal, database, field, index, portable, profile, records, reply, retrieve,
    search, system, text, write,
};

/// A row: method, path, access, handler, and a line for the manual.
macro_rules! route {
    ($method:ident, $path:literal, $access:ident, $handler:path, $doc:literal) => {
        Route {
            method: Method::$method,
            path: $path,
            access: $access,
            intake: Intake::Whole,
            handler: |call| {
                Box::pin(async move {
                    let answer = $handler(&call).await;
                    reply::finish(answer)
                })
            },
            doc: $doc,
        }
    };
}

/// Every route of the dialect.
#[rustfmt::skip]
pub(crate) const ROUTES: &[Route] = &[
    route!(GET, "/", Open, system::root, "Greeting"),
    route!(GET, "/healthz", Open, system::live, "Whether the process lives"),
    route!(GET, "/readyz", Open, system::ready, "Whether requests can be answered"),
    route!(GET, "/openapi.json", Listed, system::openapi, "This interface, as OpenAPI has it"),
    route!(GET, "/metrics", Observe, system::metrics, "Metrics for Prometheus"),
    route!(POST, "/create_database", Manage, database::create, "Creates a database"),
    route!(POST, "/drop_database", Manage, database::drop, "Drops a database"),
    route!(POST, "/delete_database", Manage, database::drop, "Drops a database"),
    route!(POST, "/database_exists", Observe, database::exists, "Whether a database exists"),
    route!(GET, "/list_databases", Observe, database::list, "Names of the databases"),
    route!(POST, "/snapshot_database", Manage,
        portable::snapshot_database, "Writes a snapshot of a database to a new directory"),
    route!(POST, "/restore_database", Manage,
        portable::restore_database, "Brings a database back from a directory"),
    route!(POST, "/required_collection", Manage,
        collection::require, "Opens a collection, or creates it"),
    route!(POST, "/drop_collection", Manage, collection::drop, "Drops a collection"),
    route!(POST, "/is_collection_exists", Describe,
        collection::exists, "Whether a collection exists"),
    route!(POST, "/show_collections", Observe, collection::show, "Names of the collections"),
    route!(POST, "/show_collections_details", Observe,
        collection::show_details, "Collections with shape and settings"),
    route!(POST, "/collection_shape", Describe, collection::shape, "Rows and dimension"),
    route!(POST, "/stats", Describe, collection::stats, "Numbers of rows, index mode, largest id"),
    route!(POST, "/get_collection_config", Describe,
        collection::config, "Settings of a collection"),
    route!(POST, "/get_collection_path", Describe, collection::path, "A name for where it is"),
    route!(POST, "/update_description", Manage, collection::describe, "Sets the description"),
    route!(POST, "/update_collection_description", Manage,
        collection::describe, "Sets the description"),
    route!(POST, "/close_collection", Describe, collection::settle, "Waits for nothing"),
    route!(POST, "/flush", Describe, collection::settle, "Waits for nothing: writes are durable"),
    route!(POST, "/checkpoint", Describe,
        collection::settle, "Waits for nothing: writes are durable"),
    route!(POST, "/snapshot_collection", Manage,
        portable::snapshot, "Writes a snapshot to a new directory"),
    route!(POST, "/restore_collection", Manage,
        portable::restore, "Brings a collection back from a directory"),
    route!(POST, "/export_collection", Manage,
        portable::export, "Writes rows and fields to a new directory, for any LynseDB"),
    route!(POST, "/import_collection", Manage,
        portable::import, "Reads a collection that was exported"),
    route!(POST, "/index_mode", Describe, collection::index_mode, "Index mode of the vectors"),
    route!(POST, "/max_id", Read, collection::largest_id, "The largest id that is a number"),
    route!(POST, "/is_id_exists", Read, collection::id_exists, "Whether a point exists"),
    route!(POST, "/list_fields", Read, collection::list_fields, "Names of the fields"),
    route!(POST, "/add_item", Write, write::add_item, "Adds a point"),
    route!(POST, "/bulk_add_items", Write, write::bulk_add, "Adds points"),
    route!(POST, "/bulk_add_binary", Write, write::bulk_add_binary, "Adds rows of bytes"),
    route!(POST, "/upsert_items", Write, write::upsert, "Writes points, new or not"),
    route!(POST, "/commit", Write, write::commit, "Adds what is left to be added"),
    route!(POST, "/delete_items", Write, conceal::delete, "Deletes points softly"),
    route!(POST, "/restore_items", Write, conceal::restore, "Brings deleted points back"),
    route!(POST, "/list_deleted_ids", Read, conceal::list, "Points that are deleted softly"),
    route!(POST, "/compact", Write, conceal::compact, "Removes deleted points for good"),
    route!(POST, "/build_index", Manage, index::build, "Chooses index and metric"),
    route!(POST, "/remove_index", Manage, index::remove, "Goes back to exact search"),
    route!(POST, "/build_vector_field_index", Manage,
        index::build_named, "Chooses index and metric of a named field"),
    route!(POST, "/remove_vector_field_index", Manage,
        index::remove_named, "Goes back to exact search of a named field"),
    route!(POST, "/create_vector_field", Manage, field::create, "Creates a named field"),
    route!(POST, "/list_vector_fields", Read, field::list, "Vector fields"),
    route!(POST, "/add_named_vectors", Write, field::add_named, "Adds vectors of a named field"),
    route!(POST, "/add_sparse_vectors", Write, field::add_sparse, "Sets sparse vectors"),
    route!(POST, "/search", Read, search::one, "Points near a vector"),
    route!(POST, "/search_binary", Read, search::one_binary, "Points near a vector, as bytes"),
    route!(POST, "/batch_search", Read, search::batch, "Points near each of several vectors"),
    route!(POST, "/batch_search_binary", Read,
        search::batch_binary, "Points near each of several vectors, as bytes"),
    route!(POST, "/search_profile", Read, profile::search, "A search, and how it went"),
    route!(POST, "/search_range", Read, search::range, "All points that are near enough"),
    route!(POST, "/sparse_search", Read, search::sparse, "Points near a sparse vector"),
    route!(POST, "/text_search", Read, text::search, "Points by their texts (BM25)"),
    route!(POST, "/hybrid_search", Read, text::hybrid, "Points by vector and text together"),
    route!(POST, "/query", Read, retrieve::query, "Fields by condition or id"),
    route!(POST, "/query_vectors", Read,
        retrieve::query_vectors, "Vectors and fields by condition or id"),
    route!(POST, "/read_by_only_id", Read, retrieve::read, "Vectors and fields by id"),
    route!(POST, "/head", Read, retrieve::head, "The first points"),
    route!(GET, "/head_binary", Read, retrieve::head_binary, "The first points, as bytes"),
    route!(POST, "/tail", Read, retrieve::tail, "The last points"),
    route!(GET, "/tail_binary", Read, retrieve::tail_binary, "The last points, as bytes"),
    route!(POST, "/add", Write, write::bulk_add, "Adds points (0.4 and later)"),
    route!(POST, "/upsert", Write, write::upsert, "Writes points, new or not (0.4 and later)"),
    route!(POST, "/add_records_binary", Write,
        records::add_records, "Adds rows, ids and fields of bytes (0.4 and later)"),
    route!(POST, "/upsert_records_binary", Write,
        records::upsert_records, "Writes rows, ids and fields of bytes (0.4 and later)"),
    route!(POST, "/delete", Write, conceal::delete, "Deletes points softly (0.4 and later)"),
    route!(POST, "/restore", Write, conceal::restore, "Brings points back (0.4 and later)"),
    route!(POST, "/bm25_search", Read, text::search, "Points by their texts (0.4 and later)"),
    route!(POST, "/write_blob", Write,
        blob::write, "Keeps bytes with a collection, under a key (0.9)"),
    route!(GET, "/read_blob", Read, blob::read, "Such bytes, or a part of them (0.9)"),
    route!(POST, "/delete_blob", Write, blob::delete, "Lets such bytes go (0.9)"),
];
