//! Answering queries: which state is asked, and what of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    CollectionRef, DatabaseName, Error, ErrorKind, Facet, Groups, Matrix, Query, Reply, Search,
    Subject,
};

use engine::{ENDLESS, Patience};

use crate::catalog::known_database;
use crate::collection::content::Content;
use crate::database::Database;
use crate::journal::View;
use crate::lookup::Lookups;

/// Answers `query`, each collection from one state.
///
/// # Errors
/// As the variant of the query says.
pub(crate) async fn answer(database: &Database, query: Query) -> Result<Reply, Error> {
    let Query::Within { ms, query } = query else {
        return in_time(database, query, ENDLESS).await;
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
    let reply = in_time(database, *query, &patience).await?;
    patience()?;
    Ok(reply)
}

/// Answers `query` unless `patience` ends before.
async fn in_time(
    database: &Database,
    query: Query,
    patience: Patience<'_>,
) -> Result<Reply, Error> {
    match query {
        // The time of the outer query counts.
        Query::Within { query, .. } => Box::pin(in_time(database, *query, patience)).await,
        Query::ListCollections(name) => database.names(&name).map(Reply::Collections),
        Query::ListAliases(name) => aliases(database, &name),
        Query::ListSnapshots(scope) => database.snapshots(&scope).map(Reply::Snapshots),
        Query::CollectionExists(name) => exists(database, &name),
        Query::DescribeCollection(name) => describe(database, &name).await,
        Query::ReadSchema(name) => schema(database, &name).await,
        Query::MeasureCollection(name) => measure(database, &name).await,
        Query::WatchUpkeep(name) => watch(database, &name).await,
        Query::ReadAttributes(name) => attributes(database, &name),
        Query::Retrieve {
            collection,
            ids,
            select,
        } => {
            let view = view(database, &collection).await?;
            view.state
                .collection
                .retrieve(&ids, &select)
                .map(Reply::Records)
        }
        Query::Scroll {
            collection,
            filter,
            from,
            limit,
            order_by,
            select,
        } => {
            let view = view(database, &collection).await?;
            let collection = &view.state.collection;
            collection.scroll(
                filter.as_ref(),
                from.as_ref(),
                limit,
                order_by.as_ref(),
                &select,
            )
        }
        Query::Count {
            collection,
            filter,
            exact,
        } => {
            let view = view(database, &collection).await?;
            view.state
                .collection
                .count(filter.as_ref(), exact)
                .map(Reply::Count)
        }
        Query::Search(mut search) => {
            Lookups::default().prepare(database, &mut search).await?;
            let view = view(database, &search.collection).await?;
            scored(database, &view, &search)
        }
        Query::SearchBatch(searches) => batch(database, searches, patience).await,
        Query::Groups(query) => groups(database, query, patience).await,
        Query::Facet(query) => facet(database, &query).await,
        Query::Matrix(query) => matrix(database, &query, patience).await,
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

fn scored(database: &Database, view: &View<Content>, search: &Search) -> Result<Reply, Error> {
    view.state
        .collection
        .search(search, &database.shared.scratch)
        .map(Reply::Scored)
}

async fn schema(database: &Database, name: &CollectionRef) -> Result<Reply, Error> {
    let view = view(database, name).await?;
    Ok(Reply::Schema(Arc::clone(view.state.collection.schema())))
}

async fn facet(database: &Database, facet: &Facet) -> Result<Reply, Error> {
    let view = view(database, &facet.collection).await?;
    view.state.collection.facet(facet).map(Reply::Facet)
}

async fn groups(
    database: &Database,
    mut groups: Box<Groups>,
    patience: Patience<'_>,
) -> Result<Reply, Error> {
    let mut lookups = Lookups::default();
    lookups.prepare(database, &mut groups.search).await?;
    let view = view(database, &groups.search.collection).await?;
    let scratch = &database.shared.scratch;
    view.state
        .collection
        .groups(&groups, scratch, patience)
        .map(Reply::Groups)
}

async fn matrix(
    database: &Database,
    matrix: &Matrix,
    patience: Patience<'_>,
) -> Result<Reply, Error> {
    let view = view(database, &matrix.collection).await?;
    // The lower half of the random bits is as random as all of them.
    let seed = database.shared.host.random() as u64;
    let scratch = &database.shared.scratch;
    let rows = view
        .state
        .collection
        .matrix(matrix, seed, scratch, patience);
    rows.map(Reply::Matrix)
}

/// All searches of one collection see the same state of it.
async fn batch(
    database: &Database,
    mut searches: Vec<Search>,
    patience: Patience<'_>,
) -> Result<Reply, Error> {
    let mut lookups = Lookups::default();
    for search in &mut searches {
        lookups.prepare(database, search).await?;
    }
    let mut views: BTreeMap<&CollectionRef, Arc<View<Content>>> = BTreeMap::new();
    for search in &searches {
        if !views.contains_key(&search.collection) {
            views.insert(
                &search.collection,
                view(database, &search.collection).await?,
            );
        }
    }
    let answers = searches.iter().map(|search| {
        patience()?;
        scored(database, &views[&search.collection], search)
    });
    answers.collect::<Result<_, _>>().map(Reply::Batch)
}

fn aliases(database: &Database, name: &DatabaseName) -> Result<Reply, Error> {
    known_database(name)?;
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
