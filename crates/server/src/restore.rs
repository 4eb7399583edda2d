//! Snapshots that a server is started with: `--storage-snapshot` and `--snapshot`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use app::App;
use app::model::{
    CollectionRef, Command, DatabaseName, Error, Executor, Query, Reply, SnapshotLocation,
    SnapshotRecovery, SnapshotScope, Waiting,
};
use clap::Args;

/// What is to be brought back before the first request.
#[derive(Clone, Debug, Default, Args)]
pub struct StartSnapshots {
    /// Bring back everything from a full snapshot before the first request
    #[arg(long, value_name = "FILE")]
    pub storage_snapshot: Option<PathBuf>,

    /// Bring back a collection from a snapshot before the first request; may be repeated
    #[arg(long, value_name = "FILE:COLLECTION")]
    pub snapshot: Vec<OfCollection>,

    /// Let the snapshots of the command line replace what is there
    #[arg(long)]
    pub force_snapshot: bool,
}

/// A file and the collection that becomes what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfCollection {
    file: PathBuf,
    collection: CollectionRef,
}

impl FromStr for OfCollection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (file, name) = text.rsplit_once(':').ok_or_else(|| {
            format!("a file and a collection are needed, FILE:COLLECTION: {text}")
        })?;
        let collection = CollectionRef::in_default(name).map_err(|error| error.to_string())?;
        Ok(Self {
            file: file.into(),
            collection,
        })
    }
}

impl StartSnapshots {
    /// Brings back what is asked for, in the order of the options.
    ///
    /// # Errors
    /// `Invalid` when something is there and nothing says that it may be replaced; those of
    /// [`Executor::recover`].
    pub async fn bring_back(&self, app: &App) -> Result<(), Error> {
        let database = app.database();
        if let Some(file) = &self.storage_snapshot {
            if !self.force_snapshot {
                let there = database
                    .query(Query::ListCollections(DatabaseName::default()))
                    .await?;
                if !matches!(there, Reply::Collections(names) if names.is_empty()) {
                    return Err(refusal("there are collections already"));
                }
            }
            let scope = SnapshotScope::Database(DatabaseName::default());
            recover(&*database, scope, file).await?;
        }
        for OfCollection { file, collection } in &self.snapshot {
            if !self.force_snapshot {
                let there = Query::CollectionExists(collection.clone());
                if database.query(there).await? != Reply::Exists(false) {
                    let name = &collection.name;
                    return Err(refusal(&format!("collection `{name}` exists already")));
                }
            }
            let scope = SnapshotScope::Collection(collection.clone());
            recover(&*database, scope, file).await?;
        }
        Ok(())
    }
}

fn refusal(what: &str) -> Error {
    Error::invalid(format!("{what}; --force-snapshot replaces them"))
}

async fn recover(to: &dyn Executor, into: SnapshotScope, file: &Path) -> Result<(), Error> {
    let recovery = SnapshotRecovery {
        into,
        sha256: None,
        waiting: Waiting::UntilDone,
    };
    let path = file.to_string_lossy().into_owned();
    let location = SnapshotLocation::File(path);
    to.execute(Command::RecoverSnapshot { recovery, location })
        .await
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_hold_colons_and_a_collection_must_be_named() {
        let read = |text: &str| text.parse::<OfCollection>();
        let found = read("/a:b/c.snapshot:books").expect("a file and a collection");
        assert_eq!(found.file, Path::new("/a:b/c.snapshot"));
        assert_eq!(found.collection.name.as_str(), "books");
        assert!(read("/a").is_err());
        assert!(read("/a:").is_err());
    }
}
