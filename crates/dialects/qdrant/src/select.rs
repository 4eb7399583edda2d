//! `with_payload` and `with_vector`: what to return of each point.

use model::query::{PayloadSelect, VectorSelect};
use model::{FieldPath, VectorName};
use serde::Deserialize;

use crate::error::Failure;

/// `true`, a list of paths, `{include}` or `{exclude}`.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum WithPayloadInterface"
)]
pub(crate) enum WithPayload {
    All(bool),
    Fields(Vec<String>),
    Include { include: Vec<String> },
    Exclude { exclude: Vec<String> },
}

/// `true` or a list of names.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum WithVector"
)]
pub(crate) enum WithVector {
    All(bool),
    Named(Vec<String>),
}

/// A payload path in a body.
pub(crate) fn path(text: &str) -> Result<FieldPath, Failure> {
    FieldPath::parse(text).map_err(|_| Failure::format(invalid_path(text)))
}

/// What Qdrant says of a malformed path.
pub(crate) fn invalid_path(text: &str) -> String {
    format!("Invalid json path: '{text}'")
}

/// Payload paths in a body.
pub(crate) fn paths(texts: &[String]) -> Result<Vec<FieldPath>, Failure> {
    texts.iter().map(|text| path(text)).collect()
}

impl WithPayload {
    /// `default` says what an absent `with_payload` means.
    pub(crate) fn decode(this: Option<Self>, default: bool) -> Result<PayloadSelect, Failure> {
        Ok(match this.unwrap_or(Self::All(default)) {
            Self::All(true) => PayloadSelect::All,
            Self::All(false) => PayloadSelect::Nothing,
            Self::Fields(fields) | Self::Include { include: fields } => {
                PayloadSelect::Include(paths(&fields)?)
            }
            Self::Exclude { exclude } => PayloadSelect::Exclude(paths(&exclude)?),
        })
    }
}

impl WithVector {
    /// An absent `with_vector` means none.
    pub(crate) fn decode(this: Option<Self>) -> Result<VectorSelect, Failure> {
        Ok(match this {
            None | Some(Self::All(false)) => VectorSelect::Nothing,
            Some(Self::All(true)) => VectorSelect::All,
            Some(Self::Named(names)) => VectorSelect::Named(
                names
                    .into_iter()
                    .map(VectorName::new)
                    .collect::<Result<_, _>>()?,
            ),
        })
    }
}
