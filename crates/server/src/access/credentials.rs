//! The token that a request carries.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Token of a request. Its text is never formatted.
pub(super) struct GivenToken(Vec<u8>);

impl GivenToken {
    /// Returns the bytes of the token.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Returns the token of the header `Authorization`: of `Bearer` and `Token`, or the password of `Basic`.
pub(super) fn token_of(headers: &HeaderMap) -> Option<GivenToken> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token") {
        // Clients of InfluxDB 1.8 send `Token user:password`.
        let token = rest.split_once(':').map_or(rest, |(_, password)| password);
        return Some(GivenToken(token.as_bytes().to_vec()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = BASE64_STANDARD.decode(rest).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(GivenToken(pair[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn token(authorization: &'static str) -> Option<String> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(authorization))]);
        token_of(&headers).map(|token| String::from_utf8(token.0).unwrap())
    }

    #[test]
    fn a_token_is_taken_from_each_scheme() {
        for header in ["Bearer abc", "bearer  abc", "Token abc", "Token user:abc", "Basic dXNlcjphYmM="] {
            assert_eq!(token(header).as_deref(), Some("abc"), "{header}");
        }
        for header in ["abc", "Digest abc", "Basic abc", "Basic YWJj", ""] {
            assert_eq!(token(header), None, "{header}");
        }
    }
}
