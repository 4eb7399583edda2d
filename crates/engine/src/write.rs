//! Applying operations: a pure function from state to state.
//!
//! Every point that changes is written again as a whole new row, and its old row is marked as
//! deleted: rows never change in place. All rows that one operation writes form one new block.

use std::collections::BTreeMap;

use filter::{Compiled, compile, payload};
use model::{
    Error, ErrorKind, Filter, NamedVectors, Object, Packed, Point, PointId, Subject, Target,
    UpsertMode, Vector, VectorName, WriteOp,
};
use rows::RowId;

use crate::block::{BlockBuilder, RowBlock};
use crate::collection::{Collection, Place};
use crate::growing;
use crate::ids::IdRef;
use crate::prepared;
use crate::source::Source;
use crate::vectors::Incoming;

impl Collection {
    /// The state after `op`, whose number is [`Collection::operation`] of the result; all of it or
    /// an error. Deterministic: equal states and operations give equal states.
    ///
    /// # Errors
    /// - `NotFound` when an operation other than `Delete` names a missing point.
    /// - `Invalid` when a vector has another dimension or kind than its field, a component that is
    ///   not finite, or a field that does not exist.
    /// - `Invalid` when a payload is nested too deep or too long.
    /// - `AlreadyExists` when a point must be new and is not, and when a vector field is added and
    ///   there is another one of its name.
    pub fn apply(&self, op: &WriteOp) -> Result<Self, Error> {
        let draft = Draft::new(self);
        match op {
            WriteOp::Upsert {
                points,
                mode,
                condition,
            } => draft.upsert(points, *mode, condition.as_ref()),
            WriteOp::Delete { target } => draft.delete(target),
            WriteOp::SetPayload {
                target,
                payload,
                at,
            } => draft.edit(target, |object| payload::set(object, at.as_ref(), payload)),
            WriteOp::OverwritePayload { target, payload } => draft.replace_payload(target, payload),
            WriteOp::DeletePayload { target, paths } => draft.edit(target, |object| {
                for path in paths {
                    payload::remove(object, path);
                }
            }),
            WriteOp::ClearPayload { target } => draft.replace_payload(target, &Object::new()),
            WriteOp::UpdateVectors { points, condition } => {
                draft.update_vectors(points, condition.as_ref())
            }
            WriteOp::DeleteVectors { target, names } => draft.delete_vectors(target, names),
            WriteOp::CreateIndex(index) => self.with_index(index),
            WriteOp::DropIndex(path) => self.without_index(path),
            WriteOp::AddVector(field) => self.with_vector(field),
            WriteOp::DropVector(name) => self.without_vector(name),
            WriteOp::Configure(change) => self.configured(change),
            WriteOp::Conceal { ids } => Ok(self.concealed(ids)),
            WriteOp::Reveal { ids } => Ok(self.revealed_again(ids)),
            WriteOp::Purge => draft.purge(),
            WriteOp::Attach { key, attachment } => self.with_attachments(|kept| {
                kept.insert(key.clone(), *attachment);
                Ok(())
            }),
            WriteOp::Detach { key } => self.with_attachments(|kept| {
                let missing = || {
                    Error::new(
                        ErrorKind::NotFound,
                        Subject::Request,
                        format!("nothing is kept under the key `{key}`"),
                    )
                };
                kept.remove(key).map(drop).ok_or_else(missing)
            }),
        }
    }

    /// The state with growing rows laid together where many small blocks have gathered; `None`
    /// when there is nothing to do. Answers are the same before and after. Due after every commit,
    /// or searches look through more and more blocks.
    ///
    /// # Errors
    /// `Internal` when a block cannot be made.
    pub fn tidied(&self) -> Result<Option<Self>, Error> {
        let mut new = self.clone();
        let changed = growing::tidy(&mut new.growing, &new.schema)?;
        Ok(changed.then_some(new))
    }
}

/// A state in the making: what one operation deletes and writes.
struct Draft<'c> {
    old: &'c Collection,
    operation: u64,
    /// Rows to delete per segment of the old state.
    deleted: Vec<Vec<RowId>>,
}

impl<'c> Draft<'c> {
    fn new(old: &'c Collection) -> Self {
        Self {
            old,
            operation: old.operation + 1,
            deleted: vec![Vec::new(); old.segments().count()],
        }
    }

    fn builder(&self, rows: usize) -> BlockBuilder {
        BlockBuilder::new(&self.old.schema, rows)
    }

    fn delete_row(&mut self, place: Place) {
        self.deleted[place.segment].push(place.row);
    }

    fn block(&self, place: Place) -> &'c RowBlock {
        &self.old.segment(place.segment).segment.block
    }

    /// The new state, with the rows of `written` added.
    fn finish(self, written: BlockBuilder) -> Result<Collection, Error> {
        let mut new = self.old.clone();
        new.operation = self.operation;
        let sealed = new.sealed.len();
        for (at, rows) in self
            .deleted
            .into_iter()
            .enumerate()
            .filter(|(_, r)| !r.is_empty())
        {
            let segment = match at.checked_sub(sealed) {
                None => &mut new.sealed[at],
                Some(at) => &mut new.growing[at],
            };
            *segment = segment.without(rows);
        }
        growing::push(&mut new.growing, written.finish()?, &new.schema)?;
        Ok(new)
    }

    fn upsert(
        mut self,
        points: &[Point],
        mode: UpsertMode,
        condition: Option<&Filter>,
    ) -> Result<Collection, Error> {
        for point in points {
            self.old.check_vectors(&point.vectors)?;
        }
        let mut order: Vec<&Point> = points.iter().collect();
        // Stable: of equal ids the last stays last.
        order.sort_by(|a, b| a.id.cmp(&b.id));
        let sources = self.old.sources();
        let condition = Condition::new(condition, &sources);
        let mut written = self.builder(points.len());
        for (at, point) in order.iter().enumerate() {
            let repeated = order.get(at + 1).is_some_and(|next| next.id == point.id);
            let kept = self.old.locate_kept((&point.id).into());
            if mode == UpsertMode::InsertNew && (repeated || kept.is_some()) {
                return Err(taken(&point.id));
            }
            if repeated {
                continue;
            }
            let is_live = |place: &Place| self.old.segment(place.segment).is_live(place.row);
            let wanted = match (mode, kept.filter(is_live)) {
                (UpsertMode::Upsert | UpsertMode::UpdateOnly, Some(place)) => {
                    condition.holds(place)
                }
                (UpsertMode::Upsert | UpsertMode::InsertOnly | UpsertMode::InsertNew, None) => true,
                (UpsertMode::InsertOnly | UpsertMode::InsertNew, Some(_))
                | (UpsertMode::UpdateOnly, None) => false,
            };
            if !wanted {
                continue;
            }
            if let Some(place) = kept {
                self.delete_row(place);
            }
            let payload = pack(&point.payload)?;
            let schema = &self.old.schema;
            written.push((&point.id).into(), self.operation, &payload, |field| {
                let name = &schema.vectors[field].name;
                given(&point.vectors, name).map(Incoming::Raw)
            });
        }
        self.finish(written)
    }

    fn delete(mut self, target: &Target) -> Result<Collection, Error> {
        let places = match target {
            Target::Ids(ids) => {
                let ids = ascending(ids);
                ids.into_iter()
                    .filter_map(|id| self.old.locate_kept(id.into()))
                    .collect()
            }
            Target::Filter(filter) => self.old.matching(filter),
        };
        for place in places {
            self.delete_row(place);
        }
        let nothing = self.builder(0);
        self.finish(nothing)
    }

    /// Deletes all concealed points.
    fn purge(mut self) -> Result<Collection, Error> {
        let old = self.old;
        for (segment, live) in old.segments().enumerate() {
            for row in live.deleted.concealed().iter() {
                self.delete_row(Place { segment, row });
            }
        }
        let nothing = self.builder(0);
        self.finish(nothing)
    }

    /// Writes the targets again with payloads changed by `change`.
    fn edit(self, target: &Target, change: impl Fn(&mut Object)) -> Result<Collection, Error> {
        self.rewrite(target, |block, row| {
            let mut object = block
                .payload(row)
                .to_object()
                .ok_or_else(|| Error::corrupt("a packed payload is malformed"))?;
            change(&mut object);
            pack(&object)
        })
    }

    fn replace_payload(self, target: &Target, new: &Object) -> Result<Collection, Error> {
        let packed = pack(new)?;
        self.rewrite(target, |_, _| Ok(packed.clone()))
    }

    fn rewrite(
        mut self,
        target: &Target,
        payload: impl Fn(&RowBlock, RowId) -> Result<Vec<u8>, Error>,
    ) -> Result<Collection, Error> {
        let places = self.old.targets(target)?;
        let mut written = self.builder(places.len());
        for place in places {
            let (block, row) = (self.block(place), place.row);
            let payload = payload(block, row)?;
            written.push(block.ids.get(row), self.operation, &payload, |field| {
                block.vectors[field].stored(row).map(Incoming::Stored)
            });
            self.delete_row(place);
        }
        self.finish(written)
    }

    fn update_vectors(
        mut self,
        points: &[(PointId, NamedVectors)],
        condition: Option<&Filter>,
    ) -> Result<Collection, Error> {
        // Later vectors of a point replace earlier ones of the same name.
        let mut changes: BTreeMap<IdRef<'_>, Vec<&NamedVectors>> = BTreeMap::new();
        for (id, vectors) in points {
            self.old.check_vectors(vectors)?;
            self.old.must_locate(id)?;
            changes.entry(id.into()).or_default().push(vectors);
        }
        let sources = self.old.sources();
        let condition = Condition::new(condition, &sources);
        let mut written = self.builder(changes.len());
        for (id, vectors) in changes {
            let Some(place) = self.old.locate(id).filter(|&place| condition.holds(place)) else {
                continue;
            };
            let (block, row) = (self.block(place), place.row);
            let schema = &self.old.schema;
            written.push(id, self.operation, block.payload_bytes(row), |field| {
                let name = &schema.vectors[field].name;
                let new = vectors
                    .iter()
                    .rev()
                    .find_map(|vectors| given(vectors, name));
                let old = || block.vectors[field].stored(row).map(Incoming::Stored);
                new.map(Incoming::Raw).or_else(old)
            });
            self.delete_row(place);
        }
        self.finish(written)
    }

    fn delete_vectors(
        mut self,
        target: &Target,
        names: &[VectorName],
    ) -> Result<Collection, Error> {
        let removed = names
            .iter()
            .map(|name| self.old.field(name))
            .collect::<Result<Vec<usize>, Error>>()?;
        let places = self.old.targets(target)?;
        let mut written = self.builder(places.len());
        for place in places {
            let (block, row) = (self.block(place), place.row);
            let payload = block.payload_bytes(row);
            written.push(block.ids.get(row), self.operation, payload, |field| {
                let kept = (!removed.contains(&field)).then(|| block.vectors[field].stored(row));
                kept.flatten().map(Incoming::Stored)
            });
            self.delete_row(place);
        }
        self.finish(written)
    }
}

/// A condition on existing points, prepared for every segment.
struct Condition<'a>(Option<Vec<Compiled<'a>>>);

impl<'a> Condition<'a> {
    fn new(filter: Option<&'a Filter>, sources: &'a [Source<'a>]) -> Self {
        Self(filter.map(|filter| {
            sources
                .iter()
                .map(|source| compile(filter, source))
                .collect()
        }))
    }

    fn holds(&self, place: Place) -> bool {
        self.0
            .as_ref()
            .is_none_or(|compiled| compiled[place.segment].matches(place.row))
    }
}

/// A point that should have been new.
fn taken(id: &PointId) -> Error {
    let message = format!("a point with id {id} exists already");
    Error::new(
        ErrorKind::AlreadyExists,
        Subject::Point(id.clone()),
        message,
    )
}

/// Nothing for a payload without fields.
fn pack(payload: &Object) -> Result<Vec<u8>, Error> {
    if payload.is_empty() {
        return Ok(Vec::new());
    }
    Packed::pack(payload).map(Packed::into_bytes)
}

fn ascending(ids: &[PointId]) -> Vec<&PointId> {
    let mut ids: Vec<&PointId> = ids.iter().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The vector called `name`; of equal names the last.
fn given<'v>(vectors: &'v NamedVectors, name: &VectorName) -> Option<&'v Vector> {
    let (_, vector) = vectors.iter().rev().find(|(other, _)| other == name)?;
    Some(vector)
}

impl Collection {
    fn check_vectors(&self, vectors: &NamedVectors) -> Result<(), Error> {
        for (name, vector) in vectors {
            let field = self.field(name)?;
            prepared::check(vector, self.schema.vectors[field].kind)?;
        }
        Ok(())
    }

    /// Every segment as filters see it, in the order of [`Collection::segments`].
    pub(crate) fn sources(&self) -> Vec<Source<'_>> {
        self.segments()
            .map(|live| Source::new(&live.segment, &self.schema))
            .collect()
    }

    /// Live points that match, ascending by id.
    fn matching(&self, filter: &Filter) -> Vec<Place> {
        let mut places = Vec::new();
        for (at, live) in self.segments().enumerate() {
            let source = Source::new(&live.segment, &self.schema);
            let rows = compile(filter, &source).rows(Some(&live.live()));
            places.extend(rows.iter().map(|row| Place { segment: at, row }));
        }
        places.sort_by_key(|place| self.segment(place.segment).segment.block.ids.get(place.row));
        places
    }

    /// The points of `target`, ascending by id, each once.
    fn targets(&self, target: &Target) -> Result<Vec<Place>, Error> {
        match target {
            Target::Ids(ids) => ascending(ids)
                .into_iter()
                .map(|id| self.must_locate(id))
                .collect(),
            Target::Filter(filter) => Ok(self.matching(filter)),
        }
    }
}
