//! Objects that are written piece by piece.

use std::collections::VecDeque;

use bytes::Bytes;
use model::{BoxFuture, ByteSource, Error, ErrorKind};

use super::key;
use crate::blob::{BlobStore, BlobStoreExt, PutIf};

/// Pieces, and then perhaps a failure.
struct Pieces(VecDeque<Result<Bytes, Error>>);

impl ByteSource for Pieces {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        let piece = self.0.pop_front().transpose();
        Box::pin(async move { piece })
    }
}

fn pieces(lengths: &[usize]) -> (Pieces, Vec<u8>) {
    let piece = |(at, &length): (usize, &usize)| vec![at as u8 + 1; length];
    let pieces: Vec<Vec<u8>> = lengths.iter().enumerate().map(piece).collect();
    let joined = pieces.concat();
    let pieces = pieces.into_iter().map(|piece| Ok(Bytes::from(piece)));
    (Pieces(pieces.collect()), joined)
}

/// # Panics
/// When a stream is not written whole, or a broken one leaves something.
pub(super) async fn are_written_whole_or_not_at_all(store: &dyn BlobStore) {
    for (at, lengths) in [&[][..], &[5], &[1, 200_000, 3], &[3 << 20; 5]]
        .iter()
        .enumerate()
    {
        let key = key(&format!("streams/{at}"));
        for when in [PutIf::Absent, PutIf::Overwrite] {
            let (mut source, joined) = pieces(lengths);
            let bytes = joined.len() as u64;
            let put = store.put_stream(&key, bytes, &mut source, when).await;
            assert_eq!(put, Ok(()), "a stream is written");
            let read = store.get_all(&key).await.expect("what was written is read");
            assert!(read == joined, "a stream is written as it came");
        }
        let (mut source, joined) = pieces(lengths);
        let put = store.put_stream(&key, joined.len() as u64, &mut source, PutIf::Absent);
        assert!(put.await.is_err(), "a stream does not replace an object");
        store.delete(&key).await.expect("objects can be deleted");
    }
    let key = key("streams/broken");
    for (announced, kind) in [(12, ErrorKind::Invalid), (10, ErrorKind::Invalid)] {
        let (mut source, _) = pieces(&[5, 6]);
        let put = store.put_stream(&key, announced, &mut source, PutIf::Absent);
        let error = put
            .await
            .expect_err("a stream of another length is refused");
        assert_eq!(error.kind, kind);
        assert!(
            store.size(&key).await.is_err(),
            "a refused stream leaves nothing"
        );
    }
    let (mut source, _) = pieces(&[5 << 20, 6]);
    source.0.push_back(Err(Error::invalid("cut")));
    let put = store.put_stream(&key, (5 << 20) + 12, &mut source, PutIf::Absent);
    let error = put.await.expect_err("a broken stream is an error");
    assert_eq!(error.message, "cut");
    assert!(
        store.size(&key).await.is_err(),
        "a broken stream leaves nothing"
    );
}
