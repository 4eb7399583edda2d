//! Payloads that lie in a file of their own, in the order of the rows.

use std::path::Path;

use super::jsonl::{Object, Objects};
use super::source::{ImportError, Row, Source, text};

/// `source` with the payloads of `file`, which must hold an object for every row. Rows behind the
/// last one that is taken are not compared.
pub(super) fn attach(source: Source, file: &Path) -> Result<Source, ImportError> {
    let (lines, _) = text(file)?;
    let mut objects = Objects::new(file, lines);
    let path = file.to_owned();
    let rows = source.rows.map(move |row| {
        let row = row?;
        match objects.next() {
            Some(Ok(Object { fields, .. })) => Ok(Row {
                payload: fields,
                ..row
            }),
            Some(Err(error)) => Err(error),
            None => Err(ImportError::row(
                &path,
                row.at,
                "the file ends before this row",
            )),
        }
    });
    Ok(Source {
        rows: Box::new(rows),
        extent: source.extent,
    })
}
