//! Why stored blocks of an index cannot be opened.

use crate::aligned::LINE_BYTES;

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

/// The four numbers behind the magic of a block of codes.
pub(crate) fn header(bytes: &[u8], name: &'static str) -> Result<[u32; 4], OpenError> {
    let Some(header) = bytes.get(..LINE_BYTES) else {
        return Err(OpenError::Short {
            name,
            bytes: bytes.len(),
            expected: LINE_BYTES,
        });
    };
    let words = header[8..].as_chunks::<4>().0;
    Ok(std::array::from_fn(|at| u32::from_le_bytes(words[at])))
}

/// Refuses an index that is not of these rows.
pub(crate) fn same(what: &'static str, got: usize, expected: usize) -> Result<(), OpenError> {
    if got == expected {
        return Ok(());
    }
    Err(OpenError::Mismatch {
        what,
        got,
        expected,
    })
}

/// Refuses a block that is cut or too long.
pub(crate) fn whole(name: &'static str, bytes: usize, expected: usize) -> Result<(), OpenError> {
    if bytes == expected {
        return Ok(());
    }
    Err(OpenError::Short {
        name,
        bytes,
        expected,
    })
}

impl From<OpenError> for model::Error {
    fn from(cause: OpenError) -> Self {
        Self::corrupt(cause.to_string())
    }
}
