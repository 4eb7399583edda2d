//! `where`: a condition in the manner of SQL as a filter.

use gateway::Call;
use model::{CollectionRef, FieldPath, Filter};
use where_clause::{Fault, Notation, Vocabulary, read_filter};

use crate::collection::fields;
use crate::error::Failure;

/// The fields that there are; what none of them has has no name either.
struct Columns<'a>(&'a [String]);

impl Vocabulary for Columns<'_> {
    fn field(&mut self, parts: &[&str]) -> Option<FieldPath> {
        let name = parts.join(".");
        // Without any, there is nothing to be misspelt.
        let known = self.0.is_empty() || self.0.contains(&name);
        known.then(|| FieldPath::field(&name))
    }
}

/// The filter that `text` is; `None` without one.
///
/// # Errors
/// When the text cannot be read or names a field that no point has.
pub(crate) async fn filter(
    call: &Call<'_>,
    collection: &CollectionRef,
    text: Option<&str>,
) -> Result<Option<Filter>, Failure> {
    let Some(text) = text else {
        return Ok(None);
    };
    let names = fields(call, collection).await?;
    let filter = read_filter(text, Notation::LYNSE, &mut Columns(&names));
    filter.map(Some).map_err(|fault| match fault {
        Fault::NoField(name) => Failure::argument(format_args!("Column '{name}' not found")),
        other => Failure::argument(format_args!("Query parse error: {other}")),
    })
}
