//! Uploads of forms, whole and broken, in pieces of every size.
#![allow(clippy::unwrap_used)]

mod world;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use gateway::{Body, Config};
use model::{BoxFuture, ByteSource, Error};
use testkit::dialect::now;
use world::{listener, world};

struct Pieces(VecDeque<Bytes>);

impl ByteSource for Pieces {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        let piece = self.0.pop_front();
        Box::pin(async move { Ok(piece) })
    }
}

/// Sends `form` in pieces of `size` bytes; status, answer and what the executor was asked.
fn send(form: &str, size: usize) -> (u16, String, Vec<String>) {
    let world = world();
    let listener = listener(Arc::clone(&world), Config::default());
    let pieces = form.as_bytes().chunks(size).map(Bytes::copy_from_slice);
    let source = Box::new(Pieces(pieces.collect()));
    let request = http::Request::post("/collections/books/snapshots/upload?priority=snapshot")
        .header("content-type", "multipart/form-data; boundary=\"b\"")
        .body(Body::Stream {
            bytes: None,
            source,
        })
        .unwrap();
    let response = now(listener.exchange(request));
    let status = response.status().as_u16();
    let body = now(response.into_body().collect(1000)).unwrap().unwrap();
    let asked = world.take_asked();
    (status, String::from_utf8(body.to_vec()).unwrap(), asked)
}

const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nx\r\n\
    --b\r\nContent-Disposition: form-data; name=\"snapshot\"; filename=\"f\"\r\n\
    Content-Type: application/octet-stream\r\n\r\nthe \r\n--archive\r\n--b--\r\n";

#[test]
fn the_field_of_a_form_reaches_the_executor_whatever_the_pieces() {
    for size in 1..FORM.len() + 1 {
        let (status, body, asked) = send(FORM, size);
        assert_eq!(status, 200, "{body}");
        assert!(body.contains("\"result\":true"), "{body}");
        assert!(asked[0].ends_with("\"the \\r\\n--archive\""), "{asked:?}");
    }
}

#[test]
fn a_form_that_is_cut_short_is_refused_wherever_it_is_cut() {
    // After the boundary that ends the field nothing is missing but ornaments.
    let complete = FORM.rfind("\r\n--b--").unwrap() + 7;
    for length in 0..complete - 2 {
        let (status, body, asked) = send(&FORM[..length], 7);
        assert_eq!(status, 400, "{length}: {body}");
        assert!(asked.is_empty(), "{length}: {asked:?}");
    }
}

#[test]
fn a_form_without_the_field_is_refused() {
    let form = FORM.replace("\"snapshot\"", "\"snap\"");
    let (status, body, asked) = send(&form, 50);
    assert_eq!(status, 400);
    assert!(body.contains("no field `snapshot`"), "{body}");
    assert!(asked.is_empty());
}
