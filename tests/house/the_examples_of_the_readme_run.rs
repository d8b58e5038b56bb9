//! The two programs of the README, line by line. Only the output paths and the handling of printed values differ.

#![expect(clippy::duration_suboptimal_units, reason = "the lines are the README's")]

use std::path::Path;

use timestrata::{Snapshot, Windows};

/// Lines of the README that are different in this file: entry points, paths, and output to the terminal.
const CHANGED: [&str; 8] = [
    "#[tokio::main]",
    "async fn main()",
    "fn main()",
    "let db = Db::open(",
    "let db = Db::builder(\"rig.db\")",
    "println!(\"{daily}\");",
    "println!(\"{} {}\"",
    "db.close",
];

mod with_tokio {
    use std::time::Duration;
    use timestrata::{Aggregate, Batch, Db, Selector, SeriesKey, Timestamp};

    pub(super) async fn run(path: &super::Path) -> timestrata::Result<(Vec<String>, super::Windows)> {
        let db = Db::open(path).await?;
        let temp = db.create_series(SeriesKey::new("temp").tag("station", "JFK")).await?;

        let mut batch = Batch::new();
        batch.push(temp, Timestamp::from_secs(1_357_000_000), 3.5);
        batch.push(temp, Timestamp::from_secs(1_357_003_600), 4.1);
        batch.push_key(&SeriesKey::new("temp").tag("station", "LGA"), Timestamp::from_secs(1_357_003_600), 3.9);
        db.write(batch).await?;

        let snapshot = db.snapshot();
        let mut printed = Vec::new();
        for point in snapshot.scan(temp, ..).collect().await? {
            printed.push(format!("{} {}", point.timestamp, point.value));
        }
        let daily = snapshot
            .query(Selector::metric("temp").tag("station", "JFK"))
            .range(Timestamp::from_secs(1_356_998_400)..Timestamp::from_secs(1_388_534_400))
            .every(Duration::from_secs(86_400))
            .aggregate(Aggregate::Mean)
            .run()
            .await?;
        db.delete(Selector::metric("temp").tag("station", "JFK"), ..Timestamp::from_secs(1_357_000_001)).await?;
        db.close().await?;
        Ok((printed, daily))
    }
}

mod without_a_runtime {
    use timestrata::{Batch, Db, SeriesKey, Timestamp};

    pub(super) fn run(path: &super::Path) -> timestrata::Result<super::Snapshot> {
        let db = Db::builder(path).open_blocking()?;
        let turns = db.create_series(SeriesKey::new("turns").tag("motor", "left")).value_type::<u64>().blocking()?;

        let mut batch = Batch::new();
        batch.push(turns, Timestamp::now(), 1_024);
        db.write_blocking(batch)?;

        for point in db.snapshot().scan(turns, ..) {
            let point = point?;
            assert_eq!(point.value, 1_024);
        }
        let snapshot = db.snapshot();
        db.close_blocking()?;
        Ok(snapshot)
    }
}

#[tokio::test]
async fn the_first_prints_its_points_and_daily_means() {
    let dir = tempfile::tempdir().unwrap();
    let (printed, daily) = with_tokio::run(&dir.path().join("weather.db")).await.unwrap();
    assert_eq!(printed, ["2013-01-01T00:26:40Z 3.5", "2013-01-01T01:26:40Z 4.1"]);
    assert_eq!((daily.series.len(), daily.series[0].len()), (1, 1));
    assert!((daily.series[0].values[0].get(0).unwrap().as_f64() - 3.8).abs() < 1e-12);
    assert!(daily.to_string().contains("2013-01-01T00:00:00Z"), "{daily}");
}

#[test]
fn the_second_needs_no_runtime() {
    let dir = tempfile::tempdir().unwrap();
    let snapshot = without_a_runtime::run(&dir.path().join("rig.db")).unwrap();
    assert_eq!(snapshot.list_series(&timestrata::Selector::all()).len(), 1);
}

/// Checks that this file contains every line of the README's programs.
#[test]
fn every_line_of_the_readme_stands_here() {
    let here: Vec<&str> = include_str!("the_examples_of_the_readme_run.rs").lines().map(str::trim).collect();
    let blocks =
        include_str!("../../README.md").split("```rust").skip(1).map(|block| block.split("```").next().unwrap());
    let lines = blocks.flat_map(|block| block.lines().skip(1)).map(|line| line.split("  //").next().unwrap().trim());
    let mut checked = 0;
    for line in lines.filter(|line| line.len() > 1 && !CHANGED.iter().any(|changed| line.starts_with(changed))) {
        assert!(here.contains(&line), "the README has a line that does not run: {line}");
        checked += 1;
    }
    assert!(checked > 20, "only {checked} lines looked at");
}
