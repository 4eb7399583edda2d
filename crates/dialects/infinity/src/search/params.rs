//! The parameters of matches and fusions, whose values are texts; numbers and truth values are
//! taken too.

use crate::error::{Failure, code};
use crate::json::Json;
use crate::table::{Column, Table};

pub(super) struct Params<'j>(&'j [(String, Json)]);

impl<'j> Params<'j> {
    /// Parameters of any name: clients send some that Infinity has no use for, and it lets them.
    pub(super) fn any(item: &'j Json) -> Result<Self, Failure> {
        let fields = match item.get("params") {
            None | Some(Json::Null) => return Ok(Self(&[])),
            Some(Json::Object(fields)) => fields,
            Some(_) => return Err(Failure::expression("`params` must be an object")),
        };
        for (name, value) in fields {
            if matches!(value, Json::List(_) | Json::Object(_)) && !is_deep(name) {
                return Err(Failure::expression(format!("`{name}` must be a text")));
            }
        }
        Ok(Self(fields))
    }

    /// # Errors
    /// 3013 for a parameter that is not `known`.
    pub(super) fn of(item: &'j Json, known: &[&str]) -> Result<Self, Failure> {
        let params = Self::any(item)?;
        let unknown = |name: &&String| !known.contains(&name.to_ascii_lowercase().as_str());
        match params.0.iter().map(|(name, _)| name).find(unknown) {
            None => Ok(params),
            Some(name) => {
                let text = format!("Unsupported optional parameter: {name}");
                Err(Failure::syntax(text))
            }
        }
    }

    /// The value as it is written; none when it is empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let mut fields = self.0.iter();
        let found = fields.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found?.1.as_written().filter(|text| !text.is_empty())
    }

    pub(super) fn lower(&self, name: &str) -> Option<String> {
        self.text(name).map(|text| text.to_ascii_lowercase())
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, Failure> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let number = text.trim().parse().ok().filter(|x: &f64| x.is_finite());
        let wrong = || Failure::new(code::PARAMETER_VALUE, format!("`{name}` must be a number"));
        number.map(Some).ok_or_else(wrong)
    }

    /// A number in a range.
    pub(super) fn number_in(
        &self,
        name: &str,
        range: core::ops::RangeInclusive<f64>,
    ) -> Result<Option<f64>, Failure> {
        match self.number(name)? {
            Some(x) if !range.contains(&x) => {
                let (from, to) = (range.start(), range.end());
                Err(Failure::syntax(format!(
                    "{name} must be from {from} to {to}"
                )))
            }
            other => Ok(other),
        }
    }

    /// How many of something: at least one; 0 counts as not given.
    pub(super) fn count(&self, name: &str) -> Result<Option<u32>, Failure> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let wrong = || Failure::new(code::PARAMETER_VALUE, format!("`{name}` must be a number"));
        let count: u64 = text.trim().parse().map_err(|_| wrong())?;
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Some(count).filter(|&count| count > 0))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.lower(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Failure::syntax(format!("{name} must be true or false"))),
        }
    }

    /// Checks that the index that is named is one of `column`.
    ///
    /// # Errors
    /// 3023 when there is none of the name, 3024 when it is that of another column.
    pub(super) fn check_index(&self, table: &Table, column: &Column) -> Result<(), Failure> {
        let Some(name) = self.lower("index_name") else {
            return Ok(());
        };
        match table.index(&name) {
            Some(index) if index.column == column.name => Ok(()),
            Some(_) => Err(Failure::no_column(&column.name)),
            None => {
                let text = format!("Index: {name} doesn't exist.");
                Err(Failure::new(code::NO_INDEX, text))
            }
        }
    }
}

/// Whether the value of a parameter may be more than a text.
fn is_deep(name: &str) -> bool {
    name.eq_ignore_ascii_case("query_tensor")
}
