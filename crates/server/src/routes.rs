//! The router: paths, their endpoints and the scopes that these need.

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tower::Layer;
use tower::util::MapRequestLayer;

use crate::access::{Scope, require};
use crate::app::SharedState;
use crate::databases::DatabaseName;
use crate::endpoints::{
    databases, explore, export, federate, health, home, import, influx, metrics, otlp, prometheus, remote_read,
    remote_write,
};
use crate::failure::Failure;
use crate::requests::observe;

/// Returns the router of all endpoints.
pub(crate) fn router(app: &SharedState) -> Router {
    let requiring = |routes: Router<SharedState>, scope| {
        routes.route_layer(middleware::from_fn_with_state((app.clone(), scope), require))
    };
    let endpoints = open_routes()
        .merge(requiring(read_routes(), Scope::Read))
        .merge(requiring(write_routes(), Scope::Write))
        .merge(requiring(admin_routes(), Scope::Admin))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        .with_state(app.clone());
    let prefix = app.options.path_prefix.clone();
    // Before routing, so that every endpoint exists for each database.
    let rewrite = MapRequestLayer::new(move |request| take_database(request, &prefix));
    Router::new().fallback_service(rewrite.layer(endpoints))
}

/// Endpoints that need no token.
fn open_routes() -> Router<SharedState> {
    Router::new()
        .route("/", get(home::home))
        .route("/explore", get(explore::page))
        .route("/explore/", get(explore::folder))
        .route("/explore/{*path}", get(explore::file))
        .route("/health", get(health::health))
        .route("/-/healthy", get(health::healthy))
        .route("/-/ready", get(health::ready))
        .route("/ping", get(influx::ping))
}

/// Endpoints that change nothing.
fn read_routes() -> Router<SharedState> {
    Router::new()
        .merge(prometheus::read_routes())
        .route("/api/v1/export", get(export::export).post(export::export))
        .route("/api/v1/read", post(remote_read::remote_read))
        .route("/federate", get(federate::federate))
        .route("/metrics", get(metrics::metrics))
        .route("/query", get(influx::query).post(influx::query))
        .route("/api/v2/query", post(influx::flux))
}

/// Endpoints that write points.
fn write_routes() -> Router<SharedState> {
    let grouped = post(import::prometheus_grouped).put(import::prometheus_grouped);
    Router::new()
        .route("/write", post(influx::write_v1))
        .route("/api/v1/collectd", post(import::collectd))
        .route("/api/v1/import", post(import::import))
        .route("/api/v1/import/csv", post(import::csv))
        .route("/api/v1/import/prometheus", post(import::prometheus))
        .route("/api/v1/import/prometheus/metrics/{*labels}", grouped)
        .route("/api/v1/otlp/v1/metrics", post(otlp::metrics))
        .route("/api/v1/write", post(remote_write::remote_write))
        .route("/api/v2/write", post(influx::write_v2))
        .route("/v1/metrics", post(otlp::metrics))
}

/// Endpoints that create databases, delete series and make backups.
fn admin_routes() -> Router<SharedState> {
    Router::new()
        .route("/api/v1/admin/databases", get(databases::list))
        .route("/api/v1/admin/databases/{name}", post(databases::create))
        .merge(prometheus::admin_routes())
}

async fn not_found(uri: Uri) -> impl IntoResponse {
    Failure::not_found(format!("there is nothing at {}; docs/server.md lists the endpoints", uri.path()))
}

/// Removes the prefix of the server from the path, and `/db/NAME`, whose name the request then carries.
///
/// A path with an invalid name stays as it is, and is not found.
fn take_database(mut request: Request, prefix: &str) -> Request {
    let path = request.uri().path();
    let path = path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(path);
    let named = path.strip_prefix("/db/").map(|rest| rest.split_once('/').unwrap_or((rest, "")));
    let named = named.and_then(|(name, rest)| Some((name.parse::<DatabaseName>().ok()?, rest)));
    let rest = match &named {
        Some((_, rest)) => format!("/{rest}"),
        None if path.is_empty() => "/".to_owned(),
        None => path.to_owned(),
    };
    if let Some((name, _)) = named {
        request.extensions_mut().insert(name);
    }
    if rest != request.uri().path() {
        let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
        let mut parts = request.uri().clone().into_parts();
        if let Ok(path) = format!("{rest}{query}").parse::<PathAndQuery>() {
            parts.path_and_query = Some(path);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn taken(path: &str, prefix: &str) -> (String, Option<String>) {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let request = take_database(request, prefix);
        (request.uri().to_string(), request.extensions().get::<DatabaseName>().map(ToString::to_string))
    }

    #[test]
    fn the_database_of_a_path_is_taken_out_of_it() {
        let named = |path: &str, name: &str| (path.to_owned(), Some(name.to_owned()));
        assert_eq!(taken("/db/a.b/api/v1/query?query=up", ""), named("/api/v1/query?query=up", "a.b"));
        assert_eq!(taken("/x/db/a/", "/x"), named("/", "a"));
        assert_eq!(taken("/db/a", ""), named("/", "a"));
        assert_eq!(taken("/x/health", "/x"), ("/health".to_owned(), None));
        assert_eq!(taken("/xhealth", "/x"), ("/xhealth".to_owned(), None));
        assert_eq!(taken("/db/..%2F/health", ""), ("/db/..%2F/health".to_owned(), None));
    }
}
