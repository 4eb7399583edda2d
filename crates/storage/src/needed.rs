//! Which objects of a shard a recovery reads, and the list of them for those who cannot list.

use bytes::Bytes;
use model::Error;

use crate::blob::{BlobMeta, BlobStore, ListOptions};
use crate::blob_error::BlobError;
use crate::checkpoint::{self, Checkpoint};
use crate::key::BlobKey;
use crate::log::{BOUNDARY, Boundary, LOG};

/// What a recovery of one log reads, in the order in which a copy must be written so that it can
/// be opened at every moment: each is durable before what makes it count.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    /// The checkpoint where recovery starts.
    pub checkpoint: Option<Checkpoint>,
    /// Its key and size, the markers of the boundary, and the entries after the checkpoint.
    pub objects: Vec<BlobMeta>,
    /// The keys of all log entries there are, needed or not, ascending.
    pub entries: Vec<BlobKey>,
    /// The keys of all checkpoints there are, needed or not, ascending.
    pub checkpoints: Vec<BlobKey>,
}

/// What a recovery of the log at `prefix` reads.
///
/// # Errors
/// Those of the store; `Corrupt` when a marker of the boundary is damaged.
pub async fn needed(store: &dyn BlobStore, prefix: &BlobKey) -> Result<Needed, BlobError> {
    // The boundary first: what is collected from now on was not needed by what is found below.
    let boundary = Boundary::find(store, prefix).await?;
    let (checkpoint, _) = checkpoint::newest(store, prefix, boundary.lowest()).await?;
    let after = checkpoint.as_ref().map_or(0, |found| found.position.n);
    let mut objects = Vec::new();
    if checkpoint.is_some() {
        let key = prefix.numbered(checkpoint::FOLDER, after);
        let size = store.size(&key).await?;
        objects.push(BlobMeta { key, size });
    }
    objects.extend(folder(store, prefix, BOUNDARY).await?);
    let entries = folder(store, prefix, LOG).await?;
    let counts = |meta: &&BlobMeta| meta.key.number().is_some_and(|n| n > after);
    objects.extend(entries.iter().filter(counts).cloned());
    Ok(Needed {
        checkpoint,
        objects,
        entries: entries.into_iter().map(|meta| meta.key).collect(),
        checkpoints: checkpoint::numbers(store, prefix).await?,
    })
}

async fn folder(
    store: &dyn BlobStore,
    prefix: &BlobKey,
    folder: &str,
) -> Result<Vec<BlobMeta>, BlobError> {
    let prefix = prefix.folder(folder);
    let options = ListOptions {
        prefix: &prefix,
        ..ListOptions::default()
    };
    store.list(options).await
}

/// Key of the list of objects, beside the data: a host of plain files cannot list.
pub const OBJECT_LIST: &str = "objects.txt";
const FIRST_LINE: &str = "skerry objects 1";

/// The list of `objects` as text: a line of its version, a line with size and key for each, and a
/// line with their number, so that a list that was cut short is known.
pub fn encode_list<'a>(objects: impl IntoIterator<Item = &'a BlobMeta>) -> Bytes {
    let mut text = format!("{FIRST_LINE}\n");
    let mut count = 0;
    for BlobMeta { key, size } in objects {
        text += &format!("{size} {key}\n");
        count += 1;
    }
    (text + &format!("end {count}\n")).into()
}

/// Reads what [`encode_list`] gave.
///
/// # Errors
/// `Corrupt`.
pub fn decode_list(bytes: &[u8]) -> Result<Vec<BlobMeta>, Error> {
    let parsed = || {
        let text = std::str::from_utf8(bytes).ok()?;
        let lines = text.strip_prefix(FIRST_LINE)?.strip_prefix('\n')?;
        let (objects, end) = lines
            .strip_suffix('\n')?
            .rsplit_once('\n')
            .unwrap_or_else(|| {
                // No object at all: the end is the only line.
                ("", lines.trim_end_matches('\n'))
            });
        let parse = |line: &str| {
            let (size, key) = line.split_once(' ')?;
            let (size, key) = (size.parse().ok()?, BlobKey::new(key).ok()?);
            Some(BlobMeta { key, size })
        };
        let objects: Vec<_> = objects.lines().map(parse).collect::<Option<_>>()?;
        (end == format!("end {}", objects.len())).then_some(objects)
    };
    parsed().ok_or_else(|| Error::corrupt(format!("`{OBJECT_LIST}` is damaged")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn meta(key: &str, size: u64) -> BlobMeta {
        let key = BlobKey::new(key).unwrap();
        BlobMeta { key, size }
    }

    #[test]
    fn lists_round_trip_and_short_ones_are_found() {
        for objects in [
            vec![],
            vec![meta("a/b", 7)],
            vec![meta("a", 0), meta("b", u64::MAX)],
        ] {
            let text = encode_list(&objects);
            assert_eq!(decode_list(&text).unwrap(), objects);
            for end in 0..text.len() {
                assert!(decode_list(&text[..end]).is_err(), "{end}");
            }
        }
        assert!(decode_list(b"skerry objects 1\n1 ../x\nend 1\n").is_err());
        assert!(decode_list(b"skerry objects 2\nend 0\n").is_err());
    }
}
