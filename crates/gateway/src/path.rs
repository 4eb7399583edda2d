//! Paths and query strings: percent-decoding, trailing slashes, prefixes.

use std::borrow::Cow;

/// `text` with its `%XX` decoded; what is no UTF-8 becomes U+FFFD, a stray `%` stays.
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let digit = |byte: Option<&u8>| byte.and_then(|b| (*b as char).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = (digit(bytes.get(at + 1)), digit(bytes.get(at + 2)));
        match (bytes[at], pair) {
            (b'%', (Some(high), Some(low))) => {
                // Two hexadecimal digits make at most 255.
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// As [`decode`], with `+` as a space.
pub(crate) fn decode_form(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        Cow::Owned(decode(&text.replace('+', " ")).into_owned())
    } else {
        decode(text)
    }
}

/// `path` without slashes at its end and without repeated ones; the root stays `/`.
///
/// Addresses are often put together from a base that ends with a slash and a path that starts
/// with one.
pub(crate) fn normal(path: &str) -> Cow<'_, str> {
    if path.contains("//") {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        return Cow::Owned(format!("/{}", parts.join("/")));
    }
    match path.strip_suffix('/') {
        None => Cow::Borrowed(path),
        Some("") => Cow::Borrowed("/"),
        Some(trimmed) => Cow::Borrowed(trimmed),
    }
}

/// What follows the first segment of `path` when that segment is `name`.
pub(crate) fn strip_prefix<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let rest = path.strip_prefix('/')?.strip_prefix(name)?;
    match rest {
        "" => Some("/"),
        rest => rest.starts_with('/').then_some(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_decode_and_strays_stay() {
        assert_eq!(decode("a%20b%C3%BC"), "a bü");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode("%ff"), "\u{FFFD}");
        assert_eq!(decode("a+b"), "a+b");
        assert_eq!(decode_form("a+b%2B"), "a b+");
    }

    #[test]
    fn superfluous_slashes_go() {
        assert_eq!(normal("/a/b/"), "/a/b");
        assert_eq!(normal("//a///b//"), "/a/b");
        assert_eq!(normal("/a/b"), "/a/b");
        assert_eq!(normal("/"), "/");
        assert_eq!(normal("//"), "/");
    }

    #[test]
    fn a_prefix_is_a_whole_segment() {
        assert_eq!(
            strip_prefix("/qdrant/collections", "qdrant"),
            Some("/collections")
        );
        assert_eq!(strip_prefix("/qdrant", "qdrant"), Some("/"));
        assert_eq!(strip_prefix("/qdrants/x", "qdrant"), None);
        assert_eq!(strip_prefix("/collections", "qdrant"), None);
    }
}
