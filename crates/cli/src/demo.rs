//! `timestrata demo`: shows the database with real data; each claim is checked before it is printed.
//!
//! Many tasks write while snapshots are read; then the data is flushed, reopened and compared with the file.

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
use crate::names;
use crate::number_format::{self, bytes, count};
use crate::output::StdoutWriter;
use weather::Weather;
use write::DemoWriteReport;

const DIR: &str = "timestrata-demo";
const STATION: &str = "JFK";

pub(crate) fn run(db: Option<PathBuf>) -> Result<()> {
    let dir = db.unwrap_or_else(|| PathBuf::from(DIR));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start threads: {error}; close other programs")))?;
    runtime.block_on(run_steps(&dir))
}

/// Runs the steps of the demo. Each step checks its result before it prints the result.
async fn run_steps(dir: &Path) -> Result<()> {
    let mut stdout = StdoutWriter::lock();
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
    let db = Db::builder(dir).create_if_missing(false).open().await?;
    let snapshot = db.snapshot();
    let expected = weather.expected();
    let equal = compare::compare(&snapshot, &expected).await?;
    heading(&mut stdout, "Flushed, closed, reopened")?;
    writeln!(stdout.out, "{} points of {} series read back: all equal to the file.", count(equal), expected.len())?;

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
    print_figures(&mut stdout, &stats, &written, took, flushed)?;
    print_next_command(&mut stdout, dir)
}

fn heading(stdout: &mut StdoutWriter, text: &str) -> Result<()> {
    let bold = if stdout.colour { anstyle::Style::new().bold() } else { anstyle::Style::new() };
    writeln!(stdout.out, "\n{bold}{text}{bold:#}")?;
    Ok(())
}

fn told_of_writing(stdout: &mut StdoutWriter, written: &DemoWriteReport, took: Duration) -> Result<()> {
    let DemoWriteReport { writers, batches, points, snapshots, points_checked } = written;
    heading(stdout, "Written by many tasks, read at the same time")?;
    let (batches, points) = (count(*batches), count(*points));
    writeln!(stdout.out, "{writers} tasks wrote {points} points in {batches} batches, each durable before the next.")?;
    let (snapshots, points) = (count(*snapshots), count(*points_checked));
    writeln!(
        stdout.out,
        "Meanwhile {snapshots} snapshots ({points} points) showed only whole batches and lost nothing."
    )?;
    writeln!(stdout.out, "It took {:.2} s.", took.as_secs_f64())?;
    stdout.out.flush()?;
    Ok(())
}

fn print_figures(
    stdout: &mut StdoutWriter,
    stats: &Stats,
    written: &DemoWriteReport,
    took: Duration,
    flushed: Duration,
) -> Result<()> {
    heading(stdout, "Figures")?;
    let size = number_format::ratio(stats.file_bytes, stats.file_points);
    let lines: [(&str, &dyn Display); 5] = [
        ("points", &count(stats.points)),
        ("files", &format!("{} of {}", count(stats.files), bytes(stats.file_bytes))),
        ("bytes/point", &format!("{size} with its timestamp (the CSV is {})", bytes(weather::FILE_BYTES))),
        (
            "points/s",
            &format!(
                "{} in small durable batches, while readers ran",
                count(number_format::per_second(written.points, took))
            ),
        ),
        ("flush, close", &format!("{:.2} s", flushed.as_secs_f64())),
    ];
    for (name, value) in lines {
        writeln!(stdout.out, "{name:<13} {value}")?;
    }
    Ok(())
}

/// Prints a query command for the database, in the form in which this program was started.
fn print_next_command(stdout: &mut StdoutWriter, dir: &Path) -> Result<()> {
    heading(stdout, "Now you")?;
    // Cargo sets this variable for the programs that it runs.
    let program = if std::env::var_os("CARGO").is_some() { "cargo run --release --" } else { "timestrata" };
    let dir = names::shell_word(&dir.display().to_string());
    writeln!(
        stdout.out,
        "{program} query 'temp{{station=\"{STATION}\"}}' --db {dir} --from 2013-07-01 --to 2013-07-08 --every 1d"
    )?;
    stdout.out.flush()?;
    Ok(())
}
