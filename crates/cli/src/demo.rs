//! `timestrata demo`: the whole of it on real data, each claim checked before it is printed.
//! Written from many tasks while snapshots are read; flushed; opened again; compared with the file.

mod compare;
mod directory;
mod show;
mod weather;
mod write;

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use timestrata::{Db, Stats, Timestamp};

use crate::failure::{Failure, Result};
use crate::figures::{self, bytes, count};
use crate::names;
use crate::output::Stdout;
use weather::Weather;
use write::Written;

const DIR: &str = "timestrata-demo";
const STATION: &str = "JFK";

pub(crate) fn run(db: Option<PathBuf>) -> Result<()> {
    let dir = db.unwrap_or_else(|| PathBuf::from(DIR));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .map_err(|error| Failure::error(format!("cannot start threads: {error}; close other programs")))?;
    runtime.block_on(tell(&dir))
}

/// The story, step by step; each step prints when it is true.
async fn tell(dir: &Path) -> Result<()> {
    let mut stdout = Stdout::lock();
    directory::clear(dir)?;
    let weather = Arc::new(Weather::read()?);
    let rows = count(weather.rows() as u64);
    let stations: Vec<&str> = weather.stations.keys().map(String::as_str).collect();
    writeln!(
        stdout.out,
        "The hourly weather of {} in 2013: {rows} rows of nine values, with gaps.",
        stations.join(", ")
    )?;
    stdout.out.flush()?;

    let db = Db::open(dir).await?;
    directory::mark(dir)?;
    let began = Instant::now();
    let written = write::write(&db, &weather).await?;
    let took = began.elapsed();
    told_of_writing(&mut stdout, &written, took)?;

    let began = Instant::now();
    db.flush().await?;
    let stats = db.stats();
    db.close().await?;
    let flushed = began.elapsed();
    let db = Db::builder(dir).create(false).open().await?;
    let snapshot = db.snapshot();
    let expected = weather.expected();
    let equal = compare::compare(&snapshot, &expected).await?;
    heading(&mut stdout, "Flushed, closed, opened again")?;
    writeln!(
        stdout.out,
        "{} points of {} series read back: each is what the file says.",
        count(equal),
        expected.len()
    )?;

    let july = Timestamp::from_secs(1_372_636_800)..Timestamp::from_secs(1_373_241_600);
    heading(&mut stdout, &format!("Daily temperature at {STATION} in July, °F, checked against the file"))?;
    let temp = expected.get(&weather::key("temp", STATION)).map_or(&[][..], Vec::as_slice);
    show::week(&mut stdout, &snapshot, STATION, july, temp).await?;

    heading(&mut stdout, "The hour that came twice")?;
    writeln!(
        stdout.out,
        "On 3 November 2013 New York's clocks went back from 2 to 1. In {}, keyed by the wall",
        weather::LOCAL
    )?;
    writeln!(stdout.out, "clock, two measurements have one time. They are two points, and both are kept:")?;
    let night = Timestamp::from_secs(1_383_429_600)..Timestamp::from_secs(1_383_451_200);
    show::doubled_hour(&mut stdout, &snapshot, STATION, night).await?;

    heading(&mut stdout, &format!("Temperature at {STATION} through 2013, °F, means of five days"))?;
    let year = Timestamp::from_secs(1_356_998_400)..Timestamp::from_secs(1_388_534_400);
    show::chart(&mut stdout, &snapshot, STATION, year).await?;

    drop(snapshot);
    db.close().await?;
    told_figures(&mut stdout, &stats, &written, took, flushed)?;
    told_next(&mut stdout, dir)
}

fn heading(stdout: &mut Stdout, text: &str) -> Result<()> {
    let bold = if stdout.colour { anstyle::Style::new().bold() } else { anstyle::Style::new() };
    writeln!(stdout.out, "\n{bold}{text}{bold:#}")?;
    Ok(())
}

fn told_of_writing(stdout: &mut Stdout, written: &Written, took: Duration) -> Result<()> {
    let Written { writers, batches, points, snapshots, points_checked } = written;
    heading(stdout, "Written by many tasks, read meanwhile")?;
    let (batches, points) = (count(*batches), count(*points));
    writeln!(stdout.out, "{writers} tasks wrote {points} points in {batches} batches, each durable before the next.")?;
    let (snapshots, points) = (count(*snapshots), count(*points_checked));
    writeln!(
        stdout.out,
        "Meanwhile {snapshots} snapshots ({points} points) showed whole batches only and lost nothing."
    )?;
    writeln!(stdout.out, "It took {:.2} s.", took.as_secs_f64())?;
    stdout.out.flush()?;
    Ok(())
}

fn told_figures(
    stdout: &mut Stdout,
    stats: &Stats,
    written: &Written,
    took: Duration,
    flushed: Duration,
) -> Result<()> {
    heading(stdout, "Figures")?;
    let size = figures::ratio(stats.file_bytes, stats.file_points);
    let lines: [(&str, &dyn Display); 5] = [
        ("points", &count(stats.points)),
        ("files", &format!("{} of {}", count(stats.files), bytes(stats.file_bytes))),
        ("bytes/point", &format!("{size} with its timestamp (the CSV is {})", bytes(weather::FILE_BYTES))),
        (
            "points/s",
            &format!(
                "{} in small durable batches, beside the readers",
                count(figures::per_second(written.points, took))
            ),
        ),
        ("flush, close", &format!("{:.2} s", flushed.as_secs_f64())),
    ];
    for (name, value) in lines {
        writeln!(stdout.out, "{name:<13} {value}")?;
    }
    Ok(())
}

/// A command to paste, in the form in which this one was started.
fn told_next(stdout: &mut Stdout, dir: &Path) -> Result<()> {
    heading(stdout, "Now you")?;
    // Cargo sets it for the programs that it runs.
    let program = if std::env::var_os("CARGO").is_some() { "cargo run --release --" } else { "timestrata" };
    let dir = names::shell_word(&dir.display().to_string());
    writeln!(
        stdout.out,
        "{program} query 'temp{{station=\"{STATION}\"}}' --db {dir} --from 2013-07-01 --to 2013-07-08 --every 1d"
    )?;
    stdout.out.flush()?;
    Ok(())
}
