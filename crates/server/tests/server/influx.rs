//! Clients of InfluxDB: line protocol, `/ping` and `/query`.

use axum::http::Method;
use serde_json::json;
use timestrata_server::ServerOptions;

use crate::common::{TestServer, gzip};

/// Line protocol without line breaks at the ends of string literals.
fn lines(lines: &[&str]) -> String {
    lines.join("\n")
}

#[tokio::test]
async fn the_field_value_is_the_series_and_other_fields_have_a_tag() {
    let server = TestServer::new();
    let body = lines(&["cpu,host=a value=1.5,idle=3i 60000000000", "# a comment", "", "up value=t 60000000000"]);
    let answer = server.post("/write?db=default&rp=any&consistency=all", &[], body).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (204, ""));
    assert!(answer.header("x-influxdb-version").starts_with("1.8"), "{answer:?}");
    for (query, metric, value) in [
        ("cpu{_field=\"\"}", json!({"__name__": "cpu", "host": "a"}), "1.5"),
        ("cpu{_field=\"idle\"}", json!({"__name__": "cpu", "host": "a", "_field": "idle"}), "3"),
        ("up", json!({"__name__": "up"}), "1"),
    ] {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let data = server.data(&format!("/api/v1/query?query={query}&time=60")).await;
        assert_eq!(data["result"], json!([{"metric": metric, "value": [60, value]}]), "{query}");
    }
}

#[tokio::test]
async fn every_unit_of_both_interfaces_is_the_same_time() {
    let server = TestServer::new();
    let paths = [
        ("/write?db=default", "n", 3_600_000_000_000_i64),
        ("/write?db=default", "ns", 3_600_000_000_000),
        ("/write", "u", 3_600_000_000),
        ("/write", "us", 3_600_000_000),
        ("/write", "%C2%B5", 3_600_000_000),
        ("/write", "ms", 3_600_000),
        ("/write", "s", 3_600),
        ("/write", "m", 60),
        ("/write", "h", 1),
        ("/api/v2/write?org=any&bucket=default", "ns", 3_600_000_000_000),
        ("/api/v2/write?bucket=default/autogen", "us", 3_600_000_000),
        ("/api/v2/write", "ms", 3_600_000),
        ("/api/v2/write", "s", 3_600),
    ];
    for (at, (path, precision, time)) in paths.into_iter().enumerate() {
        let joint = if path.contains('?') { '&' } else { '?' };
        let answer =
            server.post(&format!("{path}{joint}precision={precision}"), &[], format!("m,n={at} value=1 {time}")).await;
        assert_eq!(answer.status, 204, "{path} {precision}: {}", answer.text());
    }
    let data = server.data("/api/v1/query?query=count(timestamp(m)%3D%3D3600)&time=3600").await;
    assert_eq!(data["result"][0]["value"][1], json!(paths.len().to_string()));
    for (path, precision) in [("/write", "d"), ("/api/v2/write", "h")] {
        let answer = server.post(&format!("{path}?precision={precision}"), &[], "m value=1 1").await;
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("invalid precision"), "{}", answer.text());
    }
}

#[tokio::test]
async fn lines_without_a_time_get_that_of_the_server() {
    let server = TestServer::new();
    assert_eq!(server.post("/write?precision=s", &[], "m value=1").await.status, 204);
    let data = server.data("/api/v1/query?query=time()-timestamp(m)%3C60").await;
    assert_eq!(data["result"].as_array().unwrap().len(), 1, "{data}");
}

#[tokio::test]
async fn a_partial_write_keeps_the_good_lines_and_names_the_others() {
    let server = TestServer::new();
    assert_eq!(server.post("/write", &[], "cpu,host=a value=1i 100000000000").await.status, 204);
    let body = lines(&[
        "cpu,host=a value=2i 200000000000",
        "cpu,host=a value=2.5 300000000000",
        "nonsense",
        "cpu,host=b usage=1.5 400000000000",
    ]);
    let answer = server.post("/write?db=default", &[], body.clone()).await;
    assert_eq!(answer.status, 400);
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    let conflict = "line 2: field type conflict: input field \"value\" on measurement \"cpu\" is type float, already exists as type integer";
    assert!(error.starts_with("partial write: line 3: ") && error.ends_with(" dropped=2"), "{error}");
    assert!(error.contains(conflict), "{error}");
    assert_eq!(answer.header("x-influxdb-error"), error);
    let answer = server.post("/api/v2/write?bucket=default", &[], body).await;
    let json = answer.json();
    assert_eq!((answer.status.as_u16(), &json["code"], &json["line"]), (400, &json!("invalid"), &json!(3)));
    assert!(json["message"].as_str().unwrap().contains(conflict), "{json}");
    assert_eq!(answer.header("x-platform-error-code"), "invalid");
    let data = server.data("/api/v1/query?query=count(cpu)&time=450").await;
    assert_eq!(data["result"][0]["value"][1], "2");
    // Without a precision, a time of this century in another unit is no time of 1970.
    let error = server.post("/write", &[], "m value=1 1704067200").await.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("; perhaps precision=s or precision=ns"), "{error}");
    // Nothing is partial if nothing is written.
    let error = server.post("/write", &[], "nonsense").await.json()["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("unable to parse: line 1: ") && error.ends_with("dropped=1"), "{error}");
}

#[tokio::test]
async fn fields_of_text_are_refused_or_left_out_and_counted() {
    let body = lines(&["m value=1,state=\"on\" 1", "m,b=c other=\"x\" 2", "m value=2 3"]);
    let server = TestServer::new();
    let answer = server.post("/write", &[], body.clone()).await;
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("skip-text-fields") && error.ends_with("dropped=2"), "{error}");
    let metrics = server.get("/metrics").await.text().to_owned();
    assert!(
        metrics.contains("timestrata_refused_points_total{protocol=\"influx\",reason=\"text-value\"} 2"),
        "{metrics}"
    );
    let mut options = ServerOptions::default();
    options.skip_text_fields = true;
    let server = TestServer::with_options(options);
    assert_eq!(server.post("/write", &[], body).await.status, 204);
    let metrics = server.get("/metrics").await.text().to_owned();
    assert!(metrics.contains("timestrata_left_out_text_values_total 2"), "{metrics}");
    assert_eq!(server.db.stats().points, 2);
}

#[tokio::test]
async fn a_large_body_is_decoded_in_pieces_with_its_line_numbers() {
    let server = TestServer::new();
    let line = |line: u32| match line % 50_000 {
        0 => format!("bad {line}"),
        _ => format!("m,n={} value=1 {line}", line % 7),
    };
    let body = (1..=150_000).map(line).collect::<Vec<_>>().join("\n");
    let answer = server.post("/write", &[("content-encoding", "gzip")], gzip(body.as_bytes())).await;
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    for line in ["line 50000: ", "line 100000: ", "line 150000: ", "dropped=3"] {
        assert!(error.contains(line), "{error}");
    }
    assert_eq!(server.db.stats().points, 149_997);
    let metrics = server.get("/metrics").await.text().to_owned();
    assert!(metrics.contains("timestrata_body_memory_bytes 0\n"), "{metrics}");
}

#[tokio::test]
async fn what_cannot_be_read_to_its_end_keeps_what_comes_before() {
    let mut options = ServerOptions::default();
    options.max_request_series = 2;
    let server = TestServer::with_options(options);
    let body = lines(&["m,a=1 value=1 1", "m,a=2 value=1 1", "m,a=3 value=1 1", "m,a=4 value=1 1"]);
    let answer = server.post("/api/v2/write", &[], body).await;
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("line 3: ") && message.contains("the setting max-request-series"), "{message}");
    assert_eq!((answer.json()["line"].as_u64(), server.db.stats().points), (Some(3), 2));
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_not_found_in_the_words_of_influx() {
    let server = TestServer::new();
    for name in ["other", "a%20b"] {
        let answer = server.post(&format!("/write?db={name}"), &[], "m value=1").await;
        let text = name.replace("%20", " ");
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (404, json!({"error": format!("database not found: {text:?}")}))
        );
        let answer = server.post(&format!("/api/v2/write?bucket={name}"), &[], "m value=1").await;
        let json = json!({"code": "not found", "message": format!("database not found: {text:?}")});
        assert_eq!((answer.status.as_u16(), answer.json()), (404, json));
    }
    assert_eq!(server.post("/db/default/write?db=default", &[], "m value=1").await.status, 204);
    let answer = server.post("/db/default/write?db=other", &[], "m value=1").await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_ping_has_the_headers_of_influx() {
    let server = TestServer::new();
    for method in [Method::GET, Method::HEAD] {
        let answer = server.send(method, "/ping", &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.header("x-influxdb-build")), (204, "timestrata"));
    }
    let answer = server.get("/ping?verbose=true").await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["version"].as_str()),
        (200, Some(answer.header("x-influxdb-version")))
    );
}

#[tokio::test]
async fn databases_are_listed_in_each_form_of_an_answer() {
    let server = TestServer::new();
    let series = json!([{"name": "databases", "columns": ["name"], "values": [["default"]]}]);
    let result = |id: u32| json!({"statement_id": id, "series": series});
    let answer = server.get("/query?q=SHOW%20DATABASES").await;
    assert_eq!((answer.json(), answer.header("content-type")), (json!({"results": [result(0)]}), "application/json"));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = server.post("/query?chunked=true", &form, "q=show+databases%3B+SHOW+DATABASES").await;
    let documents: Vec<serde_json::Value> =
        answer.text().lines().map(|document| serde_json::from_str(document).unwrap()).collect();
    assert_eq!(documents, [json!({"results": [result(0)]}), json!({"results": [result(1)]})]);
    let answer = server.get("/query?q=SHOW%20DATABASES&pretty=true").await;
    assert!(answer.text().starts_with("{\n    \"results\": ["), "{}", answer.text());
    let accept = [("accept", "application/x-msgpack")];
    let answer = server.send(Method::GET, "/query?q=SHOW%20DATABASES", &accept, "").await;
    let decoded: serde_json::Value = rmp_serde::from_slice(&answer.body).unwrap();
    assert_eq!((decoded, answer.header("content-type")), (json!({"results": [result(0)]}), "application/x-msgpack"));
}

#[tokio::test]
async fn other_queries_are_refused_with_what_is_missing() {
    let server = TestServer::new();
    for (query, part) in [
        ("", "missing required parameter \\\"q\\\""),
        ("?q=SELECT%20*%20FROM%20cpu", "SELECT * is not supported"),
        ("?q=SHOW%20DATABASES;DROP%20DATABASE%20x", "DROP DATABASE is not supported"),
        ("?q=CREATE%20DATABASE%20x%20WITH%20DURATION%201d", "--retain-for"),
    ] {
        let answer = server.post(&format!("/query{query}"), &[], "").await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains(part), "{query}: {}", answer.text());
    }
    assert_eq!(server.get("/query?q=CREATE%20DATABASE%20x").await.status, 405);
    let answer = server.post("/query?q=CREATE%20DATABASE%20%22default%22", &[], "").await;
    assert_eq!(answer.json(), json!({"results": [{"statement_id": 0}]}));
    let answer = server.post("/query?q=CREATE%20DATABASE%20x", &[], "").await;
    assert!(answer.json()["results"][0]["error"].as_str().unwrap().contains("one database"), "{}", answer.text());
    let answer = server.post("/api/v2/query?org=x", &[], "from(bucket:\"x\")").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (400, &json!("invalid")));
    assert!(answer.text().contains("Flux is not supported"), "{}", answer.text());
}
