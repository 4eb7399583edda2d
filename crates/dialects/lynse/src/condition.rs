//! `where`: a condition in the manner of SQL as a filter.

use gateway::Call;
use model::{CollectionRef, Filter};

use crate::error::Failure;

/// The filter that `text` is; `None` without one.
///
/// # Errors
/// When the text cannot be read.
pub(crate) async fn filter(
    _: &Call<'_>,
    _: &CollectionRef,
    text: Option<&str>,
) -> Result<Option<Filter>, Failure> {
    match text {
        None => Ok(None),
        Some(_) => Err(Failure::argument("this build cannot read conditions")),
    }
}
