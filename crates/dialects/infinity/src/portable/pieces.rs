//! A file as bytes that are taken piece by piece.

use bytes::{Bytes, BytesMut};
use model::ByteSource;

use super::format_error;
use crate::error::Failure;

/// A row of a file is at most so long.
const ROW_BYTES_MAX: usize = 32 << 20;

/// A source, and what came of it and is not taken yet.
pub(super) struct Pieces {
    source: Box<dyn ByteSource>,
    buffer: BytesMut,
    ended: bool,
}

impl Pieces {
    pub(super) fn new(source: Box<dyn ByteSource>) -> Self {
        Self {
            source,
            buffer: BytesMut::new(),
            ended: false,
        }
    }

    /// What `find` makes of the bytes that are there, and how many of them it is done with. It is
    /// asked again with more as long as it gives nothing; `true`: there is no more.
    pub(super) async fn take<T>(
        &mut self,
        mut find: impl FnMut(&[u8], bool) -> Result<Option<(T, usize)>, Failure>,
    ) -> Result<Option<T>, Failure> {
        loop {
            if let Some((found, used)) = find(&self.buffer, self.ended)? {
                drop(self.buffer.split_to(used));
                return Ok(Some(found));
            }
            if self.ended {
                return Ok(None);
            }
            if self.buffer.len() > ROW_BYTES_MAX {
                return Err(format_error("a row of the file is too long"));
            }
            match self.source.next().await? {
                Some(piece) => self.buffer.extend_from_slice(&piece),
                None => self.ended = true,
            }
        }
    }

    /// So many bytes; `None` when there is none left.
    ///
    /// # Errors
    /// 3037 when some are left, and fewer.
    pub(super) async fn exactly(&mut self, count: usize) -> Result<Option<Bytes>, Failure> {
        self.take(|buffer, ended| match buffer.get(..count) {
            Some(taken) => Ok(Some((Bytes::copy_from_slice(taken), count))),
            None if ended && !buffer.is_empty() => {
                Err(format_error("the file ends in the middle of a row"))
            }
            None => Ok(None),
        })
        .await
    }

    /// The next line without its end; `None` when nothing is left.
    pub(super) async fn line(&mut self) -> Result<Option<String>, Failure> {
        let mut searched = 0;
        self.take(|buffer, ended| {
            let found = buffer[searched..].iter().position(|byte| *byte == b'\n');
            match found {
                Some(at) => {
                    let end = searched + at;
                    Ok(Some((text(&buffer[..end])?, end + 1)))
                }
                None if ended && !buffer.is_empty() => Ok(Some((text(buffer)?, buffer.len()))),
                None => {
                    searched = buffer.len();
                    Ok(None)
                }
            }
        })
        .await
    }
}

fn text(bytes: &[u8]) -> Result<String, Failure> {
    let text = core::str::from_utf8(bytes);
    let text = text.map_err(|_| format_error("the file is no text in UTF-8"))?;
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}
