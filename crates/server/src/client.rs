//! A small HTTP/1.1 client that keeps its connections: enough to talk to a Skerry server.

use std::io;
use std::sync::Mutex;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use crate::connect::{Scheme, Stream, connect};
use crate::streams::Outgoing;

/// Talks to one server over as many connections as requests are in flight.
pub struct Client {
    scheme: Scheme,
    host: String,
    port: u16,
    /// What stands before every path; empty or `/` and a name.
    prefix: String,
    key: Option<HeaderValue>,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none that this client can reach.
    #[error("{url}: {what}")]
    Url {
        /// The address as given.
        url: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Nothing listens there.
    #[error("no connection to {address}: {cause}")]
    Connect {
        /// Host and port.
        address: String,
        /// What the system says.
        cause: io::Error,
    },
    /// The connection broke.
    #[error("{0}")]
    Http(#[from] hyper::Error),
}

impl Client {
    /// A client for the server at `url`, `http[s]://HOST[:PORT][/PREFIX]`. No connection is made
    /// yet.
    ///
    /// # Errors
    /// `Url` for anything else.
    pub fn new(url: &str, key: Option<&str>) -> Result<Self, ClientError> {
        let wrong = |what| ClientError::Url {
            url: url.into(),
            what,
        };
        let uri: Uri = url.parse().map_err(|_| wrong("this is no URL"))?;
        let scheme = Scheme::named(uri.scheme_str())
            .ok_or_else(|| wrong("the URL must start with http:// or https://"))?;
        let host = uri.host().ok_or_else(|| wrong("there is no host"))?;
        let key = key.map(HeaderValue::from_str).transpose();
        Ok(Self {
            scheme,
            host: host.into(),
            port: uri.port_u16().unwrap_or(scheme.port()),
            prefix: uri.path().trim_end_matches('/').into(),
            key: key.map_err(|_| wrong("the key cannot stand in a header"))?,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Sends a request with a JSON body (none when empty) and reads the whole answer.
    ///
    /// # Errors
    /// When no answer came. The request may have been carried out.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let reused = self.idle().pop();
        let mut connection = match reused.filter(|connection| !connection.is_closed()) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.ready().await?;
        let response = connection
            .send_request(self.request(method, path, body))
            .await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        self.idle().push(connection);
        Ok((status, body))
    }

    /// Sends a request whose body of the type `kind` comes piece by piece, over a connection of
    /// its own.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub(crate) async fn send_stream(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: app::gateway::Body,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let (head, _) = self.request(method, path, Bytes::new()).into_parts();
        let mut request = Request::from_parts(head, Outgoing::new(body));
        let kind = HeaderValue::from_str(kind).expect("the type is made of visible letters");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        let mut sender = http1::handshake(TokioIo::new(self.stream().await?))
            .await
            .map(|(sender, connection)| {
                tokio::spawn(async move {
                    let _ = connection.await;
                });
                sender
            })?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.idle
            .lock()
            .expect("nothing panics while it holds the idle connections")
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = format!("{}{path}", self.prefix)
            .parse()
            .expect("paths are made of a checked prefix and encoded names");
        let host = HeaderValue::try_from(format!("{}:{}", self.host, self.port));
        let headers = request.headers_mut();
        headers.insert(
            HOST,
            host.expect("a host that was parsed can stand in a header"),
        );
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.key {
            headers.insert("api-key", key.clone());
        }
        request
    }

    async fn stream(&self) -> Result<Stream, ClientError> {
        let connected = connect(self.scheme, &self.host, self.port).await;
        connected.map_err(|cause| ClientError::Connect {
            address: format!("{}:{}", self.host, self.port),
            cause,
        })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, ClientError> {
        let stream = self.stream().await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends when the sender is dropped; what goes wrong is told to the sender.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }
}

/// `text` with everything percent-encoded that cannot stand in a segment of a path.
pub fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(byte as char);
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        assert!(Client::new("http://127.0.0.1:6333", None).is_ok());
        assert!(Client::new("http://[::1]:6333/qdrant/", Some("key")).is_ok());
        assert!(Client::new("https://example.com", None).is_ok());
        for (url, part) in [
            ("ftp://example.com", "http://"),
            ("example.com:6333", "http://"),
            ("/tmp/x", "http://"),
            ("http://a b", "no URL"),
        ] {
            let refusal = Client::new(url, None).err().map(|error| error.to_string());
            assert!(
                refusal.as_ref().is_some_and(|text| text.contains(part)),
                "{refusal:?}"
            );
        }
        assert!(Client::new("http://h", Some("a\nb")).is_err());
    }

    #[test]
    fn names_become_segments() {
        assert_eq!(segment("plain-name_1.0"), "plain-name_1.0");
        assert_eq!(segment("a b/ü?"), "a%20b%2F%C3%BC%3F");
    }
}
