use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use tower::ServiceExt;

use super::*;
use crate::app::App;

fn options(home: &std::path::Path) -> ServerOptions {
    ServerOptions { data: home.to_owned(), ..ServerOptions::default() }
}

#[tokio::test]
async fn no_database_is_listed_or_created_before_all_are_open() {
    let home = tempfile::tempdir().unwrap();
    let app = App::unopened(options(home.path())).unwrap();
    for (method, path) in [
        ("POST", "/api/v1/admin/databases/second"),
        ("GET", "/api/v1/admin/databases"),
        ("POST", "/query?q=CREATE%20DATABASE%20second"),
        ("GET", "/query?q=SHOW%20DATABASES"),
        ("GET", "/-/ready"),
    ] {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let answer = app.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(answer.headers().contains_key(header::RETRY_AFTER), "{path}");
    }
    assert!(!home.path().join("second").exists());
}

#[test]
fn a_directory_without_a_database_is_skipped() {
    let home = tempfile::tempdir().unwrap();
    let stray = home.path().join("tmp");
    std::fs::create_dir(&stray).unwrap();
    std::fs::write(stray.join("note"), "x").unwrap();
    std::fs::create_dir(home.path().join("empty")).unwrap();
    let databases = Databases::new(&options(home.path())).unwrap();
    databases.open_all().unwrap();
    let names: Vec<String> = databases.all().into_iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["default"]);
    assert_eq!(std::fs::read_dir(&stray).unwrap().count(), 1);
}

#[tokio::test]
async fn no_database_is_created_after_the_others_are_closed() {
    let home = tempfile::tempdir().unwrap();
    let databases = Databases::new(&options(home.path())).unwrap();
    databases.open_all().unwrap();
    databases.close().await;
    let failure = databases.create(&"late".parse().unwrap()).unwrap_err();
    assert_eq!(failure.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!home.path().join("late").exists());
}
