//! Checks of `Origin` and `Host`: protect a server without tokens from web pages of other sites (cross-site requests, DNS
//! rebinding).
//!
//! A server on an address of this machine is reached by every page that a browser on this machine shows. Two
//! rules keep such pages out: a request that changes something must not come from another origin, and without tokens the
//! name in `Host` must be one that only this machine has, so that no name of a site can be pointed at the server.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, StatusCode, Uri, header};

use crate::failure::Failure;

/// Refuses a request other than GET and HEAD, which change nothing, from a page of another origin.
///
/// # Errors
///
/// 403 with both origins.
pub(super) fn check_origin(method: &Method, headers: &HeaderMap) -> Result<(), Failure> {
    let changes = !matches!(*method, Method::GET | Method::HEAD);
    // A page of another site can attach no token of these schemes without asking first, which is not answered.
    let has_token = headers.get(header::AUTHORIZATION).is_some_and(|given| {
        let given = given.as_bytes().to_ascii_lowercase();
        given.starts_with(b"bearer ") || given.starts_with(b"token ")
    });
    let Some(origin) = headers.get(header::ORIGIN).filter(|_| changes && !has_token) else { return Ok(()) };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = origin.to_str().unwrap_or_default();
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    if authority == Some(host) {
        return Ok(());
    }
    let message = format!("a page of {origin:?} may send nothing to {host:?}");
    Err(Failure::new(StatusCode::FORBIDDEN, message))
}

/// Refuses a request whose `Host` is no name of this machine and no address.
///
/// # Errors
///
/// 403 that says what to set.
pub(super) fn check_host(headers: &HeaderMap) -> Result<(), Failure> {
    // Only browsers are deceived by names, and they send the header.
    let Some(host) = headers.get(header::HOST) else { return Ok(()) };
    let host = host.to_str().unwrap_or_default();
    let name = host.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    let name = name.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    if name.parse::<IpAddr>().is_ok() || !name.is_empty() && !name.contains('.') {
        return Ok(());
    }
    let message = format!(
        "a server without tokens is not reached by the name {host:?}: use localhost or an address, or start it with \
         --tokens FILE or --allow-anonymous"
    );
    Err(Failure::new(StatusCode::FORBIDDEN, message))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_page_of_another_origin_changes_nothing() {
        let of = |origin| headers(&[(header::HOST, "127.0.0.1:9494"), (header::ORIGIN, origin)]);
        assert!(check_origin(&Method::POST, &of("http://127.0.0.1:9494")).is_ok());
        for origin in ["http://127.0.0.1:8000", "https://example.org", "null", ""] {
            assert!(check_origin(&Method::POST, &of(origin)).is_err(), "{origin}");
            assert!(check_origin(&Method::DELETE, &of(origin)).is_err(), "{origin}");
            assert!(check_origin(&Method::GET, &of(origin)).is_ok(), "{origin}");
        }
        assert!(check_origin(&Method::POST, &headers(&[(header::HOST, "x")])).is_ok());
        let foreign = [(header::HOST, "x"), (header::ORIGIN, "http://y"), (header::AUTHORIZATION, "Bearer z")];
        assert!(check_origin(&Method::POST, &headers(&foreign)).is_ok());
    }

    #[test]
    fn a_server_without_tokens_has_only_names_of_its_machine() {
        let is_known = |host| check_host(&headers(&[(header::HOST, host)])).is_ok();
        for host in ["localhost:9494", "LOCALHOST", "127.0.0.1:9494", "[::1]:9494", "10.0.0.7", "timestrata:9494"] {
            assert!(is_known(host), "{host}");
        }
        for host in
            ["", "a b", "example.org", "example.org:9494", "localhost.example.org", "127.0.0.1.example.org:9494"]
        {
            assert!(!is_known(host), "{host}");
        }
        assert!(check_host(&HeaderMap::new()).is_ok());
    }
}
