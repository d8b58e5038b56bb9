//! The layer around all endpoints that counts, times and logs requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use crate::app::SharedState;
use crate::databases::DatabaseName;

/// Label of requests whose path is not a route.
const OTHER: &str = "other";

/// Address of the client of a request; an extension that the listener adds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Name of the token of a request; an extension of the answer.
#[derive(Debug, Clone)]
pub(crate) struct TokenName(pub(crate) Arc<str>);

/// Counts a request as running until it is dropped, also if the client closes the connection.
struct Running(SharedState);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.requests.end();
    }
}

/// Counts and times a request, and writes it to the access log if the options say so.
///
/// The duration ends with the head of the answer; the body is sent after it.
/// The log has the path without parameters, since parameters may hold secrets, and never a header.
pub(crate) async fn observe(State(app): State<SharedState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    app.requests.begin();
    let _running = Running(Arc::clone(&app));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let logged = app.options.access_log.then(|| {
        let path = request.uri().path().to_owned();
        let database = request.extensions().get::<DatabaseName>().map(ToString::to_string);
        (request.method().clone(), path, database, request.extensions().get::<Peer>().copied())
    });
    let response = next.run(request).await;
    let (status, duration) = (response.status(), began.elapsed());
    app.requests.answered(route.as_ref().map_or(OTHER, MatchedPath::as_str), status, duration);
    if let Some((method, path, database, peer)) = logged {
        tracing::info!(
            target: "timestrata_server::access",
            %method,
            path,
            database = database.as_deref().unwrap_or("default"),
            status = status.as_u16(),
            millis = duration.as_secs_f64() * 1e3,
            peer = peer.map(|peer| tracing::field::display(peer.0)),
            token = response.extensions().get::<TokenName>().map(|name| &*name.0),
        );
    } else if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(route = route.as_ref().map_or(OTHER, MatchedPath::as_str), "a request failed");
    }
    response
}
