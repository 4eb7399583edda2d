//! The registry of dialects: a further one is a folder beside and a line here.

use gateway::Dialect;

/// Every dialect, in the order of their chapters in the manual.
pub fn all() -> &'static [&'static dyn Dialect] {
    &[
        &qdrant::Qdrant,
        &milvus::Milvus,
        &infinity::Infinity,
        &lynse::Lynse,
    ]
}
