//! Who may do what: the keys of a gateway and what a route asks of the caller.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// What a caller must be allowed to do to use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing; no key is asked for.
    Open,
    /// Read points and settings.
    Read,
    /// Change points.
    Write,
    /// Create, drop and configure collections.
    Manage,
}

/// What the key of a request allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Only [`Access::Read`].
    ReadOnly,
    /// Everything.
    Full,
}

impl Grant {
    /// Whether the grant covers a route that asks for `access`.
    pub fn allows(self, access: Access) -> bool {
        match (self, access) {
            (Self::Full, _) | (Self::ReadOnly, Access::Open | Access::Read) => true,
            (Self::ReadOnly, Access::Write | Access::Manage) => false,
        }
    }
}

/// The keys that a gateway knows. Without any, everyone may do everything.
#[derive(Clone, Default)]
pub struct Keys {
    full: Option<Box<str>>,
    read_only: Option<Box<str>>,
}

impl core::fmt::Debug for Keys {
    /// Says which keys are set, never what they are.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Keys")
            .field("full", &self.full.is_some())
            .field("read_only", &self.read_only.is_some())
            .finish()
    }
}

impl Keys {
    /// A key for everything and a key for reading; an empty one counts as unset.
    pub fn new(full: Option<String>, read_only: Option<String>) -> Self {
        let set = |key: Option<String>| key.filter(|k| !k.is_empty()).map(String::into_boxed_str);
        Self {
            full: set(full),
            read_only: set(read_only),
        }
    }

    /// Whether a key is asked for at all.
    pub fn is_required(&self) -> bool {
        self.full.is_some() || self.read_only.is_some()
    }

    /// What `key` allows; `None` when it is no key of ours.
    pub fn grant(&self, key: &str) -> Option<Grant> {
        let is = |own: &Option<Box<str>>| own.as_ref().is_some_and(|own| equal(own, key));
        // Both are compared in every case, so that timing does not tell which one was close.
        let (full, read_only) = (is(&self.full), is(&self.read_only));
        match (full, read_only) {
            (true, _) => Some(Grant::Full),
            (false, true) => Some(Grant::ReadOnly),
            (false, false) => None,
        }
    }
}

/// Compares in a time that depends on the length of `given` only.
fn equal(own: &str, given: &str) -> bool {
    let own = own.as_bytes();
    let mut difference = u8::from(own.len() != given.len());
    for (at, byte) in given.bytes().enumerate() {
        // Keys are never empty, so the remainder is defined.
        difference |= core::hint::black_box(own[at % own.len()] ^ byte);
    }
    difference == 0
}

/// The key that a request brings: the header `api-key`, else a bearer token.
pub fn credential(headers: &HeaderMap) -> Option<&str> {
    let own = headers.get("api-key").and_then(|value| value.to_str().ok());
    own.or_else(|| {
        let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_grant_what_they_are_for() {
        let keys = Keys::new(Some("secret".into()), Some("look".into()));
        assert_eq!(keys.grant("secret"), Some(Grant::Full));
        assert_eq!(keys.grant("look"), Some(Grant::ReadOnly));
        for wrong in ["", "secre", "secrett", "secretsecret", "lookat", "Secret"] {
            assert_eq!(keys.grant(wrong), None, "{wrong:?}");
        }
        assert!(!Grant::ReadOnly.allows(Access::Write));
        assert!(!Grant::ReadOnly.allows(Access::Manage));
        assert!(Grant::ReadOnly.allows(Access::Read));
    }

    #[test]
    fn an_empty_key_is_no_key() {
        let keys = Keys::new(Some(String::new()), None);
        assert!(!keys.is_required());
        assert_eq!(keys.grant(""), None);
    }

    #[test]
    fn keys_never_reach_a_log() {
        let keys = Keys::new(Some("secret".into()), None);
        assert!(!format!("{keys:?}").contains("secret"));
    }

    #[test]
    fn a_key_may_come_in_two_headers() {
        let mut headers = HeaderMap::new();
        assert_eq!(credential(&headers), None);
        headers.insert(AUTHORIZATION, http::HeaderValue::from_static("bearer abc"));
        assert_eq!(credential(&headers), Some("abc"));
        headers.insert("api-key", http::HeaderValue::from_static("def"));
        assert_eq!(credential(&headers), Some("def"));
    }
}
