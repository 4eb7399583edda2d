//! Who may do what: the keys of a gateway and what a route asks of the caller.

use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::token::{self, TokenFault};

/// What a caller must be allowed to do to use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing; no key is asked for.
    Open,
    /// Hold a key. The handler shows no more than the key covers.
    Listed,
    /// Read points of the collection that the path names.
    Read,
    /// Read its settings and how it is doing, which only its writer knows. Whoever may
    /// [`Self::Read`] may this.
    Describe,
    /// Read what surrounds that collection: its snapshots, its shards.
    Inspect,
    /// Change points of that collection.
    Write,
    /// Change what surrounds that collection: its payload indexes, its snapshots.
    Tend,
    /// Read what concerns the server as a whole.
    Observe,
    /// Create, drop and configure collections.
    Manage,
}

/// What the key of a request allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Reading, everywhere.
    ReadOnly,
    /// Everything.
    Full,
    /// Some collections and nothing else.
    Collections(Arc<[CollectionGrant]>),
}

/// What is allowed of one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionGrant {
    /// The name that requests must use; an alias is another name.
    pub collection: String,
    /// How much.
    pub level: Level,
}

/// How much of a collection is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// To read it and what surrounds it.
    Read,
    /// To change it and what surrounds it too.
    ReadWrite,
    /// To read and change its points, and nothing around it.
    Points,
}

/// Why a known key does not suffice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It reads, and a change was asked for.
    Manage,
    /// It covers collections, and the server as a whole was asked for.
    Whole,
    /// It does not cover this collection.
    Collection(String),
    /// It only reads this collection.
    Write(String),
    /// It covers only the points of this collection.
    Surroundings(String),
}

impl Grant {
    /// Whether the grant covers `access` to `collection`; `None` where the request names none.
    ///
    /// # Errors
    /// What is lacking.
    pub fn check(&self, access: Access, collection: Option<&str>) -> Result<(), Denied> {
        let known = match (self, access) {
            (Self::Full, _) | (_, Access::Open | Access::Listed) => return Ok(()),
            (
                Self::ReadOnly,
                Access::Read | Access::Describe | Access::Inspect | Access::Observe,
            ) => return Ok(()),
            (Self::ReadOnly, Access::Write | Access::Tend | Access::Manage) => {
                return Err(Denied::Manage);
            }
            (Self::Collections(_), Access::Observe | Access::Manage) => return Err(Denied::Whole),
            (Self::Collections(known), _) => known,
        };
        let name = collection.ok_or(Denied::Whole)?;
        let found = known.iter().find(|grant| grant.collection == name);
        let level = found.ok_or_else(|| Denied::Collection(name.into()))?.level;
        match (access, level) {
            (Access::Inspect | Access::Tend, Level::Points) => {
                Err(Denied::Surroundings(name.into()))
            }
            (Access::Write | Access::Tend, Level::Read) => Err(Denied::Write(name.into())),
            (_, Level::Read | Level::ReadWrite | Level::Points) => Ok(()),
        }
    }
}

/// The keys that a gateway knows. Without any, everyone may do everything.
#[derive(Clone, Default)]
pub struct Keys {
    /// In the order in which tokens are tried against them.
    full: Vec<Box<str>>,
    read_only: Option<Box<str>>,
    tokens: bool,
}

impl core::fmt::Debug for Keys {
    /// Says which keys are set, never what they are.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Keys")
            .field("full", &self.full.len())
            .field("read_only", &self.read_only.is_some())
            .field("tokens", &self.tokens)
            .finish()
    }
}

/// An empty key counts as unset.
fn set(key: Option<String>) -> Option<Box<str>> {
    key.filter(|key| !key.is_empty())
        .map(String::into_boxed_str)
}

impl Keys {
    /// A key for everything and a key for reading; an empty one counts as unset.
    pub fn new(full: Option<String>, read_only: Option<String>) -> Self {
        Self {
            full: set(full).into_iter().collect(),
            read_only: set(read_only),
            tokens: false,
        }
    }

    /// With a second key for everything, so that keys can be changed without a pause.
    #[must_use]
    pub fn with_alternative(mut self, key: Option<String>) -> Self {
        self.full.extend(set(key));
        self
    }

    /// With tokens that are signed with a key for everything, and allow what they say.
    #[must_use]
    pub fn with_tokens(mut self) -> Self {
        self.tokens = true;
        self
    }

    /// Whether a key is asked for at all.
    pub fn is_required(&self) -> bool {
        !self.full.is_empty() || self.read_only.is_some()
    }

    /// Whether tokens are honoured.
    pub fn takes_tokens(&self) -> bool {
        self.tokens && !self.full.is_empty()
    }

    /// What `key` allows; `None` when it is no key of ours.
    pub fn grant(&self, key: &str) -> Option<Grant> {
        // All are compared in every case, so that timing does not tell which one was close.
        let full = self
            .full
            .iter()
            .fold(false, |any, own| any | equal(own, key));
        let read_only = self.read_only.as_ref().is_some_and(|own| equal(own, key));
        match (full, read_only) {
            (true, _) => Some(Grant::Full),
            (false, true) => Some(Grant::ReadOnly),
            (false, false) => None,
        }
    }

    /// The claims of `token`, a JSON object, when a key for everything signed it and it has not
    /// expired; `None` when it is no token at all.
    pub(crate) fn claims(&self, token: &str, now_s: u64) -> Option<Result<Vec<u8>, TokenFault>> {
        if !self.tokens {
            return None;
        }
        let mut fault = None;
        for key in &self.full {
            match token::verify(token, key.as_bytes(), now_s) {
                Some(Ok(claims)) => return Some(Ok(claims)),
                Some(Err(first)) => fault = fault.or(Some(Err(first))),
                None => {}
            }
        }
        fault
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
        let keys = keys.with_alternative(Some("other".into()));
        assert_eq!(keys.grant("other"), Some(Grant::Full));
        assert_eq!(keys.grant("secret"), Some(Grant::Full));
    }

    /// Rows: what is asked. Columns: reading everywhere, and reading, all, points of `c`.
    #[test]
    fn grants_cover_what_they_say() {
        let of_c = |level| {
            let collection = "c".to_owned();
            Grant::Collections(Arc::new([CollectionGrant { collection, level }]))
        };
        let grants = [
            Grant::ReadOnly,
            of_c(Level::Read),
            of_c(Level::ReadWrite),
            of_c(Level::Points),
        ];
        for (access, expected) in [
            (Access::Open, [true, true, true, true]),
            (Access::Listed, [true, true, true, true]),
            (Access::Read, [true, true, true, true]),
            (Access::Describe, [true, true, true, true]),
            (Access::Inspect, [true, true, true, false]),
            (Access::Write, [false, false, true, true]),
            (Access::Tend, [false, false, true, false]),
            (Access::Observe, [true, false, false, false]),
            (Access::Manage, [false, false, false, false]),
        ] {
            let allowed = |grant: &Grant| grant.check(access, Some("c")).is_ok();
            assert_eq!(grants.each_ref().map(allowed), expected, "{access:?}");
            assert_eq!(Grant::Full.check(access, None), Ok(()));
        }
        let other = of_c(Level::ReadWrite).check(Access::Read, Some("d"));
        assert_eq!(other, Err(Denied::Collection("d".into())));
        let unnamed = of_c(Level::ReadWrite).check(Access::Read, None);
        assert_eq!(unnamed, Err(Denied::Whole));
    }

    #[test]
    fn tokens_are_tried_against_each_key() {
        let claims = r#"{"a":1}"#;
        let token = token::tests::signed(claims, b"second");
        let keys = Keys::new(Some("first".into()), None).with_alternative(Some("second".into()));
        assert_eq!(keys.claims(&token, 0), None, "tokens are not taken");
        let keys = keys.with_tokens();
        assert_eq!(keys.claims(&token, 0), Some(Ok(claims.into())));
        let strange = token::tests::signed(claims, b"third");
        assert_eq!(keys.claims(&strange, 0), Some(Err(TokenFault::Signature)));
        assert_eq!(keys.claims("first", 0), None);
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
