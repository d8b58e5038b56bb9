//! A router over a database in memory, requests to it, and bodies of remote write.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use prost::Message;
use serde_json::Value;
use timestrata::{Db, DuplicatePolicy};
use timestrata_server::{App, ServerOptions};
use tower::ServiceExt;

use crate::remote_write_messages::{Label, Sample, TimeSeries, WriteRequest};

/// A router and its database.
pub(crate) struct TestServer {
    pub(crate) db: Db,
    router: Router,
}

/// Answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl TestServer {
    pub(crate) fn new() -> Self {
        Self::with_options(ServerOptions::default())
    }

    pub(crate) fn with_options(options: ServerOptions) -> Self {
        let db = Db::builder("test").in_memory().duplicates(DuplicatePolicy::KeepLast).open_blocking().unwrap();
        Self::with_database(db, options)
    }

    pub(crate) fn with_database(db: Db, options: ServerOptions) -> Self {
        let router = App::with_database(db.clone(), options).unwrap().router();
        Self { db, router }
    }

    /// Sends a request and returns the whole answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.send(Method::POST, path, headers, body).await
    }

    /// Returns the value of `data` of an answer of the Prometheus API.
    pub(crate) async fn data(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let mut json = answer.json();
        assert_eq!(json["status"], "success", "{path}: {json}");
        json["data"].take()
    }
}

/// Returns a series of remote write.
pub(crate) fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> TimeSeries {
    let label = |(name, value): &(&str, &str)| Label { name: (*name).to_owned(), value: (*value).to_owned() };
    let sample = |(timestamp, value): &(i64, f64)| Sample { value: *value, timestamp: *timestamp };
    TimeSeries { labels: labels.iter().map(label).collect(), samples: samples.iter().map(sample).collect() }
}

/// Returns a body of remote write, compressed.
pub(crate) fn remote_write_body(timeseries: Vec<TimeSeries>) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&WriteRequest { timeseries }.encode_to_vec()).unwrap()
}

/// Returns bytes compressed by gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer =
        timestrata_ingest::CompressedWriter::new(Vec::new(), Some(timestrata_ingest::Compression::Gzip)).unwrap();
    std::io::Write::write_all(&mut writer, bytes).unwrap();
    writer.finish().unwrap()
}
