//! Connections to other servers, plain or encrypted.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Both directions of a connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection, whatever carries it.
pub(crate) type Stream = Box<dyn Duplex>;

/// How a URL's scheme wants to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// `http`.
    Plain,
    /// `https`.
    Tls,
}

impl Scheme {
    /// The scheme called `name`; `None` for others.
    pub(crate) fn named(name: Option<&str>) -> Option<Self> {
        match name {
            Some("http") => Some(Self::Plain),
            Some("https") => Some(Self::Tls),
            Some(_) | None => None,
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Tls => "https",
        }
    }

    /// The port where a URL names none.
    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Plain => 80,
            Self::Tls => 443,
        }
    }
}

/// Connects to `host`, which may stand in square brackets.
///
/// # Errors
/// When nothing listens there, or it cannot prove to be `host` by a certificate that this machine
/// trusts.
pub(crate) async fn connect(scheme: Scheme, host: &str, port: u16) -> io::Result<Stream> {
    // Square brackets are for URLs only.
    let host = host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    match scheme {
        Scheme::Plain => Ok(Box::new(stream)),
        Scheme::Tls => encrypted(host, stream).await,
    }
}

#[cfg(feature = "tls")]
async fn encrypted(host: &str, stream: TcpStream) -> io::Result<Stream> {
    use std::sync::Arc;

    use rustls::ClientConfig;
    use rustls::crypto::ring;
    use rustls::pki_types::ServerName;
    use rustls_platform_verifier::BuilderVerifierExt;
    use tokio_rustls::TlsConnector;

    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let provider = Arc::new(ring::default_provider());
    // Certificates are read anew for each connection: there are few, and they may change.
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier())
        .map_err(io::Error::other)?
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    Ok(Box::new(connector.connect(name, stream).await?))
}

#[cfg(not(feature = "tls"))]
async fn encrypted(_host: &str, _stream: TcpStream) -> io::Result<Stream> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "https is not in this build (feature `tls`)",
    ))
}
