//! JSON Web Tokens that are signed with a shared secret (RFC 7519 with the algorithm HS256).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;

/// The clocks of who signs and who verifies may differ by so much.
const LEEWAY_S: u64 = 30;

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// No key of ours signed it.
    Signature,
    /// Its time is over.
    Expired,
    /// What it says contradicts itself, with what is wrong.
    Claims(String),
    /// It demands a value that no point has.
    NoSuchValue,
    /// It demands a value of a collection that does not exist.
    NoSuchCollection,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// The claims that this layer knows; the others are the dialect's.
#[derive(Deserialize)]
struct Registered {
    /// Seconds since 1970.
    exp: Option<u64>,
}

/// The claims of `token` as JSON; `None` when it is no such token.
///
/// # Errors
/// `Signature` and `Expired`.
pub(crate) fn verify(
    token: &str,
    secret: &[u8],
    now_s: u64,
) -> Option<Result<Vec<u8>, TokenFault>> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
    let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
    if header.alg != "HS256" {
        return None;
    }
    let (claims, signature) = (decode(claims)?, decode(signature)?);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(signed.as_bytes());
    // Compares in constant time.
    if mac.verify_slice(&signature).is_err() {
        return Some(Err(TokenFault::Signature));
    }
    let registered: Registered = serde_json::from_slice(&claims).ok()?;
    match registered.exp {
        Some(exp) if exp < now_s.saturating_sub(LEEWAY_S) => Some(Err(TokenFault::Expired)),
        Some(_) | None => Some(Ok(claims)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn joined(header: &str, claims: &str, secret: &[u8]) -> String {
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!(
            "{}.{}",
            encode(header.as_bytes()),
            encode(claims.as_bytes())
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", encode(&mac.finalize().into_bytes()))
    }

    pub(crate) fn signed(claims: &str, secret: &[u8]) -> String {
        joined(r#"{"alg":"HS256","typ":"JWT"}"#, claims, secret)
    }

    /// The example of RFC 7515, appendix A.1; its time was over in 2011.
    #[test]
    fn a_published_token_verifies() {
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
            cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75\
            aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let key = BASE64_URL_SAFE_NO_PAD.decode(key).unwrap();
        let exp = 1_300_819_380;
        assert!(matches!(verify(token, &key, exp + LEEWAY_S), Some(Ok(_))));
        let late = verify(token, &key, exp + LEEWAY_S + 1);
        assert_eq!(late, Some(Err(TokenFault::Expired)));
        let strange = verify(token, b"other", exp);
        assert_eq!(strange, Some(Err(TokenFault::Signature)));
    }

    #[test]
    fn what_is_no_token_is_told_from_what_is_a_wrong_one() {
        let none = joined(r#"{"alg":"none"}"#, "{}", b"key");
        let number = signed(r#"{"exp":"tomorrow"}"#, b"key");
        let list = signed("[]", b"key");
        for token in ["", "a", "a.b", "a.b.c", "..", &none, &number, &list] {
            assert_eq!(verify(token, b"key", 0), None, "{token}");
        }
        let open = signed(r#"{"exp":null,"sub":7}"#, b"key");
        assert!(matches!(verify(&open, b"key", u64::MAX), Some(Ok(_))));
        let cut = &open[..open.len() - 2];
        assert!(!matches!(verify(cut, b"key", 0), Some(Ok(_))));
    }
}
