//! `skerry sync`: one place brought to the state of another.
//!
//! | module | what is in it |
//! |---|---|
//! | this file | the command, and copies between stores |
//! | `remote` | a running server as source or destination |
//!
//! Between stores only what is missing is copied. A running server is asked for snapshots, which
//! are whole.

mod remote;

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use app::{App, BlobStore, Config, Error, SyncProgress};
use clap::Args;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::host::NativeHost;
use crate::settings::{Data, Durability};
use crate::stores;

/// Options of `skerry sync`.
#[derive(Clone, Debug, Args)]
pub struct SyncOptions {
    /// Where the state is: a directory, `s3://`, `gs://` or `az://` BUCKET/FOLDER, or the URL of a
    /// running server
    #[arg(value_name = "SRC")]
    pub from: Place,

    /// Where it is to be, in the same words
    #[arg(value_name = "DST")]
    pub to: Place,

    /// Key of the running server
    #[arg(
        long,
        value_name = "KEY",
        env = "SKERRY_API_KEY",
        hide_env_values = true
    )]
    pub api_key: Option<String>,
}

/// One end of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A store that is opened here.
    Store(Data),
    /// A running server, by the address of its Qdrant interface.
    Server(String),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("http://") || text.starts_with("https://") {
            return Ok(Self::Server(text.trim_end_matches('/').to_owned()));
        }
        match text.parse()? {
            Data::Memory => Err("memory ends with this process: give a place that lasts".into()),
            data => Ok(Self::Store(data)),
        }
    }
}

/// Why a copy failed.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// One of the stores.
    #[error("{place}: {cause}")]
    Place {
        /// Which.
        place: String,
        /// What is wrong.
        cause: Error,
    },
    /// The copy itself.
    #[error("{0}")]
    Copy(#[from] Error),
    /// What cannot be done.
    #[error("{0}")]
    Refused(String),
}

/// Copies as `options` say, with a progress bar on standard error.
///
/// # Errors
/// With what is wrong; the destination has its old state or the new one.
pub async fn run(options: &SyncOptions) -> Result<(), SyncError> {
    let SyncOptions { from, to, api_key } = options;
    let key = api_key.as_deref();
    match (from, to) {
        (Place::Server(_), Place::Server(_)) => Err(SyncError::Refused(
            "between two running servers, recover a snapshot of one at the other".into(),
        )),
        (from, to) if from == to => Err(SyncError::Refused("both places are the same".into())),
        (Place::Store(from), Place::Store(to)) => {
            if let Data::Directory(path) = from
                && !path.is_dir()
            {
                let path = path.display();
                return Err(SyncError::Refused(format!(
                    "{path}: there is no such directory"
                )));
            }
            let copied = between(opened(from).await?, opened(to).await?).await?;
            println!(
                "{} objects copied ({}), {} were there ({})",
                copied.copied_objects,
                HumanBytes(copied.copied_bytes),
                copied.present_objects,
                HumanBytes(copied.present_bytes),
            );
            Ok(())
        }
        (Place::Server(url), Place::Store(to)) => {
            let store = opened(to).await?;
            let app = app(&store, to).await?;
            let pulled = remote::pull(&app, url, key).await;
            let closed = app.close().await;
            let collections = pulled?;
            closed?;
            // Now the list of its objects, for those who read it without a server.
            app::list_objects(store).await?;
            println!("{collections} collections copied from {url}");
            Ok(())
        }
        (Place::Store(from), Place::Server(url)) => {
            let app = app(&opened(from).await?, from).await?;
            let pushed = remote::push(&app, url, key).await;
            let closed = app.close().await;
            let collections = pushed?;
            closed?;
            println!("{collections} collections copied to {url}");
            Ok(())
        }
    }
}

async fn opened(data: &Data) -> Result<Arc<dyn BlobStore>, SyncError> {
    let store = stores::open(data, Durability::Sync).await;
    store.map_err(|cause| SyncError::Place {
        place: data.to_string(),
        cause,
    })
}

async fn app(store: &Arc<dyn BlobStore>, data: &Data) -> Result<App, SyncError> {
    let host = Arc::new(NativeHost::new());
    let app = App::open(Arc::clone(store), host, Config::default()).await;
    app.map_err(|cause| SyncError::Place {
        place: data.to_string(),
        cause,
    })
}

async fn between(
    from: Arc<dyn BlobStore>,
    to: Arc<dyn BlobStore>,
) -> Result<SyncProgress, SyncError> {
    let bar = bar();
    let last = Mutex::new(SyncProgress::default());
    let watch = |progress: SyncProgress| {
        bar.set_length(progress.bytes - progress.present_bytes);
        bar.set_position(progress.copied_bytes);
        // Nothing under this lock can panic half-way.
        *last.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    };
    let copied = app::sync(from, to, &watch).await;
    bar.finish_and_clear();
    copied.map_err(|error| {
        let progress = *last.lock().unwrap_or_else(PoisonError::into_inner);
        match progress.copied_objects {
            0 => error.into(),
            done => SyncError::Refused(format!(
                "{error}; {done} objects have been copied, and the next run goes on from there"
            )),
        }
    })
}

fn bar() -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left");
    let style = style.expect("the template names only what every bar has");
    ProgressBar::new(0).with_style(style)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn places_are_told_apart() {
        let place = |text: &str| text.parse::<Place>();
        let directory = Place::Store(Data::Directory("./here".into()));
        assert_eq!(place("./here").unwrap(), directory);
        let server = Place::Server("http://127.0.0.1:6333".into());
        assert_eq!(place("http://127.0.0.1:6333/").unwrap(), server);
        let bucket = Place::Store(Data::Bucket("s3://b/f".into()));
        assert_eq!(place("s3://b/f").unwrap(), bucket);
        assert!(place("memory:").is_err());
        assert!(place("").is_err());
    }
}
