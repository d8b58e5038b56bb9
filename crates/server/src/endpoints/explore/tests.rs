use std::collections::BTreeSet;
use std::path::Path as FilePath;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Method;
use http_body_util::BodyExt as _;
use timestrata::Db;
use tower::ServiceExt as _;

use super::*;
use crate::{App, ServerOptions};

fn router() -> Router {
    let db = Db::builder("explore").in_memory().open_blocking().unwrap();
    App::with_database(db, ServerOptions::default()).unwrap().router()
}

async fn get(router: &Router, path: &str, known: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = Request::builder().method(Method::GET).uri(path);
    if !known.is_empty() {
        request = request.header(header::IF_NONE_MATCH, known);
    }
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

fn files_below(folder: &FilePath, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files_below(&entry.path(), &format!("{name}/"), found);
        } else {
            found.insert(name);
        }
    }
}

#[test]
fn every_file_of_the_folder_is_part_of_the_program() {
    let mut found = BTreeSet::new();
    files_below(&FilePath::new(env!("CARGO_MANIFEST_DIR")).join("assets/explore"), "", &mut found);
    let listed: BTreeSet<String> = ASSETS.iter().map(|asset| asset.path.to_owned()).collect();
    assert_eq!(found, listed);
}

#[test]
fn what_the_files_refer_to_is_there() {
    for asset in ASSETS {
        let text = std::str::from_utf8(asset.content).unwrap();
        let quoted = |mark: &str| -> Vec<String> {
            text.split(mark).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
        };
        let mut wanted = quoted("from \"./");
        wanted.extend(quoted("=\"explore/"));
        for path in wanted {
            assert!(ASSETS.iter().any(|asset| asset.path == path), "{} refers to {path}", asset.path);
        }
        // The policy of the page permits neither.
        assert!(!text.contains("<style") && !text.contains(" style=\""), "{} has styles of its own", asset.path);
        assert!(!text.contains("<script>") && !text.contains(" onclick=\""), "{} has a script of its own", asset.path);
    }
}

#[tokio::test]
async fn the_page_is_served_below_any_database_with_a_strict_policy() {
    let router = router();
    for path in ["/explore", "/db/weather/explore"] {
        let (status, headers, body) = get(&router, path, "").await;
        assert_eq!((status, &headers[header::CONTENT_TYPE]), (StatusCode::OK, &HeaderValue::from_static(HTML)));
        assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'self';"));
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(String::from_utf8(body).unwrap().contains("explore/main.js"));
    }
    let (status, headers, _) = get(&router, "/db/weather/explore/vendor/uPlot.min.css", "").await;
    assert_eq!((status, &headers[header::CONTENT_TYPE]), (StatusCode::OK, &HeaderValue::from_static(CSS)));
    let (status, headers, _) = get(&router, "/explore/", "").await;
    assert_eq!(
        (status, &headers[header::LOCATION]),
        (StatusCode::PERMANENT_REDIRECT, &HeaderValue::from_static("../explore"))
    );
    assert_eq!(get(&router, "/explore/../Cargo.toml", "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_file_that_the_browser_knows_is_not_sent_again() {
    let router = router();
    let (_, headers, body) = get(&router, "/explore/main.js", "").await;
    let tag = headers[header::ETAG].to_str().unwrap().to_owned();
    assert!(tag.len() == 34 && !body.is_empty());
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}")] {
        let (status, headers, body) = get(&router, "/explore/main.js", &known).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
        assert_eq!(headers[header::ETAG], tag.as_str());
    }
    assert_eq!(get(&router, "/explore/main.js", "\"x\"").await.0, StatusCode::OK);
}
