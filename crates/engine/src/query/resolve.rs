//! Points that are inputs of a search become the vectors that they carry.

use std::collections::BTreeSet;

use model::{
    Error, ErrorKind, LookupFrom, PointId, Rank, Search, Subject, Vector, VectorName, VectorQuery,
};

use crate::collection::{Collection, Place};

impl Collection {
    /// Replaces the points that are inputs of `rank` by the vectors that they carry here, those of
    /// `field` or of the field that `rank` compares. Examples of a recommendation that lack the
    /// vector are left out.
    ///
    /// # Errors
    /// - `NotFound` when a point, or the vector of one that is no example, does not exist.
    /// - `Invalid` about the field when there is none of that name.
    pub fn resolve(&self, rank: &mut Rank, field: Option<&VectorName>) -> Result<(), Error> {
        let Some(field) = field.or(rank.field()).cloned() else {
            return Ok(());
        };
        let mut lookup = Lookup {
            collection: self,
            field: &field,
            places: BTreeSet::new(),
        };
        lookup.resolve(rank)
    }

    /// Replaces every point that is an input anywhere in `search`; where they are.
    ///
    /// # Errors
    /// As [`Collection::resolve`].
    pub(super) fn resolve_own(&self, search: &mut Search) -> Result<BTreeSet<Place>, Error> {
        let mut places = BTreeSet::new();
        search.try_each_rank(&mut |rank: &mut Rank, from: &mut Option<LookupFrom>| {
            let named = from.as_ref().and_then(|from| from.vector.as_ref());
            let Some(field) = named.or(rank.field()).cloned() else {
                return Ok(());
            };
            let mut lookup = Lookup {
                collection: self,
                field: &field,
                places: BTreeSet::new(),
            };
            lookup.resolve(rank)?;
            places.append(&mut lookup.places);
            Ok(())
        })?;
        Ok(places)
    }

    fn no_vector(&self, id: &PointId, field: &VectorName) -> Error {
        let vector = field.as_str().to_owned();
        let message = format!("point {id} has no vector `{vector}`");
        let point = id.clone();
        Error::new(
            ErrorKind::NotFound,
            Subject::PointVector { point, vector },
            message,
        )
    }
}

/// Inputs looked up in one field, and where they were found.
struct Lookup<'a> {
    collection: &'a Collection,
    field: &'a VectorName,
    places: BTreeSet<Place>,
}

impl Lookup<'_> {
    fn resolve(&mut self, rank: &mut Rank) -> Result<(), Error> {
        if let Rank::Recommend { like, unlike, .. } = rank {
            self.resolve_examples(like)?;
            return self.resolve_examples(unlike);
        }
        for input in rank.inputs_mut() {
            if let VectorQuery::Point(id) = input {
                let vector = self.vector(id)?;
                let vector = vector.ok_or_else(|| self.collection.no_vector(id, self.field))?;
                *input = VectorQuery::Vector(vector);
            }
        }
        Ok(())
    }

    fn resolve_examples(&mut self, examples: &mut Vec<VectorQuery>) -> Result<(), Error> {
        let mut resolved = Vec::with_capacity(examples.len());
        for example in examples.drain(..) {
            match example {
                VectorQuery::Vector(_) => resolved.push(example),
                VectorQuery::Point(id) => {
                    resolved.extend(self.vector(&id)?.map(VectorQuery::Vector));
                }
            }
        }
        *examples = resolved;
        Ok(())
    }

    fn vector(&mut self, id: &PointId) -> Result<Option<Vector>, Error> {
        let at = self.collection.field(self.field)?;
        let place = self.collection.must_locate(id)?;
        self.places.insert(place);
        let block = &self.collection.segment(place.segment).segment.block;
        Ok(block.vectors[at].get(place.row))
    }
}
