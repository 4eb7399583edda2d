//! Holding requests to the limits of their collection.

use model::{FieldKind, FieldPath, Filter, Scalar, Schema, Search, Target, Test, Value, WriteOp};

use super::StrictMode;
use crate::collections;
use crate::error::Failure;

/// The limits of a collection; without strict mode there are none.
pub(crate) struct Limits<'a> {
    schema: &'a Schema,
    limits: StrictMode,
}

/// What is wrong, and what to do.
fn refused(what: impl core::fmt::Display, help: impl core::fmt::Display) -> Failure {
    Failure::bad_request(format_args!("{what}. Help: {help}"))
}

fn within(name: &str, value: Option<u64>, max: Option<u64>) -> Result<(), Failure> {
    match (value, max) {
        (Some(value), Some(max)) if value > max => Err(refused(
            format_args!("Limit exceeded {value} > {max} for \"{name}\""),
            format_args!("Reduce the \"{name}\" parameter to or below {max}."),
        )),
        _ => Ok(()),
    }
}

/// A count as the limits have it.
fn count(n: usize) -> Option<u64> {
    Some(n as u64)
}

impl<'a> Limits<'a> {
    /// The limits of the collection of this schema; `None` when it sets none.
    ///
    /// # Errors
    /// When the kept settings cannot be read.
    pub(crate) fn of(schema: &'a Schema) -> Result<Option<Self>, Failure> {
        let Some(settings) = collections::strict_mode(schema) else {
            return Ok(None);
        };
        // Most collections have no strict mode, and their requests pay no more than this look.
        if settings.get("enabled") != Some(&Value::Bool(true)) {
            return Ok(None);
        }
        let limits = collections::read_object(settings)?;
        Ok(Some(Self { schema, limits }))
    }

    /// The limit of points, which only the state of the collection can be held to.
    pub(crate) fn points_max(&self) -> Option<u64> {
        self.limits.max_points_count
    }

    /// Refuses a collection that already is full.
    pub(crate) fn check_points(points: u64, max: u64) -> Result<(), Failure> {
        if points < max {
            return Ok(());
        }
        let what = format!("Limit exceeded {points} >= {max} for \"max_points_count\"");
        Err(refused(
            what,
            "Delete points or raise the limit of the collection.",
        ))
    }

    /// A `timeout` in seconds.
    pub(crate) fn check_timeout(&self, seconds: Option<u64>) -> Result<(), Failure> {
        within("timeout", seconds, self.limits.max_timeout)
    }

    /// The points of a page.
    pub(crate) fn check_limit(&self, limit: usize) -> Result<(), Failure> {
        within("limit", count(limit), self.limits.max_query_limit)
    }

    /// The searches of a batch.
    pub(crate) fn check_batch(&self, searches: usize) -> Result<(), Failure> {
        within(
            "batch size",
            count(searches),
            self.limits.search_max_batchsize,
        )
    }

    /// One search.
    pub(crate) fn check_search(
        &self,
        search: &Search,
        oversampling: Option<f64>,
    ) -> Result<(), Failure> {
        self.check_limit(search.limit)?;
        let ef = search.params.ef.map(u64::from);
        within("hnsw_ef", ef, self.limits.search_max_hnsw_ef)?;
        if search.params.exact && self.limits.search_allow_exact == Some(false) {
            return Err(refused("Exact search disabled!", "Set exact=false."));
        }
        if let (Some(factor), Some(max)) = (oversampling, self.limits.search_max_oversampling)
            && factor > max
        {
            return Err(refused(
                format_args!("Limit exceeded {factor} > {max} for \"oversampling\""),
                format_args!("Reduce the \"oversampling\" parameter to or below {max}."),
            ));
        }
        self.check_read_filter(search.filter.as_ref())
    }

    /// The filter of a request that reads.
    pub(crate) fn check_read_filter(&self, filter: Option<&Filter>) -> Result<(), Failure> {
        let unindexed = self.limits.unindexed_filtering_retrieve.unwrap_or(true);
        filter.map_or(Ok(()), |filter| self.check_filter(filter, unindexed))
    }

    /// Operations that change points.
    pub(crate) fn check_write(&self, operations: &[WriteOp]) -> Result<(), Failure> {
        for operation in operations {
            let filter = match operation {
                WriteOp::Upsert {
                    points, condition, ..
                } => {
                    let max = self.limits.upsert_max_batchsize;
                    within("upsert limit", count(points.len()), max)?;
                    condition.as_ref()
                }
                WriteOp::UpdateVectors { points, condition } => {
                    let max = self.limits.upsert_max_batchsize;
                    within("update limit", count(points.len()), max)?;
                    condition.as_ref()
                }
                WriteOp::Delete { target }
                | WriteOp::SetPayload { target, .. }
                | WriteOp::OverwritePayload { target, .. }
                | WriteOp::DeletePayload { target, .. }
                | WriteOp::ClearPayload { target }
                | WriteOp::DeleteVectors { target, .. } => match target {
                    Target::Ids(_) => None,
                    Target::Filter(filter) => Some(filter),
                },
                WriteOp::CreateIndex(index) if self.schema.index(&index.path).is_none() => {
                    let indexes = count(self.schema.indexes.len() + 1);
                    let max = self.limits.max_payload_index_count;
                    within("payload index count", indexes, max)?;
                    None
                }
                WriteOp::CreateIndex(_) | WriteOp::DropIndex(_) | WriteOp::Configure(_) => None,
            };
            if let Some(filter) = filter {
                let unindexed = self.limits.unindexed_filtering_update.unwrap_or(true);
                self.check_filter(filter, unindexed)?;
            }
        }
        Ok(())
    }

    fn check_filter(&self, filter: &Filter, unindexed: bool) -> Result<(), Failure> {
        let mut leaves = 0;
        self.check_conditions(filter, None, unindexed, &mut leaves)?;
        within(
            "filter conditions",
            Some(leaves),
            self.limits.filter_max_conditions,
        )
    }

    /// Checks what is below `filter`, whose paths start at `base`, and counts the conditions.
    fn check_conditions(
        &self,
        filter: &Filter,
        base: Option<&FieldPath>,
        unindexed: bool,
        leaves: &mut u64,
    ) -> Result<(), Failure> {
        match filter {
            Filter::All(all) | Filter::Any(all) | Filter::AtLeast { of: all, .. } => all
                .iter()
                .try_for_each(|part| self.check_conditions(part, base, unindexed, leaves)),
            Filter::Not(part) => self.check_conditions(part, base, unindexed, leaves),
            Filter::Nested { path, filter } => {
                let path = base.map_or_else(|| path.clone(), |base| base.join(path));
                self.check_conditions(filter, Some(&path), unindexed, leaves)
            }
            Filter::HasId(ids) => {
                *leaves += 1;
                within(
                    "condition size",
                    count(ids.len()),
                    self.limits.condition_max_size,
                )
            }
            Filter::HasVector(_) | Filter::Slice { .. } => {
                *leaves += 1;
                Ok(())
            }
            Filter::Field { path, test } => {
                *leaves += 1;
                within(
                    "condition size",
                    count(size(test)),
                    self.limits.condition_max_size,
                )?;
                if unindexed {
                    return Ok(());
                }
                self.check_index(
                    base.map_or_else(|| path.clone(), |base| base.join(path)),
                    test,
                )
            }
        }
    }

    fn check_index(&self, path: FieldPath, test: &Test) -> Result<(), Failure> {
        let usable = usable(test);
        let index = self.schema.index(&path);
        if index.is_some_and(|index| usable.contains(&index.params.kind)) {
            return Ok(());
        }
        let names: Vec<_> = usable
            .iter()
            .map(|kind| collections::data_type(*kind))
            .collect();
        Err(refused(
            format_args!(
                "Index required but not found for \"{path}\" of one of the following types: [{}]",
                names.join(", ")
            ),
            "Create an index for this key or use a different filter.",
        ))
    }
}

/// Values that a test compares with.
fn size(test: &Test) -> usize {
    match test {
        Test::In(values) | Test::NotIn(values) => values.len(),
        Test::GeoPolygon {
            exterior,
            interiors,
        } => exterior.len() + interiors.iter().map(Vec::len).sum::<usize>(),
        Test::Equals(_)
        | Test::Range(_)
        | Test::DateRange(_)
        | Test::Contains(_)
        | Test::Prefix(_)
        | Test::GeoBox { .. }
        | Test::GeoRadius { .. }
        | Test::ValuesCount(_)
        | Test::IsEmpty(_)
        | Test::IsNull(_) => 1,
    }
}

/// The kinds of index that answer a test.
fn usable(test: &Test) -> &'static [FieldKind] {
    use FieldKind::{Bool, Datetime, Float, Geo, Integer, Keyword, Uuid};
    let of_scalar = |scalar: Option<&Scalar>| match scalar {
        Some(Scalar::Int(_)) => &[Integer][..],
        Some(Scalar::Bool(_)) => &[Bool],
        Some(Scalar::Str(_)) | None => &[Keyword, Uuid],
    };
    match test {
        Test::Equals(scalar) => of_scalar(Some(scalar)),
        Test::In(scalars) | Test::NotIn(scalars) => of_scalar(scalars.first()),
        Test::Range(_) => &[Integer, Float],
        Test::DateRange(_) => &[Datetime],
        Test::Contains(_) | Test::Prefix(_) => &[Keyword],
        Test::GeoBox { .. } | Test::GeoRadius { .. } | Test::GeoPolygon { .. } => &[Geo],
        Test::ValuesCount(_) | Test::IsEmpty(_) | Test::IsNull(_) => {
            &[Keyword, Integer, Float, Bool, Datetime, Uuid, Geo]
        }
    }
}
