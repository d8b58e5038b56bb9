//! `/explore`: the page with which people look at data in a browser. Its files are part of the program.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// Media types of the files.
const CSS: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// File of the page.
struct Asset {
    /// Path below `explore/`.
    path: &'static str,
    media_type: &'static str,
    content: &'static [u8],
}

macro_rules! assets {
    ($($path:literal: $media_type:expr,)*) => {
        &[$(Asset {
            path: $path,
            media_type: $media_type,
            content: include_bytes!(concat!("../../assets/explore/", $path)),
        },)*]
    };
}

/// Every file in assets/explore.
const ASSETS: &[Asset] = assets! {
    "api.js": JAVASCRIPT,
    "api_error.js": JAVASCRIPT,
    "base.css": CSS,
    "catalog.js": JAVASCRIPT,
    "chart.js": JAVASCRIPT,
    "colours.css": CSS,
    "completion.js": JAVASCRIPT,
    "completion_list.js": JAVASCRIPT,
    "controls.js": JAVASCRIPT,
    "dom.js": JAVASCRIPT,
    "duration.js": JAVASCRIPT,
    "exposition.js": JAVASCRIPT,
    "health.js": JAVASCRIPT,
    "icon.svg": SVG,
    "index.html": HTML,
    "label_values.js": JAVASCRIPT,
    "layout.css": CSS,
    "legend.js": JAVASCRIPT,
    "main.js": JAVASCRIPT,
    "metric_details.js": JAVASCRIPT,
    "metric_list.js": JAVASCRIPT,
    "newest.js": JAVASCRIPT,
    "number_format.js": JAVASCRIPT,
    "page.js": JAVASCRIPT,
    "panel.js": JAVASCRIPT,
    "panel_message.js": JAVASCRIPT,
    "promql_lexer.js": JAVASCRIPT,
    "promql_words.js": JAVASCRIPT,
    "query.css": CSS,
    "query_box.js": JAVASCRIPT,
    "result.css": CSS,
    "series.js": JAVASCRIPT,
    "table.js": JAVASCRIPT,
    "theme.js": JAVASCRIPT,
    "time_format.js": JAVASCRIPT,
    "time_range.js": JAVASCRIPT,
    "tokens.js": JAVASCRIPT,
    "url_state.js": JAVASCRIPT,
    "vendor/uPlot.LICENSE": TEXT,
    "vendor/uPlot.iife.min.js": JAVASCRIPT,
    "vendor/uPlot.min.css": CSS,
    "virtual_list.js": JAVASCRIPT,
};

/// Entity tags of [`ASSETS`], in the same order.
static TAGS: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| ASSETS.iter().map(|asset| tag(asset.content)).collect());

/// Headers of every file: nothing but the server's own files runs or is loaded, in no frame of another page.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    // The names stay from one version to the next, so that a browser must ask; the answer is short while the tag is the same.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
        ),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

/// `GET /explore`: the page. It needs no token; what it asks for does.
pub(crate) async fn page(headers: HeaderMap) -> Response {
    answer("index.html", &headers)
}

/// `GET /explore/FILE`: a file of the page.
pub(crate) async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    answer(&path, &headers)
}

/// `GET /explore/`: leads to the page, whose links begin at the folder above.
pub(crate) async fn folder() -> Redirect {
    Redirect::permanent("../explore")
}

fn answer(path: &str, headers: &HeaderMap) -> Response {
    let Some(at) = ASSETS.iter().position(|asset| asset.path == path) else {
        return Failure::not_found(format!("the page has no file {path:?}")).into_response();
    };
    let (asset, tag) = (&ASSETS[at], &TAGS[at]);
    let mut response = if is_known(headers, tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type))], asset.content).into_response()
    };
    response.headers_mut().extend(HEADERS.iter().cloned());
    response.headers_mut().insert(header::ETAG, tag.clone());
    response
}

/// Returns `true` if the browser has the file with this tag. A proxy that compresses weakens the tag with `W/`.
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .any(|known| known.trim().trim_start_matches("W/").as_bytes() == tag.as_bytes())
}

fn tag(content: &[u8]) -> HeaderValue {
    use std::fmt::Write as _;

    let hash = Sha256::digest(content);
    let mut text = String::from("\"");
    for byte in hash.iter().take(16) {
        // A string takes any text.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    // Quotes and hexadecimal digits are valid in a header.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests;
