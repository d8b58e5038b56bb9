//! `/`: start page with version, state and links.

use axum::extract::State;
use axum::response::Html;

use crate::app::{Readiness, SharedState};

/// `GET /`: 200 with a plain page; some clients take this for the health of a Prometheus.
pub(crate) async fn home(State(app): State<SharedState>) -> Html<String> {
    let state = match app.readiness() {
        Readiness::Ready => "ready",
        Readiness::Opening => "opening its databases",
        Readiness::Stopping => "stopping",
    };
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>timestrata</title>\
         <h1>timestrata {}</h1><p>A time-series database. This server is {state}.\
         <ul><li><a href=\"explore\">Explore</a>: metrics, queries and charts\
         <li><a href=\"metrics\">Metrics</a> of the server\
         <li><a href=\"-/ready\">Readiness</a></ul>\
         <p>Prometheus writes to <code>api/v1/write</code>; Grafana reads this address as a Prometheus.\n",
        env!("CARGO_PKG_VERSION"),
    ))
}
