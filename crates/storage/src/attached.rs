//! Files of attachments: part files with one block, which begins where the file begins. So any
//! range of the bytes is the same range of the file, and whoever copies or checks part files
//! need not know these.

use bytes::Bytes;
use model::{Attachment, Error};

use crate::blob::{Body, Slice};
use crate::container::{self, Directory, SINGLE};
use crate::ulid::Ulid;

/// The name of the file.
pub fn file(attachment: &Attachment) -> Ulid {
    Ulid::from_bytes(attachment.file.to_be_bytes())
}

/// The file `id` that holds `content`, and how it is named from then on.
///
/// # Errors
/// `Internal` when the content cannot be packed.
pub fn pack(id: Ulid, content: Bytes) -> Result<(Attachment, Body), Error> {
    let attachment = Attachment {
        file: u128::from_be_bytes(id.to_bytes()),
        bytes: content.len() as u64,
        crc: crc32c::crc32c(&content),
    };
    let body = container::pack(&[(SINGLE.to_owned(), content)])?;
    Ok((attachment, body))
}

/// Size and CRC32C of the whole file.
///
/// # Errors
/// `Corrupt` when no file can be so long.
pub fn measure(attachment: &Attachment) -> Result<(u64, u32), Error> {
    let too_long = || Error::corrupt("an attachment is longer than any file");
    let (padding, tail) =
        Directory::of_single(attachment.bytes, attachment.crc).ok_or_else(too_long)?;
    let crc = crc32c::crc32c_append(attachment.crc, padding);
    let crc = crc32c::crc32c_append(crc, &tail);
    let more = (padding.len() + tail.len()) as u64;
    let bytes = attachment.bytes.checked_add(more).ok_or_else(too_long)?;
    Ok((bytes, crc))
}

/// Where in the file the bytes from `offset` on are, `length` of them or as many as there are.
///
/// # Errors
/// `Invalid` when they begin behind the end.
pub fn slice(attachment: &Attachment, offset: u64, length: Option<u64>) -> Result<Slice, Error> {
    let Some(rest) = attachment.bytes.checked_sub(offset) else {
        return Err(Error::invalid(format!(
            "blob range offset {offset} exceeds blob length {}",
            attachment.bytes
        )));
    };
    let length = length.map_or(rest, |length| length.min(rest));
    Ok(Slice::Range { offset, length })
}

/// Whether `content` is all of the attachment.
///
/// # Errors
/// `Corrupt`.
pub fn check(attachment: &Attachment, content: &[u8]) -> Result<(), Error> {
    let is_whole = content.len() as u64 == attachment.bytes;
    if is_whole && crc32c::crc32c(content) == attachment.crc {
        return Ok(());
    }
    Err(Error::corrupt(format!(
        "the attachment in `{}` fails its checksum",
        file(attachment)
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::container::Container;

    #[test]
    fn files_are_as_they_are_said_to_be() {
        for length in [0, 1, 63, 64, 65, 4096, 100_001] {
            let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let id = Ulid::new(7, [3; 10]);
            let (attachment, body) = pack(id, Bytes::from(content.clone())).unwrap();
            assert_eq!(file(&attachment), id);
            let stored = body.to_aligned();
            let opened = Container::open(stored.clone()).unwrap();
            opened.verify().unwrap();
            let expected = (stored.len() as u64, opened.directory().checksum());
            assert_eq!(measure(&attachment).unwrap(), expected, "{length}");
            assert_eq!(&stored[..content.len()], &content[..]);
            check(&attachment, &content).unwrap();
            if let Some(last) = content.last() {
                let mut other = content.clone();
                *other.last_mut().unwrap() = last ^ 1;
                assert!(check(&attachment, &other).is_err());
                assert!(check(&attachment, &content[1..]).is_err());
            }
        }
    }

    #[test]
    fn ranges_lie_inside() {
        let (attachment, _) =
            pack(Ulid::new(1, [0; 10]), Bytes::from_static(b"hello world")).unwrap();
        let range = |offset, length| Slice::Range { offset, length };
        for (offset, length, expected) in [
            (0, None, range(0, 11)),
            (6, None, range(6, 5)),
            (6, Some(2), range(6, 2)),
            (6, Some(200), range(6, 5)),
            (11, None, range(11, 0)),
            (1, Some(0), range(1, 0)),
        ] {
            assert_eq!(slice(&attachment, offset, length).unwrap(), expected);
        }
        assert!(slice(&attachment, 12, None).is_err());
        let absurd = Attachment {
            bytes: u64::MAX,
            ..attachment
        };
        assert!(measure(&absurd).is_err());
    }
}
