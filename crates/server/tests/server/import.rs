//! Imports of files and streams by media type.

use serde_json::json;

use crate::common::TestServer;

type Headers<'a> = &'a [(&'a str, &'a str)];

#[tokio::test]
async fn each_media_type_is_read_by_its_format() {
    let csv = "time,v\n2024-01-01T00:00:00Z,1\n2024-01-01T00:01:00Z,2\n";
    let json_lines = "{\"time\":\"2024-01-01T00:00:00Z\",\"v\":1}\n{\"time\":\"2024-01-01T00:01:00Z\",\"v\":2}\n";
    let text = "v 1 1704067200000\nv 2 1704067260000\n";
    let open_metrics = "# TYPE v gauge\nv 1 1704067200\nv 2 1704067260\n# EOF\n";
    let influx = "v value=1 1704067200000000000\nv value=2 1704067260000000000\n";
    let cases: [(&str, Headers<'_>, &str, &str); 12] = [
        ("/api/v1/import", &[("content-type", "text/csv")], csv, "csv"),
        ("/api/v1/import", &[("content-type", "text/csv; charset=utf-8")], csv, "csv"),
        ("/api/v1/import/csv", &[], csv, "csv"),
        ("/api/v1/import", &[("content-type", "application/x-www-form-urlencoded")], csv, "csv"),
        ("/api/v1/import", &[("content-type", "application/x-ndjson")], json_lines, "json"),
        ("/api/v1/import", &[], json_lines, "json"),
        ("/api/v1/import?format=line-protocol", &[("content-type", "text/csv")], influx, "line-protocol"),
        ("/api/v1/import", &[("content-type", "text/plain")], influx, "line-protocol"),
        ("/api/v1/import", &[("content-type", "text/plain; version=0.0.4")], text, "prometheus"),
        ("/api/v1/import/prometheus", &[], text, "prometheus"),
        ("/api/v1/import/prometheus", &[("content-type", "application/openmetrics-text")], open_metrics, "openmetrics"),
        (
            "/api/v1/import",
            &[("content-type", "application/openmetrics-text; version=1.0.0")],
            open_metrics,
            "openmetrics",
        ),
    ];
    for (path, headers, body, format) in cases {
        let server = TestServer::new();
        let answer = server.post(path, headers, body).await;
        assert_eq!(answer.status, 200, "{path} {headers:?}: {}", answer.text());
        let data = &answer.json()["data"];
        assert_eq!((&data["format"], &data["points"]), (&json!(format), &json!(2)), "{path} {headers:?}");
        let data = server.data("/api/v1/query?query=v&time=1704067270").await;
        assert_eq!(data["result"][0]["value"][1], "2", "{path} {headers:?}");
    }
    let answer = TestServer::new().post("/api/v1/import", &[("content-type", "application/xml")], "<a/>").await;
    assert_eq!(answer.status, 415);
    assert!(answer.text().contains("text/csv"), "{}", answer.text());
}

#[tokio::test]
async fn options_are_parameters_and_errors_suggest_them() {
    let server = TestServer::new();
    let csv = "day;place;temp\n03/04/2024 00:00;a;1,5\n05/06/2024 00:00;b;2,5\n";
    let answer = server.post("/api/v1/import/csv?decimal=,", &[], csv).await;
    let json = answer.json();
    assert_eq!((answer.status.as_u16(), &json["errorType"]), (400, &json!("bad_data")));
    let suggested: Vec<&str> =
        json["suggestions"].as_array().unwrap().iter().filter_map(|text| text.as_str()).collect();
    assert!(json["error"].as_str().unwrap().contains("; perhaps "), "{json}");
    assert!(suggested.iter().any(|query| query.contains("time-format=%25d%2F%25m%2F%25Y")), "{json}");
    let query = "time=day&time-format=%25d/%25m/%25Y%20%25H:%25M&decimal=,&tags=place&values=temp=celsius&time-zone=Europe/Berlin&prefix=w_&extra_label=source=file";
    let answer = server.post(&format!("/api/v1/import/csv?{query}"), &[], csv).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["data"]["points"]), (200, &json!(2)), "{}", answer.text());
    let data = server.data("/api/v1/query?query=w_celsius&time=1712095200").await;
    assert_eq!(data["result"][0]["metric"], json!({"__name__": "w_celsius", "place": "a", "source": "file"}));
    assert_eq!(data["result"][0]["value"][1], "1.5");
    for (query, part) in
        [("tag=a", "it is not known"), ("precision=s", "does not use"), ("format=x", "there is no format")]
    {
        let answer = server.post(&format!("/api/v1/import/csv?{query}"), &[], csv).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains(part), "{query}: {}", answer.text());
    }
}

#[tokio::test]
async fn refused_rows_are_named_and_all_others_are_stored() {
    let server = TestServer::new();
    let csv = "time,v\n2024-01-01T00:00:00Z,1\n2024-01-01T00:01:00Z,x\n2024-01-01T00:02:00Z,3\n";
    let answer = server.post("/api/v1/import/csv?values=v", &[], csv).await;
    let json = answer.json();
    assert_eq!(answer.status, 400);
    assert_eq!((&json["data"]["points"], &json["data"]["refused"]), (&json!(2), &json!({"bad-row": 1})), "{json}");
    assert_eq!(json["data"]["first"][0]["line"], 3, "{json}");
    assert!(json["error"].as_str().unwrap().starts_with("2 points stored, 1 refused: line 3: "), "{json}");
    assert_eq!(server.db.stats().points, 2);
    let answer = server
        .post("/api/v1/import", &[("content-type", "application/json")], "[{\"time\":\"2024-01-01\",\"v\":1},")
        .await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("what follows was not read"), "{}", answer.text());
}

#[tokio::test]
async fn text_of_prometheus_gets_a_time_and_the_labels_of_the_path() {
    let server = TestServer::new();
    let text = "# TYPE jobs counter\n# HELP jobs Jobs done.\njobs{job=\"x\",a=\"1\"} 5\n";
    let answer = server.post("/api/v1/import/prometheus?timestamp=60000", &[], text).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let data = server.data("/api/v1/query?query=jobs&time=60").await;
    assert_eq!(data["result"][0]["value"], json!([60, "5"]));
    let path = "/api/v1/import/prometheus/metrics/job/nightly/path@base64/L3Zhcg";
    let answer = server.send(axum::http::Method::PUT, path, &[], text).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let data = server.data("/api/v1/query?query=jobs").await;
    let metric = json!({"__name__": "jobs", "a": "1", "job": "nightly", "path": "/var"});
    assert_eq!(data["result"][0]["metric"], metric);
    let answer = server.post("/api/v1/import/prometheus/metrics/instance/a", &[], text).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_body_of_collectd_is_stored() {
    let server = TestServer::new();
    let body = r#"[{"values":[12.5],"dstypes":["gauge"],"dsnames":["value"],"time":1704067200.5,"interval":10,"host":"h","plugin":"cpu","plugin_instance":"0","type":"percent","type_instance":"idle"}]"#;
    let answer = server.post("/api/v1/collectd", &[("content-type", "application/json")], body).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["data"]["points"]), (200, &json!(1)), "{}", answer.text());
    let metrics = server.get("/metrics").await.text().to_owned();
    assert!(metrics.contains("timestrata_ingested_points_total{protocol=\"collectd\"} 1"), "{metrics}");
}
