//! Where rows go.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};

use super::source::ImportError;
use crate::client::Client;

pub(super) enum Door {
    Remote(Client),
}

impl Door {
    pub(super) fn connect(url: &str, key: Option<&str>) -> Result<Arc<Self>, ImportError> {
        let client = Client::new(url, key);
        client.map(|c| Arc::new(Self::Remote(c))).map_err(|error| ImportError::Refused(error.to_string()))
    }
    pub(super) async fn open(_data: &str) -> Result<Arc<Self>, ImportError> {
        Err(ImportError::Refused("x".into()))
    }
    pub(super) async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<(StatusCode, Bytes), ImportError> {
        match self {
            Self::Remote(client) => client.send(method, path, body).await.map_err(|error| ImportError::Refused(error.to_string())),
        }
    }
    pub(super) async fn close(&self) -> Result<(), ImportError> {
        Ok(())
    }
}
