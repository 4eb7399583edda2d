//! Skerry in a browser: JavaScript has the store and the events, the database is the server's.
//!
//! | where | what |
//! |---|---|
//! | this file | what JavaScript calls: open, exchange, close |
//! | `nearest` | a search without HTTP |
//! | `store` | a store written in JavaScript as a `BlobStore` |
//! | `host` | clock, chance and tasks of a tab or a worker |
//!
//! The files in `wasm/js` stand around it: the typed interface, the stores, `fetch`.
//! There is nothing here on other platforms, so that the whole workspace builds everywhere.
#![cfg(target_family = "wasm")]
// An adapter is where chance comes from.
#![allow(clippy::disallowed_methods)]

mod host;
mod nearest;
mod store;

use std::sync::Arc;

use app::gateway::{self, Listener, Mount};
use app::model::ErrorKind;
use app::{App, Config, Options, Paging};
use bytes::Bytes;
use js_sys::{Array, Error as JsError, JsString, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use host::Tab;
use store::{JsBlobs, JsStore};

/// An open database, and the gateway in front of it.
#[wasm_bindgen]
pub struct Engine {
    app: App,
    listener: Listener,
}

/// An answer to one request.
#[wasm_bindgen]
pub struct Answer {
    status: u16,
    headers: Array,
    body: Bytes,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the database in `store`, or begins one there. One that is opened for reading only
    /// writes nothing to the store, and refuses every change. With `paged`, of large indexed
    /// vectors only those are read that searches compare.
    ///
    /// # Errors
    /// What the store says; a damaged catalog.
    pub async fn open(
        store: JsStore,
        read_only: bool,
        paged: bool,
        root: String,
    ) -> Result<Engine, JsValue> {
        let store = Arc::new(JsBlobs::new(store));
        let config = Config {
            database: Options {
                read_only,
                paging: paged.then(Paging::default),
                ..Options::default()
            },
            gateway: gateway::Config {
                // A request comes from the page itself, or through a service worker of its origin.
                cors: false,
                body_bytes_max: 256 << 20,
                ..gateway::Config::default()
            },
            ..Config::default()
        };
        let names = app::dialect_names();
        let known = names.join(", ");
        let root = names.into_iter().find(|name| *name == root);
        let root = root.ok_or_else(|| {
            let message = format!("there is no interface of that name, only {known}");
            thrown("invalid", &message)
        })?;
        let app = App::open(store, Arc::new(Tab::default()), config).await;
        let app = app.map_err(|error| explained(&error))?;
        let listener = app.gateway().listener(Mount::Prefixed { root });
        Ok(Self {
            listener: listener.expect("the root is an interface of this build"),
            app,
        })
    }

    /// The gateway's answer to a request; `headers` are pairs of name and value.
    ///
    /// # Errors
    /// When the parts are no HTTP.
    pub async fn exchange(
        &self,
        method: String,
        url: String,
        headers: Array,
        body: Uint8Array,
    ) -> Result<Answer, JsValue> {
        let mut builder = http::Request::builder().method(method.as_str()).uri(url);
        for pair in headers.iter() {
            let pair = Array::from(&pair);
            let (name, value) = (pair.get(0).as_string(), pair.get(1).as_string());
            if let (Some(name), Some(value)) = (name, value) {
                builder = builder.header(name, value);
            }
        }
        let body = gateway::Body::Whole(Bytes::from(body.to_vec()));
        let request = builder.body(body).map_err(not_http)?;
        let (parts, body) = self.listener.exchange(request).await.into_parts();
        let body = body.collect(usize::MAX).await;
        let body = body.map_err(|error| explained(&error))?.unwrap_or_default();
        let headers = Array::new();
        for (name, value) in &parts.headers {
            let value = value.to_str().map_err(not_http)?;
            headers.push(&Array::of2(&name.as_str().into(), &value.into()));
        }
        Ok(Answer {
            status: parts.status.as_u16(),
            headers,
            body,
        })
    }

    /// Finishes what was asked for and closes the database.
    ///
    /// # Errors
    /// What the store says.
    pub async fn close(&self) -> Result<(), JsValue> {
        self.app.close().await.map_err(|error| explained(&error))
    }
}

#[wasm_bindgen]
impl Answer {
    /// The status code.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Pairs of name and value.
    #[wasm_bindgen(getter)]
    pub fn headers(&self) -> Array {
        self.headers.clone()
    }

    /// The body, copied out.
    pub fn body(&self) -> Uint8Array {
        Uint8Array::from(&self.body[..])
    }
}

fn not_http(error: impl std::fmt::Display) -> JsValue {
    thrown("invalid", &error.to_string())
}

/// The database's error as JavaScript throws it, with its kind in `code`.
fn explained(error: &app::Error) -> JsValue {
    let code = match error.kind {
        ErrorKind::NotFound => "not-found",
        ErrorKind::AlreadyExists => "already-exists",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Invalid => "invalid",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::StorageFull => "storage-full",
        ErrorKind::ReadOnly => "read-only",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::Internal => "internal",
    };
    thrown(code, &error.message)
}

fn thrown(code: &str, message: &str) -> JsValue {
    let error = JsError::new(message);
    error.set_name("SkerryError");
    // An object that was just made takes every property.
    let _ = Reflect::set(&error, &JsString::from("code"), &code.into());
    error.into()
}
