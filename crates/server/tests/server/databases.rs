//! Several databases in one server.

use crate::common::TestServer;

#[tokio::test]
async fn a_database_that_does_not_exist_is_not_found() {
    let server = TestServer::new();
    let answer = server.get("/db/other/api/v1/query?query=up").await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("there is no database \"other\""), "{}", answer.text());
    assert_eq!(server.get("/db/default/api/v1/query?query=1").await.status, 200);
}

#[tokio::test]
async fn a_server_inside_another_program_has_its_database_alone() {
    let server = TestServer::new();
    let answer = server.post("/api/v1/admin/databases/other", &[], "").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("one database, which its program opened"), "{}", answer.text());
    let list = server.get("/api/v1/admin/databases").await.json();
    assert_eq!(list["data"], serde_json::json!(["default"]));
    let answer = server.post("/api/v1/admin/databases/.hidden", &[], "").await;
    assert!(answer.text().contains("is not a database name"), "{}", answer.text());
}
