//! A process writes durable batches and tells of each acknowledgement; it is killed at random moments, thirty times over
//! one directory. Every acknowledged batch is there once, every other one once or not at all, and none in part.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use common::{Home, Numbers, at, key, told_by_parent};
use timestrata::{Batch, Builder, Db, Durability, Select, Value};

const KILLS: u64 = 60;
const TASKS: i64 = 4;
const SERIES: usize = 5;

fn options(path: &Path) -> Builder {
    // Freezes, flushes and rotations all the time.
    Db::builder(path).flush_at_bytes(24 << 10).wal_segment_bytes(8 << 10)
}

/// The points of a batch all bear its number as their time; how many there are follows from it.
fn points_of(number: i64) -> usize {
    20 + usize::try_from(number % 37).unwrap()
}

fn numbered(number: i64) -> Batch {
    let mut batch = Batch::new();
    for n in 0..points_of(number) {
        batch.push_key(&key("kill", n % SERIES), at(number), i64::try_from(n).unwrap());
    }
    batch
}

/// The child's part: it ends by being killed, or after so many batches that the parent must have given up.
#[test]
fn a_child_writes_until_it_is_killed() {
    let Some(told) = told_by_parent() else { return };
    let (path, life) = told.split_once('|').unwrap();
    let life: i64 = life.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let db = options(Path::new(path)).open().await.unwrap();
        let tasks = (0..TASKS).map(|task| {
            let db = db.clone();
            tokio::spawn(async move {
                for n in 0..20_000 {
                    let number = (life * TASKS + task) * 100_000 + n;
                    let ack = db.write(numbered(number)).await.unwrap();
                    assert_eq!(ack.durability, Durability::Sync);
                    // One call a line, so that no line is torn by another task's.
                    let mut out = std::io::stdout().lock();
                    out.write_all(format!("\nack {number} {}\n", ack.seq).as_bytes()).unwrap();
                    out.flush().unwrap();
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

/// Runs a child, kills it, and returns what it acknowledged.
fn one_life(home: &Home, life: u64, numbers: &mut Numbers) -> Vec<i64> {
    let orders = format!("{}|{life}", home.path().display());
    let mut child = common::child("a_child_writes_until_it_is_killed", &orders)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (told, lines) = mpsc::channel();
    let stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        // A line without its end was cut off by the kill and tells nothing.
        let mut out = BufReader::new(stdout);
        let mut text = Vec::new();
        while out.read_until(b'\n', &mut text).unwrap() > 0 {
            if let Some(ack) = text.strip_suffix(b"\n").and_then(|text| text.strip_prefix(b"ack ")) {
                let ack = std::str::from_utf8(ack).unwrap().split(' ').next().unwrap().parse::<i64>().unwrap();
                told.send(ack).unwrap();
            }
            text.clear();
        }
    });
    let mut acknowledged = Vec::new();
    // Some are killed while they still recover, most of them a random bit later.
    let wanted = if life % 10 == 9 { 0 } else { numbers.below(300) };
    for _ in 0..wanted {
        acknowledged.push(lines.recv().expect("the child writes until it is killed"));
    }
    // What comes within a random moment is acknowledged as well.
    let moment = Duration::from_micros(numbers.below(8_000));
    while let Ok(number) = lines.recv_timeout(moment) {
        acknowledged.push(number);
        if acknowledged.len() as u64 > wanted + 2 {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    acknowledged.extend(lines.iter());
    reader.join().unwrap();
    acknowledged
}

/// The batches found, each checked to be whole and there once.
fn found(db: &Db) -> BTreeSet<i64> {
    let snapshot = db.snapshot();
    let mut batches: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for item in snapshot.query(Select::metric("kill")).scan() {
        let (series, point) = item.unwrap();
        let Value::I64(value) = point.value else { panic!("{point:?}") };
        assert_eq!(series.key, key("kill", usize::try_from(value).unwrap() % SERIES));
        batches.entry(point.timestamp.as_nanos()).or_default().push(value);
    }
    for (number, values) in &mut batches {
        values.sort_unstable();
        let whole: Vec<i64> = (0..i64::try_from(points_of(*number)).unwrap()).collect();
        assert_eq!(*values, whole, "batch {number} is whole and there once");
    }
    batches.into_keys().collect()
}

#[test]
fn a_killed_process_loses_no_acknowledged_batch() {
    let home = Home::new();
    let mut numbers = Numbers(42);
    let (mut acknowledged, mut before) = (BTreeSet::new(), BTreeSet::new());
    let mut replayed = 0;
    for life in 0..KILLS {
        acknowledged.extend(one_life(&home, life, &mut numbers));
        // Every other time the next child recovers, over what may be a half recovered directory.
        if life % 2 == 1 {
            let db = options(&home.path()).open_blocking().unwrap();
            replayed += db.open_report().replayed_records;
            assert_eq!(db.open_report().unknown, Vec::<String>::new());
            let found = found(&db);
            assert!(found.is_superset(&acknowledged), "lost: {:?}", acknowledged.difference(&found));
            assert!(found.is_superset(&before), "what a reopening found stays");
            before = found;
        }
    }
    assert!(acknowledged.len() > 300 && replayed > 0, "{} acknowledged, {replayed} replayed", acknowledged.len());
}
