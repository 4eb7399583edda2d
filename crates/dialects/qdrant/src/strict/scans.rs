//! Searches that would compare every vector, because their field has no graph.
//!
//! A collection that forbids exact searches forbids these too: `m = 0` says that there is no graph
//! over all points. A filter by a tenant leaves the points of one, over which there may be graphs.

use model::{Filter, IndexChoice, Rank, Schema, Value, VectorKind, VectorName};

use super::filters::{self, Leaf};
use super::limits::refused;
use crate::collections;
use crate::error::Failure;

/// Refuses a search by vectors of a field without a graph.
pub(super) fn check(
    schema: &Schema,
    rank: Option<&Rank>,
    filter: Option<&Filter>,
) -> Result<(), Failure> {
    let Some(name) = rank.and_then(field) else {
        return Ok(());
    };
    let Some(field) = schema.vectors.iter().find(|field| field.name == *name) else {
        return Ok(());
    };
    if matches!(field.kind, VectorKind::Sparse { .. }) || !lacks_graph(schema, field.index) {
        return Ok(());
    }
    let place = if name.is_unnamed() {
        String::new()
    } else {
        format!(" on '{}'", name.as_str())
    };
    if !filter.is_some_and(|filter| names_tenant(schema, filter)) {
        return Err(refused(
            format_args!(
                "Request is forbidden{place} because global vector indexing is disabled \
                 (hnsw_config.m = 0)"
            ),
            "Use tenant-specific filter, enable global vector indexing or enable strict mode \
             `search_allow_exact` option",
        ));
    }
    if collections::payload_m(schema, name)?.unwrap_or(0) == 0 {
        return Err(refused(
            format_args!(
                "Request is forbidden{place} because vector indexing is disabled \
                 (hnsw_config.m = 0 and hnsw_config.payload_m = 0)"
            ),
            "Enable vector indexing, use a prefetch query with indexed vectors or enable strict \
             mode `search_allow_exact` option",
        ));
    }
    Ok(())
}

/// The field whose vectors are compared.
fn field(rank: &Rank) -> Option<&VectorName> {
    match rank {
        Rank::Nearest { field, .. }
        | Rank::Diverse { field, .. }
        | Rank::Recommend { field, .. }
        | Rank::Discover { field, .. }
        | Rank::Context { field, .. }
        | Rank::Feedback(model::Feedback { field, .. }) => Some(field),
        Rank::OrderBy(_) | Rank::Sample { .. } | Rank::Fusion(_) | Rank::Formula(_) => None,
    }
}

fn lacks_graph(schema: &Schema, index: Option<IndexChoice>) -> bool {
    match index {
        None => schema.hnsw.m == 0,
        Some(IndexChoice::Graph(config)) => config.m == 0,
        Some(IndexChoice::Exact) => true,
        // Another dialect's, and no scan.
        Some(IndexChoice::Ivf(_) | IndexChoice::Postings(_)) => false,
    }
}

/// Whether a condition is about a key that was indexed as that of tenants.
fn names_tenant(schema: &Schema, filter: &Filter) -> bool {
    let found = filters::walk(filter, &mut |leaf| match leaf {
        Leaf::Field(path, _) => match schema.index(&path) {
            Some(index) if index.params.attributes.get("is_tenant") == Some(&Value::Bool(true)) => {
                Err(())
            }
            Some(_) | None => Ok(()),
        },
        Leaf::Ids(_) | Leaf::Other => Ok(()),
    });
    found.is_err()
}
