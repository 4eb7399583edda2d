//! The table of routes.

use gateway::Access::{Describe, Listed, Manage, Observe, Open, Read, Tend, Write};
use gateway::{Intake, Route};
use http::Method;

use crate::{collections, envelope, indexes, partitions, segments, system, vectors};

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
                    envelope::finish(answer)
                })
            },
            doc: $doc,
        }
    };
}

/// The row for browsers that ask before they send.
macro_rules! options {
    ($path:literal) => {
        route!(
            OPTIONS,
            $path,
            Open,
            envelope::options,
            "For pages of other origins"
        )
    };
}

/// Every route of the dialect.
#[rustfmt::skip]
pub(crate) const ROUTES: &[Route] = &[
    route!(GET, "/", Open, envelope::welcome, "A welcome"),
    route!(GET, "/state", Open, system::state, "Whether the server runs"),
    route!(GET, "/devices", Observe, system::devices, "Memory of the machine"),
    route!(GET, "/config/advanced", Observe, system::advanced, "Three settings"),
    route!(PUT, "/config/advanced", Manage, system::set_advanced, "Changes three settings"),
    options!("/config/advanced"),
    route!(GET, "/config/gpu_resources", Open, system::gpu, "404: no build has GPUs"),
    route!(PUT, "/config/gpu_resources", Open, system::gpu, "404: no build has GPUs"),
    route!(OPTIONS, "/config/gpu_resources", Open, system::gpu, "404: no build has GPUs"),
    route!(GET, "/collections", Listed, collections::list, "Collections, page by page"),
    route!(POST, "/collections", Manage, collections::create, "Creates a collection"),
    options!("/collections"),
    route!(GET, "/collections/{collection_name}", Describe,
        collections::get, "A collection, or what is in its partitions (`info=stat`)"),
    route!(DELETE, "/collections/{collection_name}", Manage,
        collections::delete, "Drops a collection"),
    options!("/collections/{collection_name}"),
    route!(GET, "/collections/{collection_name}/indexes", Describe,
        indexes::get, "The index of a collection"),
    route!(POST, "/collections/{collection_name}/indexes", Tend,
        indexes::create, "Chooses the index"),
    route!(DELETE, "/collections/{collection_name}/indexes", Tend,
        indexes::delete, "Goes back to exact scans"),
    options!("/collections/{collection_name}/indexes"),
    route!(GET, "/collections/{collection_name}/partitions", Describe,
        partitions::list, "Partitions, page by page"),
    route!(POST, "/collections/{collection_name}/partitions", Tend,
        partitions::create, "Creates a partition"),
    route!(DELETE, "/collections/{collection_name}/partitions", Tend,
        partitions::delete, "Drops a partition with its vectors"),
    options!("/collections/{collection_name}/partitions"),
    route!(GET, "/collections/{collection_name}/segments", Describe,
        segments::list, "Segments, page by page"),
    route!(GET, "/collections/{collection_name}/segments/{segment_name}/ids", Describe,
        segments::ids, "Ids in a segment, page by page"),
    route!(GET, "/collections/{collection_name}/segments/{segment_name}/vectors", Describe,
        segments::vectors, "Vectors in a segment, page by page"),
    route!(GET, "/collections/{collection_name}/segments/{segment_name}/{info}", Describe,
        segments::other, "`null`"),
    route!(GET, "/collections/{collection_name}/vectors", Read,
        vectors::get, "Vectors by id"),
    route!(POST, "/collections/{collection_name}/vectors", Write,
        vectors::insert, "Inserts vectors"),
    route!(PUT, "/collections/{collection_name}/vectors", Read,
        vectors::put, "Searches, or deletes with a key that writes"),
    options!("/collections/{collection_name}/vectors"),
    route!(GET, "/system/{msg}", Observe, system::message,
        "Facts: status, version, mode, info, tasktable, build_commit_id; `config`: all settings"),
    route!(PUT, "/system/{msg}", Manage, system::put,
        "`config`: changes settings; `task`: load, flush, compact, release"),
    options!("/system/{msg}"),
];
