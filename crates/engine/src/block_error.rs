//! Why stored blocks of a segment cannot be opened.

/// What is wrong with the stored rows of a segment.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum BlockError {
    #[error("the segment lacks its block `{name}`")]
    Missing { name: String },
    #[error("block `{name}` is damaged")]
    Damaged { name: &'static str },
    #[error("the vectors `{field}` are damaged")]
    Vectors { field: String },
    #[error("the rows have format version {version}, which this build does not know")]
    Version { version: u32 },
    #[error("block `{name}` holds {got} rows instead of {expected}")]
    Rows {
        name: &'static str,
        got: usize,
        expected: usize,
    },
}

impl From<BlockError> for model::Error {
    fn from(cause: BlockError) -> Self {
        Self::corrupt(cause.to_string())
    }
}
