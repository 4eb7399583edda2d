//! Where rows go: a running server, or a directory that is opened here. Both are spoken to in the
//! words of the Qdrant interface, so there is one way of writing rows and one kind of refusal.

use std::path::PathBuf;
use std::sync::Arc;

use app::gateway::{Listener, Mount};
use app::{App, Config};
use bytes::Bytes;
use http::{Method, Request, StatusCode};

use super::source::ImportError;
use crate::client::Client;
use crate::host::NativeHost;

/// Where rows go.
pub(super) enum Door {
    /// A running server.
    Remote(Client),
    /// A database in this process.
    Local { app: App, listener: Listener },
}

fn refused(error: impl std::fmt::Display) -> ImportError {
    ImportError::Refused(error.to_string())
}

impl Door {
    /// To the server at `url`. No connection is made yet.
    pub(super) fn connect(url: &str, key: Option<&str>) -> Result<Arc<Self>, ImportError> {
        let client = Client::new(url, key).map_err(refused)?;
        Ok(Arc::new(Self::Remote(client)))
    }

    /// To the database in the directory `data`, which becomes one when it does not exist.
    pub(super) async fn open(data: &str) -> Result<Arc<Self>, ImportError> {
        let told = |error| ImportError::Refused(format!("{data}: {error}"));
        let durability = storage_object::Durability::Sync;
        let store = storage_object::open_local(&PathBuf::from(data), durability)
            .map_err(|error| told(error.into()))?;
        let app = App::open(store, Arc::new(NativeHost::new()), Config::default())
            .await
            .map_err(told)?;
        let listener = app.gateway().listener(Mount::Only("qdrant"));
        let listener = listener.ok_or_else(|| refused("the Qdrant interface is missing"))?;
        Ok(Arc::new(Self::Local { app, listener }))
    }

    /// Sends a request with a JSON body (none when empty).
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), ImportError> {
        match self {
            Self::Remote(client) => client.send(method, path, body).await.map_err(refused),
            Self::Local { listener, .. } => {
                let request = Request::builder().method(method).uri(path).body(body);
                let request = request.expect("paths are made of encoded names");
                let response = listener.serve(request).await;
                Ok((response.status(), response.into_body()))
            }
        }
    }

    /// Closes what was opened.
    pub(super) async fn close(&self) -> Result<(), ImportError> {
        match self {
            Self::Remote(_) => Ok(()),
            Self::Local { app, .. } => app.close().await.map_err(refused),
        }
    }
}
