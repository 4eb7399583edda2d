//! Holding requests to the limits of their collection.

use core::cell::Cell;

use model::{
    CollectionSize, FieldKind, FieldPath, Filter, Formula, Prefetch, Rank, Schema, Search,
    SearchParams, Target, Value, Vector, WriteOp,
};

use super::StrictMode;
use super::filters::{self, Leaf, Read};
use super::rates::Kind;
use super::scans;
use crate::collections;
use crate::error::Failure;

/// What a change by a filter costs of the rate: how many points it finds is not known before.
const FILTERED_CHANGE_COST: u64 = 5;

/// The limits of a collection; without strict mode there are none.
pub(crate) struct Limits<'a> {
    schema: &'a Schema,
    limits: StrictMode,
    /// What the request costs of the rate, as far as its parts were checked.
    operations: Cell<u64>,
    conditions: Cell<u64>,
}

/// Which of the interfaces a search came by. Qdrant holds them to limits that differ a little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// `…/points/query` and below.
    Universal,
    /// The routes before it.
    Legacy,
}

/// What is wrong, and what to do.
pub(super) fn refused(what: impl core::fmt::Display, help: impl core::fmt::Display) -> Failure {
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
        Ok(Some(Self {
            schema,
            limits: collections::read_object(settings)?,
            operations: Cell::new(0),
            conditions: Cell::new(0),
        }))
    }

    /// What the collection takes of a kind of operations in a minute, and what this request, whose
    /// parts were checked, costs of it.
    pub(crate) fn rate(&self, kind: Kind) -> Option<(u64, u64)> {
        let per_minute = match kind {
            Kind::Read => self.limits.read_rate_limit,
            Kind::Write => self.limits.write_rate_limit,
        };
        let cost = match kind {
            Kind::Read => self.operations.get().max(1) + self.conditions.get(),
            Kind::Write => self.operations.get().max(1),
        };
        per_minute.map(|per_minute| (per_minute, cost))
    }

    /// Share of the memory, in percent, at which nothing may be added.
    pub(crate) fn resident_percent_max(&self) -> Option<u8> {
        self.limits.max_resident_memory_percent
    }

    /// Whether [`Limits::check_size`] has anything to say.
    pub(crate) fn bounds_size(&self) -> bool {
        let limits = &self.limits;
        let bounds = [
            limits.max_points_count,
            limits.max_collection_vector_size_bytes,
            limits.max_collection_payload_size_bytes,
        ];
        bounds.iter().any(Option::is_some)
    }

    /// Refuses to let `operations` add to a collection that already is full.
    pub(crate) fn check_size(
        &self,
        size: &CollectionSize,
        operations: &[WriteOp],
    ) -> Result<(), Failure> {
        let any = |of: fn(&WriteOp) -> bool| operations.iter().any(of);
        let points = any(|op| matches!(op, WriteOp::Upsert { .. }));
        let vectors = points || any(|op| matches!(op, WriteOp::UpdateVectors { .. }));
        let payload = vectors
            || any(|op| {
                matches!(
                    op,
                    WriteOp::SetPayload { .. } | WriteOp::OverwritePayload { .. }
                )
            });
        let reached = |what: &str, used: u64, max: Option<u64>| match max {
            Some(max) if used >= max => {
                let megabytes = max as f32 / (1024.0 * 1024.0);
                Err(Failure::bad_request(format_args!(
                    "Max {what} storage size limit of {megabytes}MB reached!"
                )))
            }
            Some(_) | None => Ok(()),
        };
        if vectors {
            let max = self.limits.max_collection_vector_size_bytes;
            reached("vector", size.vector_bytes, max)?;
        }
        if payload {
            let max = self.limits.max_collection_payload_size_bytes;
            reached("payload", size.payload_bytes, max)?;
        }
        match self.limits.max_points_count {
            Some(max) if vectors && size.points >= max => Err(Failure::bad_request(format_args!(
                "Max points count limit of {max} reached!"
            ))),
            Some(_) | None => Ok(()),
        }
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
        let max = self.limits.search_max_batchsize;
        within("search batch size", count(searches), max)
    }

    /// One search and what is prefetched for it.
    pub(crate) fn check_search(
        &self,
        search: &Search,
        oversampling: Option<f64>,
        generation: Generation,
    ) -> Result<(), Failure> {
        self.operations.set(self.operations.get() + 1);
        let (filter, rank) = (search.filter.as_ref(), search.rank.as_ref());
        self.check_stage(search.limit, &search.params, filter, rank)?;
        match generation {
            // What was prefetched is compared, not everything.
            Generation::Universal if search.prefetch.is_empty() => self.check_scan(rank, filter)?,
            Generation::Universal | Generation::Legacy => {}
        }
        if let (Some(factor), Some(max)) = (oversampling, self.limits.search_max_oversampling)
            && factor > max
        {
            return Err(refused(
                format_args!("Limit exceeded {factor} > {max} for \"oversampling\""),
                format_args!("Reduce the \"oversampling\" parameter to or below {max}."),
            ));
        }
        self.check_prefetches(&search.prefetch)
    }

    fn check_prefetches(&self, prefetch: &[Prefetch]) -> Result<(), Failure> {
        prefetch.iter().try_for_each(|inner| {
            let (filter, rank) = (inner.filter.as_ref(), inner.rank.as_ref());
            self.check_stage(inner.limit, &inner.params, filter, rank)?;
            self.check_scan(rank, filter)?;
            self.check_prefetches(&inner.prefetch)
        })
    }

    fn check_scan(&self, rank: Option<&Rank>, filter: Option<&Filter>) -> Result<(), Failure> {
        if self.limits.search_allow_exact == Some(false) {
            scans::check(self.schema, rank, filter)
        } else {
            Ok(())
        }
    }

    fn check_stage(
        &self,
        limit: usize,
        params: &SearchParams,
        filter: Option<&Filter>,
        rank: Option<&Rank>,
    ) -> Result<(), Failure> {
        self.check_limit(limit)?;
        self.check_read_filter(filter)?;
        self.check_read_filter(params.idf_corpus.as_ref())?;
        if let Some(Rank::Formula(formula)) = rank {
            self.check_formula(formula)?;
        }
        if params.exact && self.limits.search_allow_exact == Some(false) {
            return Err(refused("Exact search disabled!", "Set exact=false."));
        }
        let ef = params.ef.map(u64::from);
        within("hnsw_ef", ef, self.limits.search_max_hnsw_ef)
    }

    /// The filter of a request that reads.
    pub(crate) fn check_read_filter(&self, filter: Option<&Filter>) -> Result<(), Failure> {
        let unindexed = self.limits.unindexed_filtering_retrieve.unwrap_or(true);
        filter.map_or(Ok(()), |filter| self.check_filter(filter, unindexed))
    }

    /// What a formula reads: its conditions count together, as those of a filter do.
    fn check_formula(&self, formula: &Formula) -> Result<(), Failure> {
        let indexed_only = self.limits.unindexed_filtering_retrieve == Some(false);
        let mut size = Size::default();
        let mut lacking = None;
        let read: Result<(), core::convert::Infallible> =
            filters::reads(&formula.expression, &mut |read| {
                let unindexed = match read {
                    Read::Condition(filter) => {
                        size.add(filter);
                        filters::unindexed(filter, self.schema)
                    }
                    Read::Value(path, kinds) => filters::lacking(path, kinds, self.schema)
                        .map(|(path, kinds)| (path.clone(), kinds)),
                };
                lacking = lacking.take().or(unindexed);
                Ok(())
            });
        let Ok(()) = read;
        self.check_filter_size(&size)?;
        match lacking {
            Some((path, kinds)) if indexed_only => Err(no_index(
                &path,
                kinds,
                "Create an index for this key or use a different formula expression.",
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// The key of a search in groups.
    pub(crate) fn check_group(&self, path: &FieldPath) -> Result<(), Failure> {
        if self.limits.unindexed_filtering_retrieve != Some(false) {
            return Ok(());
        }
        let help = "Create an index supporting `match` for this key.";
        match self.schema.index(path).map(|index| index.params.kind) {
            Some(FieldKind::Keyword | FieldKind::Integer | FieldKind::Bool | FieldKind::Uuid) => {
                Ok(())
            }
            Some(
                kind @ (FieldKind::Float | FieldKind::Datetime | FieldKind::Geo | FieldKind::Text),
            ) => {
                let kind = collections::data_type(kind);
                let what = format!("Index of type \"{kind}\" found for \"{path}\"");
                Err(refused(what, help))
            }
            None => {
                let what = format!("Index required but not found for \"{path}\"");
                Err(refused(what, help))
            }
        }
    }

    /// Operations that change points.
    pub(crate) fn check_write(&self, operations: &[WriteOp]) -> Result<(), Failure> {
        for operation in operations {
            let (cost, filter) = match operation {
                WriteOp::Upsert {
                    points, condition, ..
                } => {
                    let max = self.limits.upsert_max_batchsize;
                    within("upsert limit", count(points.len()), max)?;
                    for point in points {
                        self.check_vectors(&point.vectors)?;
                    }
                    (points.len() as u64, condition.as_ref())
                }
                WriteOp::UpdateVectors { points, condition } => {
                    let max = self.limits.upsert_max_batchsize;
                    within("update limit", count(points.len()), max)?;
                    for (_, vectors) in points {
                        self.check_vectors(vectors)?;
                    }
                    (points.len() as u64, condition.as_ref())
                }
                WriteOp::Delete { target }
                | WriteOp::SetPayload { target, .. }
                | WriteOp::OverwritePayload { target, .. }
                | WriteOp::DeletePayload { target, .. }
                | WriteOp::ClearPayload { target }
                | WriteOp::DeleteVectors { target, .. } => match target {
                    Target::Ids(ids) => (ids.len() as u64, None),
                    Target::Filter(filter) => (FILTERED_CHANGE_COST, Some(filter)),
                },
                WriteOp::CreateIndex(index) if self.schema.index(&index.path).is_none() => {
                    self.check_index_count()?;
                    (1, None)
                }
                WriteOp::CreateIndex(_)
                | WriteOp::DropIndex(_)
                | WriteOp::AddVector(_)
                | WriteOp::DropVector(_)
                | WriteOp::Configure(_)
                | WriteOp::Conceal { .. }
                | WriteOp::Reveal { .. }
                | WriteOp::Attach { .. }
                | WriteOp::Detach { .. }
                | WriteOp::Purge => (1, None),
            };
            self.operations.set(self.operations.get() + cost);
            if let Some(filter) = filter {
                let unindexed = self.limits.unindexed_filtering_update.unwrap_or(true);
                self.check_filter(filter, unindexed)?;
            }
        }
        Ok(())
    }

    fn check_index_count(&self) -> Result<(), Failure> {
        match self.limits.max_payload_index_count {
            Some(max) if self.schema.indexes.len() as u64 >= max => Err(refused(
                format_args!(
                    "Collection already has the maximum number of payload indices ({max})"
                ),
                "Please delete an existing index before creating a new one.",
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Several rows to a vector, and sparse ones.
    fn check_vectors(&self, vectors: &model::NamedVectors) -> Result<(), Failure> {
        for (name, vector) in vectors {
            let name = name.as_str();
            let refused = |kind, max, unit, given| {
                Failure::bad_request(format_args!(
                    "{kind} '{name}' has a limit of {max} {unit}, but {given} were provided!"
                ))
            };
            match vector {
                Vector::Sparse(sparse) => {
                    let given = sparse.indices().len() as u64;
                    if let Some(max) = self.limits.sparse_length_max(name).filter(|n| given > *n) {
                        return Err(refused("Sparse vector", max, "indices", given));
                    }
                }
                Vector::Multi(multi) => {
                    let given = multi.rows().count() as u64;
                    if let Some(max) = self.limits.multi_rows_max(name).filter(|n| given > *n) {
                        return Err(refused("Multivector", max, "vectors", given));
                    }
                }
                Vector::Dense(_) | Vector::Binary(_) => {}
            }
        }
        Ok(())
    }

    fn check_filter(&self, filter: &Filter, unindexed: bool) -> Result<(), Failure> {
        let mut size = Size::default();
        size.add(filter);
        self.check_filter_size(&size)?;
        match filters::unindexed(filter, self.schema) {
            Some((path, kinds)) if !unindexed => Err(no_index(
                &path,
                kinds,
                "Create an index for this key or use a different filter.",
            )),
            Some(_) | None => Ok(()),
        }
    }

    fn check_filter_size(&self, size: &Size) -> Result<(), Failure> {
        let Size { leaves, largest } = *size;
        self.conditions.set(self.conditions.get() + leaves);
        if let Some(max) = self.limits.filter_max_conditions.filter(|n| leaves > *n) {
            return Err(refused(
                format_args!("Filter condition limit reached ({leaves} > {max})"),
                "Reduce the amount of conditions of your filter.",
            ));
        }
        if let Some(max) = self.limits.condition_max_size.filter(|n| largest > *n) {
            return Err(refused(
                format_args!("Condition size limit reached ({largest} > {max})"),
                "Reduce the size of your condition.",
            ));
        }
        Ok(())
    }
}

/// How large filters are.
#[derive(Default)]
struct Size {
    leaves: u64,
    /// Values of the largest condition.
    largest: u64,
}

impl Size {
    fn add(&mut self, filter: &Filter) {
        let counted: Result<(), core::convert::Infallible> = filters::walk(filter, &mut |leaf| {
            self.leaves += 1;
            let size = match leaf {
                Leaf::Field(_, test) => filters::size(test),
                Leaf::Ids(ids) => ids,
                Leaf::Other => 1,
            };
            self.largest = self.largest.max(size as u64);
            Ok(())
        });
        let Ok(()) = counted;
    }
}

fn no_index(path: &FieldPath, kinds: &[FieldKind], help: &str) -> Failure {
    let mut names: Vec<_> = kinds
        .iter()
        .map(|kind| collections::data_type(*kind))
        .collect();
    names.sort_unstable();
    refused(
        format_args!(
            "Index required but not found for \"{path}\" of one of the following types: [{}]",
            names.join(", ")
        ),
        help,
    )
}
