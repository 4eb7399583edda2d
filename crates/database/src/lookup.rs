//! What a search needs before the engine sees it: vectors of other collections, and chance.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{CollectionRef, Error, LookupFrom, Rank, Search, VectorQuery};

use crate::collection::content::Content;
use crate::database::Database;
use crate::journal::View;
use crate::pages;
use crate::query::view;

/// States of the collections that searches look into, each the same for all of them. `None`: the
/// searched collection itself, in whose state the engine looks.
#[derive(Default)]
pub(crate) struct Lookups(BTreeMap<(CollectionRef, CollectionRef), Option<Arc<View<Content>>>>);

impl Lookups {
    /// Replaces inputs that are points of other collections by the vectors that they carry there,
    /// and gives samples their seeds.
    ///
    /// # Errors
    /// `NotFound` about a collection, a point or its vector; those of opening the collection.
    pub(crate) async fn prepare(
        &mut self,
        database: &Database,
        search: &mut Search,
    ) -> Result<(), Error> {
        let searched = search.collection.clone();
        let mut names = Vec::new();
        search.try_each_rank(&mut |rank: &mut Rank, from: &mut Option<LookupFrom>| {
            if let Rank::Sample { seed } = rank {
                // The lower half of the random bits is as random as all of them.
                seed.get_or_insert_with(|| database.shared.host.random() as u64);
            }
            if let Some(from) = from
                && names_points(rank)
            {
                names.push(from.collection.clone());
            }
            Ok(())
        })?;
        if names.is_empty() {
            return Ok(());
        }
        for name in names {
            self.open(database, &searched, name).await?;
        }
        let resolved = || {
            let mut resolved = search.clone();
            self.resolve(&searched, &mut resolved)?;
            Ok(resolved)
        };
        *search = pages::complete(resolved).await?;
        Ok(())
    }

    /// Puts vectors of the collections that were opened in the place of their points.
    fn resolve(&self, searched: &CollectionRef, search: &mut Search) -> Result<(), Error> {
        search.try_each_rank(&mut |rank: &mut Rank, from: &mut Option<LookupFrom>| {
            let Some(LookupFrom { collection, vector }) = from else {
                return Ok(());
            };
            let key = (searched.clone(), collection.clone());
            if let Some(Some(other)) = self.0.get(&key)
                && names_points(rank)
            {
                other.state.collection.resolve(rank, vector.as_ref())?;
                *from = None;
            }
            Ok(())
        })
    }

    async fn open(
        &mut self,
        database: &Database,
        searched: &CollectionRef,
        name: CollectionRef,
    ) -> Result<(), Error> {
        let key = (searched.clone(), name);
        if self.0.contains_key(&key) {
            return Ok(());
        }
        let same = Arc::ptr_eq(
            &database.live(&key.1).await?,
            &database.live(searched).await?,
        );
        let other = if same {
            None
        } else {
            Some(view(database, &key.1).await?)
        };
        self.0.insert(key, other);
        Ok(())
    }
}

fn names_points(rank: &Rank) -> bool {
    let inputs = rank.inputs();
    inputs
        .into_iter()
        .any(|input| matches!(input, VectorQuery::Point(_)))
}
