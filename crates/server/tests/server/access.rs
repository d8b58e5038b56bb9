//! Tokens, scopes and rates.

use std::fs;

use axum::http::Method;
use timestrata::{Db, DuplicatePolicy};
use timestrata_server::{App, NewToken, Scope, ServerOptions, StartError};

use crate::common::{TestServer, remote_write_body, series};

/// A server with a token for each scope, and the secrets in the order read, write, admin.
fn server_with_tokens(more: &str) -> (TestServer, [String; 3]) {
    let tokens =
        [Scope::Read, Scope::Write, Scope::Admin].map(|scope| NewToken::create(scope.name(), &[scope]).unwrap());
    let file = tempfile::NamedTempFile::new().unwrap();
    let entries: String = tokens.iter().map(NewToken::entry).collect();
    fs::write(file.path(), format!("{entries}{more}")).unwrap();
    let mut options = ServerOptions::default();
    options.tokens = Some(file.path().to_owned());
    (TestServer::with_options(options), tokens.map(|token| token.secret().to_owned()))
}

#[tokio::test]
async fn each_endpoint_needs_a_token_of_its_scope() {
    let (server, secrets) = server_with_tokens("");
    let body = remote_write_body(vec![series(&[("__name__", "up")], &[(1, 1.0)])]);
    let requests = [
        (Method::GET, "/api/v1/query?query=up", [200, 403, 200]),
        (Method::GET, "/metrics", [200, 403, 200]),
        (Method::POST, "/api/v1/write", [403, 204, 204]),
        (Method::GET, "/query?q=SHOW%20DATABASES", [200, 403, 200]),
        (Method::POST, "/query?q=CREATE%20DATABASE%20default", [403, 403, 200]),
        (Method::GET, "/api/v1/admin/databases", [403, 403, 200]),
        (Method::GET, "/health", [200, 200, 200]),
    ];
    for (method, path, expected) in requests {
        for (secret, status) in secrets.iter().zip(expected) {
            for authorization in [format!("Bearer {secret}"), format!("Token {secret}"), format!("Token any:{secret}")]
            {
                let headers = [("authorization", authorization.as_str())];
                let answer = server.send(method.clone(), path, &headers, body.clone()).await;
                assert_eq!(answer.status, status, "{path} {}", answer.text());
            }
        }
        for headers in [&[][..], &[("authorization", "Bearer wrong")], &[("authorization", "Basic !")]] {
            let answer = server.send(method.clone(), path, headers, body.clone()).await;
            let expected = if path == "/health" { 200 } else { 401 };
            assert_eq!(answer.status, expected, "{path} {headers:?}");
            assert!(expected == 200 || answer.header("www-authenticate").contains("Bearer"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_token_above_its_rate_is_told_when_to_try_again() {
    let (name, scope) = ("slow", Scope::Read);
    let slow = NewToken::create(name, &[scope]).unwrap();
    let (server, _) = server_with_tokens(&format!("{}requests-per-second = 2.0\n", slow.entry()));
    let authorization = format!("Bearer {}", slow.secret());
    let headers = [("authorization", authorization.as_str())];
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(server.send(Method::GET, "/metrics", &headers, "").await);
    }
    let last = &statuses[2];
    assert_eq!(statuses.iter().map(|answer| answer.status.as_u16()).collect::<Vec<_>>(), [200, 200, 429]);
    assert_eq!(last.header("retry-after"), "1");
    assert!(last.text().contains("\"slow\" has more requests than its rate allows"), "{}", last.text());
}

#[test]
fn an_open_server_on_another_address_does_not_start() {
    let db = Db::builder("x").in_memory().duplicates(DuplicatePolicy::KeepLast).open_blocking().unwrap();
    let mut options = ServerOptions::default();
    options.listen = vec!["0.0.0.0:9494".parse().unwrap()];
    let error = App::with_database(db.clone(), options.clone()).unwrap_err();
    assert!(
        matches!(error, StartError::Option { option: "listen", .. }) && error.to_string().contains("--tokens"),
        "{error}"
    );
    options.allow_anonymous = true;
    assert!(App::with_database(db, options).is_ok());
}
