//! Kills a process with several writers at random moments, many times over one directory: during opening, writes and
//! close, with every durability. Every acknowledged batch is present once, every other batch that was begun is present
//! once or absent, and no batch is present in part.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use timestrata::{Db, DbBuilder, Durability};

use crate::child::{child, value_from_parent};
use crate::common::Home;
use crate::processes::{Told, ending, found, heard, numbered, say};
use timestrata::testing::SeededRng;

/// The test of this module that a child process runs.
const CHILD: &str = "a_killed_process_loses_no_acknowledged_batch::a_child_writes_until_it_is_killed";
/// Number of kills. `TIMESTRATA_KILLS` sets another number.
const KILLS: u64 = 100;
/// Number of kills per directory. Later kills use a new directory, because checks take longer as a directory grows.
const KILLS_A_DIRECTORY: u64 = 50;
const TASKS: i64 = 4;
/// Greatest time without a line from a child.
const PATIENCE: Duration = Duration::from_secs(30);

fn options(path: &Path) -> DbBuilder {
    // Small sizes, so that freezes, flushes and rotations occur all the time.
    Db::builder(path).flush_at_bytes(24 << 10).wal_segment_bytes(8 << 10)
}

/// Returns the durability of a batch. A kill must not lose an acknowledged batch of any durability.
fn durability_of(number: i64) -> Durability {
    match number % 3 {
        0 => Durability::Sync,
        1 => Durability::Os,
        _ => Durability::Interval(Duration::from_millis(5)),
    }
}

fn tell(line: &str) {
    say(std::io::stdout().lock(), line);
}

/// The child's part: each task writes the given number of batches, then the database is closed, unless the process is
/// killed before.
#[test]
fn a_child_writes_until_it_is_killed() {
    let Some(told) = value_from_parent() else { return };
    let [path, life, batches] = told.split('|').collect::<Vec<_>>()[..] else { panic!("{told}") };
    let (life, batches): (i64, i64) = (life.parse().unwrap(), batches.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        tell("opening");
        let db = options(Path::new(path)).open().await.unwrap();
        tell("opened");
        let tasks = (0..TASKS).map(|task| {
            let db = db.clone();
            tokio::spawn(async move {
                for n in 0..batches {
                    let number = (life * TASKS + task) * 1_000 + n;
                    tell(&format!("begin {number}"));
                    let outcome = db.write_with(numbered(number), durability_of(number)).await;
                    tell(&ending(number, &outcome));
                    if n % 50 == 49 {
                        db.flush().await.unwrap();
                    }
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        tell("closing");
        db.close().await.unwrap();
        tell("closed");
    });
}

/// The stage that a child had reached when it was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    Writing,
    Closing,
    Closed,
}

/// The moment of a kill: a delay after a stage was reached and a number of batches was acknowledged in it.
struct Plan {
    stage: Stage,
    acknowledged: u64,
    moment: Duration,
    batches: u64,
}

impl Plan {
    fn draw(numbers: &mut SeededRng) -> Self {
        let few = 1 + numbers.below(20);
        let (stage, batches, acknowledged, micros) = match numbers.below(4) {
            0 => (Stage::Opening, few, 0, 3_000),
            1 => (Stage::Closing, few, 0, 1_500),
            _ => (Stage::Writing, 500, numbers.below(300), 8_000),
        };
        Self { stage, acknowledged, moment: Duration::from_micros(numbers.below(micros)), batches }
    }
}

/// Runs a child and kills it. Returns the stage that it had reached.
fn one_life(home: &Home, life: u64, plan: &Plan, told: &mut Told) -> Stage {
    let orders = format!("{}|{life}|{}", home.path().display(), plan.batches);
    let mut command = child(CHILD, &orders);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = heard(child.stdout.take().unwrap());
    let complaints = heard(child.stderr.take().unwrap());
    let (mut stage, mut acknowledged) = (None, 0);
    let mut hear = |said: &str, acknowledged: &mut u64| {
        *acknowledged += u64::from(told.hear(said) && said.starts_with("ack"));
        match said {
            "opening" => stage = Some(Stage::Opening),
            "opened" => stage = Some(Stage::Writing),
            "closing" => stage = Some(Stage::Closing),
            "closed" => stage = Some(Stage::Closed),
            _ => {}
        }
        stage
    };
    loop {
        let said = lines.recv_timeout(PATIENCE).expect("the child is killed before it ends, and is never silent");
        if hear(&said, &mut acknowledged) == Some(plan.stage) && acknowledged >= plan.acknowledged {
            break;
        }
    }
    // Lines that arrive within the random delay count as well.
    let until = Instant::now() + plan.moment;
    while let Ok(said) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
        hear(&said, &mut acknowledged);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for said in lines {
        hear(&said, &mut acknowledged);
    }
    let complaints: Vec<String> = complaints.iter().collect();
    assert!(!complaints.iter().any(|line| line.contains("panicked")), "{complaints:?}");
    stage.expect("it was opening at least")
}

#[derive(Debug, Default)]
struct Counts {
    opening: u64,
    writing: u64,
    closing: u64,
    closed: u64,
    acknowledged: usize,
    reopened: u64,
    replayed: u64,
}

/// Runs several kills over one directory.
fn kill_again_and_again(home: &Home, kills: u64, numbers: &mut SeededRng, counts: &mut Counts) {
    let mut told = Told::default();
    for life in 0..kills {
        let known = told.acknowledged.len();
        let stage = one_life(home, life, &Plan::draw(numbers), &mut told);
        counts.acknowledged += told.acknowledged.len() - known;
        *match stage {
            Stage::Opening => &mut counts.opening,
            Stage::Writing => &mut counts.writing,
            Stage::Closing => &mut counts.closing,
            Stage::Closed => &mut counts.closed,
        } += 1;
        assert!(told.refused.is_empty() && told.unknown.is_empty(), "a kill causes no error in a child");
        // After every other kill the next child does the recovery, possibly over a directory that is half recovered.
        if life % 2 == 1 || life + 1 == kills {
            let db = options(&home.path()).open_blocking().unwrap();
            counts.reopened += 1;
            counts.replayed += db.open_report().replayed_records;
            assert_eq!(db.open_report().unknown, Vec::<String>::new());
            let found = found(&db).unwrap();
            assert_eq!(told.broken_by(&found), None, "life {life}");
            told.settle(&found);
        }
    }
}

#[test]
fn a_killed_process_loses_no_acknowledged_batch() {
    let kills = std::env::var("TIMESTRATA_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let (mut numbers, mut counts, mut left) = (SeededRng::new(42), Counts::default(), kills);
    let mut in_memory = false;
    while left > 0 {
        // On a disk most kills hit a sync; in memory they hit other operations.
        let home = if in_memory { Home::in_memory() } else { Home::new() };
        in_memory = !in_memory;
        let here = left.min(KILLS_A_DIRECTORY);
        kill_again_and_again(&home, here, &mut numbers, &mut counts);
        left -= here;
    }
    println!("{kills} kills: {counts:?}");
    let Counts { opening, writing, closing, closed, acknowledged, replayed, .. } = counts;
    assert_eq!(opening + writing + closing + closed, kills);
    assert!(acknowledged as u64 > 10 * kills && replayed > kills, "too little was at stake");
    if kills >= KILLS {
        assert!(opening.min(closing).min(writing) >= kills / 50, "a stage was hardly met");
    }
}
