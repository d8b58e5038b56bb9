//! Prometheus remote read.

use timestrata::{Batch, SeriesKey, Timestamp};

use crate::common::{Answer, TestServer};
use crate::remote_read_client::{ReadRequest, matcher, query, read_chunks, read_samples};

const PATH: &str = "/api/v1/read";

fn server() -> TestServer {
    let server = TestServer::new();
    let mut batch = Batch::new();
    for (job, count) in [("a", 3_i64), ("b", 500)] {
        let key = SeriesKey::new("up").tag("job", job).tag("Zone", "z");
        for second in 0..count {
            // The same value for some time, and then other ones.
            #[allow(clippy::cast_precision_loss, reason = "small numbers")]
            let value = if second < 100 { 1.0 } else { (second as f64).sqrt() };
            batch.push_key(&key, Timestamp::from_millis(second * 15_000 + second % 7), value);
        }
    }
    batch.push_key(&SeriesKey::new("flag"), Timestamp::from_secs(1), true);
    batch.push_key(&SeriesKey::new("fine"), Timestamp::from_nanos(5_000_000), 1.0);
    batch.push_key(&SeriesKey::new("fine"), Timestamp::from_nanos(5_000_001), 2.0);
    batch.push_key(&SeriesKey::new("fine"), Timestamp::from_nanos(5_999_999), 3.0);
    server.db.write_blocking(batch).unwrap();
    server
}

async fn read(server: &TestServer, request: &ReadRequest) -> Answer {
    server.post(PATH, &[("content-encoding", "snappy")], request.to_body()).await
}

#[tokio::test]
async fn samples_and_chunks_are_the_points_of_the_series() {
    let server = server();
    let queries = vec![
        query(0, 10_000_000, vec![matcher(0, "__name__", "up"), matcher(2, "job", "a|b")]),
        query(0, 10_000_000, vec![matcher(3, "__name__", "up|fine")]),
    ];
    let samples = read(&server, &ReadRequest { queries: queries.clone(), accepted_response_types: vec![] }).await;
    assert_eq!(samples.header("content-type"), "application/x-protobuf");
    assert_eq!(samples.header("content-encoding"), "snappy");
    let samples = read_samples(&samples.body);
    assert_eq!(samples.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    let (labels, points) = &samples[0][1];
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(*labels, [pair("Zone", "z"), pair("__name__", "up"), pair("job", "b")]);
    assert_eq!((points.len(), points[101]), (500, (1_515_003, 101_f64.sqrt())));
    assert_eq!(samples[1][0].1, [(1_000, 1.0)]);
    let streamed = read(&server, &ReadRequest { queries, accepted_response_types: vec![7, 1, 0] }).await;
    let media_type = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
    assert_eq!((streamed.header("content-type"), streamed.header("content-encoding")), (media_type, ""));
    assert_eq!(read_chunks(&streamed.body, 2), samples);
}

#[tokio::test]
async fn times_are_cut_to_the_range_and_to_milliseconds() {
    let server = server();
    let request = |start, end, types: &[i32]| ReadRequest {
        queries: vec![query(start, end, vec![matcher(0, "__name__", "fine")])],
        accepted_response_types: types.to_vec(),
    };
    let answer = read(&server, &request(5, 5, &[])).await;
    assert_eq!(read_samples(&answer.body)[0][0].1, [(5, 3.0)]);
    let answer = read(&server, &request(i64::MIN, i64::MAX, &[1])).await;
    assert_eq!(read_chunks(&answer.body, 1)[0][0].1, [(5, 3.0)]);
    assert!(read_samples(&read(&server, &request(6, 10, &[])).await.body)[0].is_empty());
    let metrics = server.get("/metrics").await;
    assert!(metrics.text().contains("\ntimestrata_read_merged_samples_total 4\n"), "{}", metrics.text());
}

#[tokio::test]
async fn a_long_series_is_divided_among_frames() {
    let server = TestServer::new();
    let key = SeriesKey::new("noise");
    let times: Vec<Timestamp> =
        (0..200_000).map(|number| Timestamp::from_millis(number * number % 1_000_003)).collect();
    let mut times: Vec<Timestamp> = times.into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    times.truncate(180_000);
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let values: Vec<f64> = (0..times.len()).map(|number| (number as f64).sin()).collect();
    let mut batch = Batch::new();
    batch.push_key_columns(&key, &times, &values);
    server.db.write(batch).await.unwrap();
    let queries = vec![query(0, i64::MAX, vec![matcher(0, "__name__", "noise")])];
    let answer = read(&server, &ReadRequest { queries, accepted_response_types: vec![1] }).await;
    // Frames have about 1 MiB.
    assert!(answer.body.len() > 1_300_000, "{}", answer.body.len());
    let found = read_chunks(&answer.body, 1);
    let expected: Vec<(i64, f64)> = times.iter().map(|time| time.as_nanos() / 1_000_000).zip(values).collect();
    assert_eq!(found.len(), 1);
    assert!(found[0].len() == 1 && found[0][0].1 == expected, "{} samples", found[0][0].1.len());
}

#[tokio::test]
async fn requests_that_cannot_be_answered_get_an_error() {
    let server = server();
    let with = |kind, value: &str, types: Vec<i32>| ReadRequest {
        queries: vec![query(0, 1, vec![matcher(kind, "a", value)])],
        accepted_response_types: types,
    };
    for (request, word) in
        [(with(2, "(", vec![]), "pattern"), (with(9, "", vec![]), "type 9"), (with(0, "", vec![5]), "response types")]
    {
        let answer = read(&server, &request).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains(word), "{}", answer.text());
    }
    assert_eq!(server.post(PATH, &[], b"no snappy".to_vec()).await.status, 400);
    let large = with(0, &"x".repeat(1 << 20), vec![]);
    assert_eq!(read(&server, &large).await.status, 413);
    let many = ReadRequest { queries: vec![query(0, 1, vec![]); 101], accepted_response_types: vec![] };
    assert_eq!(read(&server, &many).await.status, 400);
    assert_eq!(read(&server, &ReadRequest::default()).await.status, 200);
}
