//! Answering queries: which state is asked, and what of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    CollectionRef, DatabaseName, Error, ErrorKind, Facet, Groups, Matrix, Query, Reply, Search,
    Subject,
};

use engine::{Collection, ENDLESS, Patience};

use crate::collection::content::Content;
use crate::database::Database;
use crate::journal::View;
use crate::lookup::Lookups;
use crate::pages;

/// Answers `query`, each collection from one state.
///
/// # Errors
/// As the variant of the query says.
pub(crate) async fn answer(database: &Database, query: Query) -> Result<Reply, Error> {
    let options = &database.shared.options;
    // Only pages are read after a collection was opened.
    let again = (options.read_only && options.paging.is_some()).then(|| query.clone());
    match (once(database, query).await, again) {
        // What looks like damage may be the writer, who has replaced the part meanwhile.
        (Err(error), Some(again)) if error.kind == ErrorKind::Corrupt => {
            database.reload().await.map_err(|_| error)?;
            once(database, again).await
        }
        (answer, _) => answer,
    }
}

async fn once(database: &Database, query: Query) -> Result<Reply, Error> {
    let Query::Within { ms, query } = query else {
        return in_time(Asked::of(database, ENDLESS), query).await;
    };
    let host = &database.shared.host;
    let until_us = host.monotonic_us().saturating_add(ms.saturating_mul(1000));
    let patience = || {
        if host.monotonic_us() <= until_us {
            return Ok(());
        }
        let message = format!("the query took longer than {ms} ms");
        Err(Error::new(ErrorKind::Timeout, Subject::Request, message))
    };
    let reply = in_time(Asked::of(database, &patience), *query).await?;
    patience()?;
    Ok(reply)
}

/// What a query asks, and how.
#[derive(Clone, Copy)]
struct Asked<'a> {
    database: &'a Database,
    patience: Patience<'a>,
    /// Whether concealed points are seen.
    unveiled: bool,
}

impl<'a> Asked<'a> {
    fn of(database: &'a Database, patience: Patience<'a>) -> Self {
        Self {
            database,
            patience,
            unveiled: false,
        }
    }

    /// What `ask` answers once every row that it looks at is at hand.
    async fn ask<T>(self, ask: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
        pages::complete(ask).await
    }

    /// The newest state of a collection as this query sees it.
    async fn collection(self, name: &CollectionRef) -> Result<Collection, Error> {
        let view = view(self.database, name).await?;
        let collection = &view.state.collection;
        Ok(match self.unveiled {
            true => collection.unveiled(),
            false => collection.clone(),
        })
    }
}

/// Answers `query` unless the patience ends before.
async fn in_time(asked: Asked<'_>, query: Query) -> Result<Reply, Error> {
    let database = asked.database;
    match query {
        // The time of the outer query counts.
        Query::Within { query, .. } => Box::pin(in_time(asked, *query)).await,
        Query::WithConcealed(query) => {
            let unveiled = Asked {
                unveiled: true,
                ..asked
            };
            Box::pin(in_time(unveiled, *query)).await
        }
        Query::ListDatabases => Ok(Reply::Databases(database.catalog.view().state.databases())),
        Query::ListCollections(name) => database.names(&name).map(Reply::Collections),
        Query::ListAliases(name) => aliases(database, &name),
        Query::ListSnapshots(scope) => database.snapshots(&scope).map(Reply::Snapshots),
        Query::CollectionExists(name) => exists(database, &name),
        Query::DescribeCollection(name) => describe(database, &name).await,
        Query::ReadSchema(name) => schema(database, &name).await,
        Query::MeasureCollection(name) => measure(database, &name).await,
        Query::WatchUpkeep(name) => watch(database, &name).await,
        Query::ReadAttributes(name) => attributes(database, &name),
        Query::ListFields(name) => {
            let collection = asked.collection(&name).await?;
            Ok(Reply::Fields(collection.payload_fields()))
        }
        Query::ListConcealed(name) => {
            let view = view(database, &name).await?;
            Ok(Reply::Ids(view.state.collection.concealed_ids()))
        }
        Query::ReadAttachment {
            collection,
            key,
            range,
        } => {
            let live = database.live(&collection).await?;
            live.read_attachment(&key, range)
                .await
                .map(Reply::Attachment)
        }
        query @ (Query::Retrieve { .. }
        | Query::Scroll { .. }
        | Query::ScrollBack { .. }
        | Query::Count { .. }) => points(asked, query).await,
        Query::Search(mut search) => {
            Lookups::default().prepare(database, &mut search).await?;
            let collection = asked.collection(&search.collection).await?;
            scored(database, &collection, &search).await
        }
        Query::SearchBatch(searches) => batch(asked, searches).await,
        Query::Groups(query) => groups(asked, query).await,
        Query::Facet(query) => facet(asked, &query).await,
        Query::Matrix(query) => matrix(asked, &query).await,
    }
}

/// Points by id, page by page, from the end, or how many there are.
async fn points(asked: Asked<'_>, query: Query) -> Result<Reply, Error> {
    match query {
        Query::Retrieve {
            collection,
            ids,
            select,
        } => {
            let collection = asked.collection(&collection).await?;
            let records = asked.ask(|| collection.retrieve(&ids, &select));
            records.await.map(Reply::Records)
        }
        Query::Scroll {
            collection,
            filter,
            from,
            limit,
            order_by,
            select,
        } => {
            let collection = asked.collection(&collection).await?;
            let (filter, from, order_by) = (filter.as_ref(), from.as_ref(), order_by.as_ref());
            let page = || collection.scroll(filter, from, limit, order_by, &select);
            asked.ask(page).await
        }
        Query::ScrollBack {
            collection,
            before,
            limit,
            select,
        } => {
            let collection = asked.collection(&collection).await?;
            let records = || collection.last(before.as_ref(), limit, &select);
            asked.ask(records).await.map(Reply::Records)
        }
        Query::Count {
            collection,
            filter,
            exact,
        } => {
            let collection = asked.collection(&collection).await?;
            collection.count(filter.as_ref(), exact).map(Reply::Count)
        }
        other => Box::pin(in_time(asked, other)).await,
    }
}

async fn measure(database: &Database, name: &CollectionRef) -> Result<Reply, Error> {
    let view = view(database, name).await?;
    Ok(Reply::Size(view.state.collection.size()))
}

async fn watch(database: &Database, name: &CollectionRef) -> Result<Reply, Error> {
    let live = database.live(name).await?;
    Ok(Reply::Upkeep(Box::new(live.watch())))
}

fn attributes(database: &Database, name: &DatabaseName) -> Result<Reply, Error> {
    let kept = database.catalog.view().state.attributes(name)?;
    Ok(Reply::Attributes(kept))
}

/// The newest state of a collection, which must be sound.
pub(crate) async fn view(
    database: &Database,
    name: &CollectionRef,
) -> Result<Arc<View<Content>>, Error> {
    let live = database.live(name).await?;
    live.check_sound()?;
    Ok(live.content())
}

async fn scored(
    database: &Database,
    collection: &Collection,
    search: &Search,
) -> Result<Reply, Error> {
    let shared = &database.shared;
    let scored = || collection.search(search, &shared.scratch);
    let scored = pages::complete(scored).await;
    scored.map(Reply::Scored)
}

async fn schema(database: &Database, name: &CollectionRef) -> Result<Reply, Error> {
    let view = view(database, name).await?;
    Ok(Reply::Schema(Arc::clone(view.state.collection.schema())))
}

async fn facet(asked: Asked<'_>, facet: &Facet) -> Result<Reply, Error> {
    let collection = asked.collection(&facet.collection).await?;
    collection.facet(facet).map(Reply::Facet)
}

async fn groups(asked: Asked<'_>, mut groups: Box<Groups>) -> Result<Reply, Error> {
    let database = asked.database;
    let mut lookups = Lookups::default();
    lookups.prepare(database, &mut groups.search).await?;
    let collection = asked.collection(&groups.search.collection).await?;
    let scratch = &database.shared.scratch;
    let found = || collection.groups(&groups, scratch, asked.patience);
    asked.ask(found).await.map(Reply::Groups)
}

async fn matrix(asked: Asked<'_>, matrix: &Matrix) -> Result<Reply, Error> {
    let collection = asked.collection(&matrix.collection).await?;
    let shared = &asked.database.shared;
    // The lower half of the random bits is as random as all of them.
    let seed = shared.host.random() as u64;
    let rows = || collection.matrix(matrix, seed, &shared.scratch, asked.patience);
    asked.ask(rows).await.map(Reply::Matrix)
}

/// All searches of one collection see the same state of it.
async fn batch(asked: Asked<'_>, mut searches: Vec<Search>) -> Result<Reply, Error> {
    let database = asked.database;
    let mut lookups = Lookups::default();
    for search in &mut searches {
        lookups.prepare(database, search).await?;
    }
    let mut seen: BTreeMap<&CollectionRef, Collection> = BTreeMap::new();
    for search in &searches {
        if !seen.contains_key(&search.collection) {
            let collection = asked.collection(&search.collection).await?;
            seen.insert(&search.collection, collection);
        }
    }
    let mut answers = Vec::with_capacity(searches.len());
    for search in &searches {
        (asked.patience)()?;
        answers.push(scored(database, &seen[&search.collection], search).await?);
    }
    Ok(Reply::Batch(answers))
}

fn aliases(database: &Database, name: &DatabaseName) -> Result<Reply, Error> {
    database.known(name)?;
    let catalog = &database.catalog.view().state;
    let here = catalog
        .aliases()
        .filter(|(alias, _)| alias.database == *name);
    Ok(Reply::Aliases(
        here.map(|(alias, to)| (alias.name.clone(), to.clone()))
            .collect(),
    ))
}

fn exists(database: &Database, name: &CollectionRef) -> Result<Reply, Error> {
    match database.catalog.view().state.resolve(name) {
        Ok(_) => Ok(Reply::Exists(true)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(Reply::Exists(false)),
        Err(error) => Err(error),
    }
}

async fn describe(database: &Database, name: &CollectionRef) -> Result<Reply, Error> {
    database
        .live(name)
        .await
        .map(|live| Reply::Collection(Box::new(live.describe())))
}
