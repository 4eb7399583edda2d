//! Why stored blocks of an index cannot be opened.

/// What is wrong with the bytes of a block.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the index lacks its block `{name}`")]
    Missing { name: &'static str },
    #[error("the {what} take {bytes} bytes, which is not a whole number of them")]
    Length { what: &'static str, bytes: usize },
    #[error("block `{name}` has an unknown format")]
    Format { name: &'static str },
    #[error("block `{name}` ends early: {bytes} bytes of {expected}")]
    Short {
        name: &'static str,
        bytes: usize,
        expected: usize,
    },
    #[error("the {what} of the index is {got}, of its rows {expected}")]
    Mismatch {
        what: &'static str,
        got: usize,
        expected: usize,
    },
    #[error("a link of node {node} on level {level} leads to {target}, outside the graph")]
    Link {
        level: usize,
        node: usize,
        target: u32,
    },
    #[error("the index gives an impossible {what}: {value}")]
    Value { what: &'static str, value: f64 },
}

impl From<OpenError> for model::Error {
    fn from(cause: OpenError) -> Self {
        Self::corrupt(cause.to_string())
    }
}
