//! `PUT …/snapshots/recover`: the archive is fetched by the server.

use gateway::Call;
use model::{Command, SnapshotLocation, SnapshotRecovery, SnapshotScope, Waiting};
use serde::Deserialize;

use super::{accepted, done, scope, waiting};
use crate::envelope::Answer;
use crate::error::Failure;
use crate::request::{self, BODY};

#[derive(Deserialize)]
struct WireRecover {
    location: String,
    // Says whose data is right when other replicas have some; here is none.
    #[serde(rename = "priority")]
    _priority: Option<Priority>,
    checksum: Option<String>,
    api_key: Option<String>,
}

/// Which data wins over that of other replicas.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum Priority {
    /// None is asked.
    NoSync,
    /// The snapshot.
    Snapshot,
    /// The other replicas.
    Replica,
}

impl Priority {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "no_sync" => Some(Self::NoSync),
            "snapshot" => Some(Self::Snapshot),
            "replica" => Some(Self::Replica),
            _ => None,
        }
    }
}

/// Whether a plain name may stand in the place of an address.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    Allowed,
    Refused,
}

/// `PUT …/snapshots/recover` of a collection
pub(crate) async fn recover(call: &Call<'_>) -> Answer {
    recovered(call, scope::new_collection(call)?, Names::Refused).await
}

/// `PUT …/snapshots/recover` of a shard
pub(crate) async fn recover_shard(call: &Call<'_>) -> Answer {
    recovered(call, scope::new_shard(call)?, Names::Allowed).await
}

async fn recovered(call: &Call<'_>, into: SnapshotScope, names: Names) -> Answer {
    let waiting = waiting(call)?;
    let wire: WireRecover = request::body(call)?;
    let sha256 = wire.checksum.as_deref().map(|text| checksum(BODY, text));
    let recovery = SnapshotRecovery {
        into,
        sha256: sha256.transpose()?,
        waiting,
    };
    let location = location(wire.location, wire.api_key, names)?;
    let command = Command::RecoverSnapshot { recovery, location };
    call.executor.execute(command).await?;
    match waiting {
        Waiting::UntilDone => done(call, waiting),
        Waiting::UntilBegun => accepted(call),
    }
}

fn location(
    location: String,
    key: Option<String>,
    names: Names,
) -> Result<SnapshotLocation, Failure> {
    let scheme = location
        .split_once(':')
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("http" | "https") => Ok(SnapshotLocation::Url { url: location, key }),
        Some("file") => {
            let path = location[5..].strip_prefix("//").unwrap_or(&location[5..]);
            let path = path.strip_prefix("localhost").unwrap_or(path);
            if !path.starts_with('/') {
                return Err(Failure::bad_request(
                    "Invalid snapshot URI, file path must be absolute",
                ));
            }
            Ok(SnapshotLocation::File(
                gateway::percent_decoded(path).into_owned(),
            ))
        }
        Some(scheme) if names == Names::Refused => Err(Failure::bad_request(format_args!(
            "Snapshot URI scheme {scheme} is not supported, use http, https or file"
        ))),
        None if names == Names::Refused => {
            Err(Failure::format("relative URL without a base at `location`"))
        }
        Some(_) | None => Ok(SnapshotLocation::Kept(location)),
    }
}

/// A SHA-256 in hexadecimal; `place` is where it stands.
pub(super) fn checksum(place: &str, text: &str) -> Result<[u8; 32], Failure> {
    let invalid = || {
        let text = format!("value {text:?} invalid, must be a SHA-256 of 64 hexadecimal digits");
        Failure::validation(place, "checksum", text)
    };
    if text.len() != 64 || !text.is_ascii() {
        return Err(invalid());
    }
    let mut sum = [0; 32];
    for (at, byte) in sum.iter_mut().enumerate() {
        let digits = &text[2 * at..2 * at + 2];
        if digits.starts_with('+') {
            return Err(invalid());
        }
        *byte = u8::from_str_radix(digits, 16).map_err(|_| invalid())?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str, names: Names) -> Result<SnapshotLocation, u16> {
        location(text.into(), None, names).map_err(|failure| failure.status.as_u16())
    }

    #[test]
    fn locations_are_addresses_files_and_for_shards_names() {
        let file = |path: &str| Ok(SnapshotLocation::File(path.into()));
        let url = "http://host:6333/x.snapshot";
        let key = None;
        let known = Ok(SnapshotLocation::Url {
            url: url.into(),
            key,
        });
        assert_eq!(read(url, Names::Refused), known);
        assert_eq!(read("file:///a/b%20c", Names::Refused), file("/a/b c"));
        assert_eq!(read("file://localhost/a", Names::Refused), file("/a"));
        assert_eq!(read("file://a", Names::Refused), Err(400));
        assert_eq!(read("ftp://a/b", Names::Refused), Err(400));
        assert_eq!(read("a.snapshot", Names::Refused), Err(400));
        let name = Ok(SnapshotLocation::Kept("a.snapshot".into()));
        assert_eq!(read("a.snapshot", Names::Allowed), name);
    }

    #[test]
    fn a_checksum_has_64_digits() {
        let good = "00ff".repeat(16);
        assert_eq!(checksum(BODY, &good).unwrap()[..3], [0, 255, 0]);
        for bad in [
            "",
            "00",
            &good[1..],
            &format!("{}zz", &good[2..]),
            &"+1".repeat(32),
        ] {
            assert_eq!(
                checksum(BODY, bad).unwrap_err().status.as_u16(),
                422,
                "{bad}"
            );
        }
    }
}
