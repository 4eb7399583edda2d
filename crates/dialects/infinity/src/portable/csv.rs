//! Records of comma-separated values, as RFC 4180 has them.

use super::format_error;
use crate::error::Failure;

/// The first record of `bytes` and its length with its end; `None` when more bytes may belong to
/// it. `ended`: there are no more.
///
/// A quote that begins a value encloses it; other quotes are part of their values.
///
/// # Errors
/// 3037 for what is no UTF-8.
pub(super) fn record(
    bytes: &[u8],
    delimiter: u8,
    ended: bool,
) -> Result<Option<(Vec<String>, usize)>, Failure> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut values = Vec::new();
    let mut at = 0;
    loop {
        let Some((value, next)) = value(bytes, at, delimiter, ended) else {
            return Ok(None);
        };
        let value = String::from_utf8(value);
        values.push(value.map_err(|_| format_error("the file is no text in UTF-8"))?);
        match bytes.get(next) {
            Some(byte) if *byte == delimiter => at = next + 1,
            Some(b'\r') => match bytes.get(next + 1) {
                Some(b'\n') => return Ok(Some((values, next + 2))),
                None if !ended => return Ok(None),
                Some(_) | None => return Ok(Some((values, next + 1))),
            },
            Some(_) => return Ok(Some((values, next + 1))),
            None => return Ok(Some((values, next))),
        }
    }
}

/// The value that begins at `at`, and where what ends it is.
fn value(bytes: &[u8], at: usize, delimiter: u8, ended: bool) -> Option<(Vec<u8>, usize)> {
    let ends = |byte: u8| byte == delimiter || byte == b'\n' || byte == b'\r';
    let plain = |from: usize| {
        let length = bytes[from..].iter().position(|byte| ends(*byte));
        match length {
            Some(length) => Some(from + length),
            None => ended.then_some(bytes.len()),
        }
    };
    if bytes.get(at) != Some(&b'"') {
        let end = plain(at)?;
        return Some((bytes[at..end].to_vec(), end));
    }
    let mut value = Vec::new();
    let mut from = at + 1;
    loop {
        let Some(length) = bytes[from..].iter().position(|byte| *byte == b'"') else {
            // A quote that nothing closes reaches to the end of the file.
            value.extend_from_slice(&bytes[from..]);
            return ended.then_some((value, bytes.len()));
        };
        let quote = from + length;
        value.extend_from_slice(&bytes[from..quote]);
        match bytes.get(quote + 1) {
            Some(b'"') => {
                value.push(b'"');
                from = quote + 2;
            }
            None if !ended => return None,
            Some(_) | None => {
                // What follows a closing quote up to the delimiter belongs to the value.
                let end = plain(quote + 1)?;
                value.extend_from_slice(&bytes[quote + 1..end]);
                return Some((value, end));
            }
        }
    }
}

/// Adds `value`, in quotes where it needs them.
pub(super) fn write(out: &mut String, value: &str, delimiter: u8, always: bool) {
    let special = |byte: u8| byte == delimiter || b"\"\r\n".contains(&byte);
    if !always && !value.bytes().any(special) {
        out.push_str(value);
        return;
    }
    out.push('"');
    out.push_str(&value.replace('"', "\"\""));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Vec<Vec<String>> {
        let mut rest = text.as_bytes();
        let mut records = Vec::new();
        while let Ok(Some((record, used))) = record(rest, b',', true) {
            records.push(record);
            rest = &rest[used..];
        }
        records
    }

    #[test]
    fn records_are_read() {
        for (text, expected) in [
            ("1,a\n2,b", vec![vec!["1", "a"], vec!["2", "b"]]),
            ("1,\"b,\"\"c\"\r\n", vec![vec!["1", "b,\"c"]]),
            ("a \"b\" c,\n", vec![vec!["a \"b\" c", ""]]),
            ("\"un\n", vec![vec!["un\n"]]),
            (
                "\"a\nb\",c\n\nd",
                vec![vec!["a\nb", "c"], vec![""], vec!["d"]],
            ),
            ("", vec![]),
        ] {
            assert_eq!(all(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            values in prop::collection::vec("[a,\"\r\n b]{0,6}", 1..5),
        ) {
            let mut out = String::new();
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(&mut out, value, b',', false);
            }
            out.push('\n');
            prop_assert_eq!(all(&out), vec![values]);
        }

        #[test]
        fn a_record_does_not_depend_on_the_pieces_it_comes_in(
            text in "[a,\"\r\n]{1,12}", cut in 0_usize..12,
        ) {
            let whole = record(text.as_bytes(), b',', true).ok().flatten();
            let cut = cut.min(text.len());
            let early = record(&text.as_bytes()[..cut], b',', false).ok().flatten();
            if let Some(early) = early {
                prop_assert_eq!(Some(early), whole);
            }
        }
    }
}
