//! A server that reads requests, drops their bodies and answers what a client accepts: the least
//! that an upload over HTTP can cost.
// A benchmark measures with clocks and threads of its own.
#![allow(clippy::disallowed_methods)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// The answer to a write of points.
const WRITTEN: &str =
    r#"{"result":{"operation_id":1,"status":"completed"},"status":"ok","time":0.0}"#;

/// The answer to everything else.
const DONE: &str = r#"{"result":true,"status":"ok","time":0.0}"#;

/// Answers on a free port until the process ends.
pub(crate) fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that hangs up ends its thread; nothing else depends on it.
            std::thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(1 << 16, stream.try_clone()?);
    while let Some(Head {
        writes_points,
        length,
    }) = Head::read(&mut reader)?
    {
        io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
        let body = if writes_points { WRITTEN } else { DONE };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// What stands before a body.
struct Head {
    writes_points: bool,
    length: u64,
}

impl Head {
    /// Reads up to the body; `None` at the end of the connection.
    fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let (mut head, mut line) = (
            Self {
                writes_points: false,
                length: 0,
            },
            String::new(),
        );
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let text = line.trim_end();
            if text.is_empty() {
                return Ok(Some(head));
            }
            head.writes_points |= text.starts_with("PUT ") && text.contains("/points");
            if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                head.length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_wire::{Wire, request};

    #[test]
    fn every_request_is_answered_on_one_connection() {
        let mut wire = Wire::connect(start().unwrap()).unwrap();
        for body in ["", "{\"points\":[]}", &"x".repeat(1 << 20)] {
            let answer = wire
                .json(&request("PUT", "/collections/a/points", body))
                .unwrap();
            assert_eq!(answer["result"]["status"], "completed");
        }
        let created = wire.json(&request("PUT", "/collections/a", "{}")).unwrap();
        assert_eq!(created["result"], true);
    }
}
