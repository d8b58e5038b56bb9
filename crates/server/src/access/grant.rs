//! What a request may do, and the layer that refuses the rest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::{browser, credentials};
use crate::app::SharedState;
use crate::failure::Failure;
use crate::requests::TokenName;

/// What a token allows. `admin` includes the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Queries, metadata and the server's own metrics.
    Read,
    /// Writes of points.
    Write,
    /// Everything: databases, deletes, snapshots.
    Admin,
}

impl Scope {
    /// Returns the name in files of tokens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// Scopes of a request's token; request extension set by [`require`].
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    /// Name of the token, for messages and the log.
    name: Arc<str>,
    scopes: Arc<[Scope]>,
}

impl Grant {
    /// Creates the grant of a token.
    pub(super) fn new(name: Arc<str>, scopes: Arc<[Scope]>) -> Self {
        Self { name, scopes }
    }

    /// Creates the grant of every request to a server without tokens.
    pub(super) fn everything() -> Self {
        Self { name: "anonymous".into(), scopes: [Scope::Admin].into() }
    }

    /// Checks that a scope is granted.
    ///
    /// # Errors
    ///
    /// 403 with the scope that is missing.
    pub(crate) fn check(&self, scope: Scope) -> Result<(), Failure> {
        if self.scopes.iter().any(|granted| *granted == scope || *granted == Scope::Admin) {
            return Ok(());
        }
        let message = format!("the token {:?} does not have the scope {}", self.name, scope.name());
        Err(Failure::new(StatusCode::FORBIDDEN, message))
    }
}

/// Layer in front of endpoints that need a scope: 401 without a valid token, 403 without the scope, 429 above the rate.
pub(crate) async fn require(
    State((app, scope)): State<(SharedState, Scope)>,
    mut request: Request,
    next: Next,
) -> Response {
    match authorize(&app, scope, &request) {
        Ok(grant) => {
            let name = TokenName(Arc::clone(&grant.name));
            request.extensions_mut().insert(grant);
            let mut response = next.run(request).await;
            response.extensions_mut().insert(name);
            response
        }
        Err(failure) => {
            app.counters.denied(failure.status);
            let is_unauthorized = failure.status == StatusCode::UNAUTHORIZED;
            let mut response = failure.into_response();
            if is_unauthorized {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge(request.headers()));
            }
            response
        }
    }
}

/// Returns the value of `WWW-Authenticate`.
///
/// Omits `Basic` for requests of scripts: the browser would open its password dialog, but /explore has a token field.
fn challenge(headers: &HeaderMap) -> HeaderValue {
    let is_of_page = headers.get("sec-fetch-mode").is_some_and(|mode| mode != "navigate");
    HeaderValue::from_static(if is_of_page {
        "Bearer realm=\"timestrata\""
    } else {
        "Bearer realm=\"timestrata\", Basic realm=\"timestrata\""
    })
}

fn authorize(app: &SharedState, scope: Scope, request: &Request) -> Result<Grant, Failure> {
    browser::check_origin(request.method(), request.headers())?;
    let Some(tokens) = app.tokens() else {
        if app.checks_host {
            browser::check_host(request.headers())?;
        }
        return Ok(Grant::everything());
    };
    let unauthorized = |message: &str| Failure::new(StatusCode::UNAUTHORIZED, message);
    let Some(given) = credentials::token_of(request.headers()) else {
        return Err(unauthorized(
            "the request has no token; send it as Authorization: Bearer TOKEN, or as the password of basic authentication",
        ));
    };
    let Some(token) = tokens.find(&given) else { return Err(unauthorized("the token is not known to this server")) };
    let grant = token.grant();
    grant.check(scope)?;
    if let Err(wait) = token.take_request(Instant::now()) {
        return Err(Failure {
            status: StatusCode::TOO_MANY_REQUESTS,
            message: format!("the token {:?} has more requests than its rate allows; try again later", grant.name),
            retry_after: Some(wait.max(Duration::from_secs(1))),
        });
    }
    Ok(grant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_not_asked_for_a_password_by_the_browser() {
        let with = |mode: &'static str| {
            HeaderMap::from_iter([("sec-fetch-mode".parse().unwrap(), HeaderValue::from_static(mode))])
        };
        let names_basic = |headers| challenge(&headers).to_str().unwrap().contains("Basic");
        assert!(!names_basic(with("cors")) && !names_basic(with("same-origin")));
        assert!(names_basic(with("navigate")) && names_basic(HeaderMap::new()));
    }
}
