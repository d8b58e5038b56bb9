//! Benchmark of a read-only opening: cost of a refresh without and with news, and the lag behind a writer.
//! `TIMESTRATA_READER_FILES` sets the number of SSTs, `TIMESTRATA_READER_WRITES` the number of writes of the lag. Each
//! figure is printed when it is measured; benches/README.md lists the figures.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use timestrata::{Batch, Db, DbReader, Scalar, Series, SeriesKey, Timestamp};

const REFRESHES: usize = 2_001;
const INTERVAL: Duration = Duration::from_millis(20);

fn setting(name: &str, default: i64) -> i64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Returns the duration at a share of the sorted durations.
fn share(durations: &mut [Duration], percent: usize) -> Duration {
    durations.sort_unstable();
    durations[(durations.len() - 1) * percent / 100]
}

fn measure(times: usize, mut run: impl FnMut()) -> Vec<Duration> {
    let one = |()| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    std::iter::repeat_n((), times).map(one).collect()
}

fn print(what: &str, durations: &mut [Duration]) {
    println!("{what}: median {:?}, p99 {:?}", share(durations, 50), share(durations, 99));
}

fn write<T: Scalar>(db: &Db, series: Series<T>, times: impl Iterator<Item = i64>, value: T) -> timestrata::Result<()> {
    let mut batch = Batch::new();
    times.for_each(|time| batch.push(series, Timestamp::from_nanos(time), value));
    db.write_blocking(batch).map(drop)
}

fn pause(time: Duration) {
    let (_sender, receiver) = channel::<()>();
    _ = receiver.recv_timeout(time);
}

/// Measures the time from the acknowledgement of a write until a follower shows a record that is newer or the same.
fn lag(db: &Db, reader: &DbReader, series: Series<f64>, writes: i64) -> timestrata::Result<Vec<Duration>> {
    reader.follow(INTERVAL)?;
    let mut watch = reader.watch();
    let (acknowledged, acks) = channel::<(u64, Instant)>();
    let shown = std::thread::spawn(move || {
        let (mut lags, mut seq) = (Vec::new(), 0);
        for (ack, at) in acks {
            while seq < ack {
                let Some(snapshot) = watch.next_blocking() else { return lags };
                seq = snapshot.seq();
            }
            lags.push(at.elapsed());
        }
        lags
    });
    for n in 0..writes {
        let mut batch = Batch::new();
        batch.push(series, Timestamp::from_nanos(n), 0.5);
        let ack = db.write_blocking(batch)?;
        _ = acknowledged.send((ack.seq, Instant::now()));
        pause(Duration::from_millis(2));
    }
    drop(acknowledged);
    Ok(shown.join().unwrap_or_default())
}

fn main() -> timestrata::Result<()> {
    let home = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("a directory beside the sources");
    let path = home.path().join("db");
    let db = Db::open_blocking(&path)?;
    let series = db.create_series(SeriesKey::new("gauge")).blocking()?;
    for file in 0..setting("TIMESTRATA_READER_FILES", 40) {
        write(&db, series, (0..1_000).map(|at| file * 1_000 + at), 0.5)?;
        db.flush_blocking()?;
    }
    write(&db, series, 0..1_000, 0.5)?;
    // The writer notes that the record was synced.
    pause(Duration::from_millis(300));
    print("open", &mut measure(51, || drop(Db::builder(&path).read_only().open_blocking())));
    let reader = Db::builder(&path).read_only().open_blocking()?;
    println!("{} files, {} points", reader.stats().files, reader.stats().points);
    print("refresh, nothing new", &mut measure(REFRESHES, || drop(reader.refresh_blocking())));
    let mut news = Vec::new();
    for at in 0..200 {
        write(&db, series, at * 1_000..at * 1_000 + 1_000, 0.5)?;
        news.append(&mut measure(1, || drop(reader.refresh_blocking())));
    }
    print("refresh, one batch of 1,000 points", &mut news);
    let mut synced = measure(100, || drop(write(&db, series, 0..1, 0.5)));
    print("durable write of one point", &mut synced);
    let mut lags = lag(&db, &reader, series, setting("TIMESTRATA_READER_WRITES", 1_000))?;
    print(&format!("lag of a follower every {INTERVAL:?}, one durable write every 2 ms"), &mut lags);
    Ok(())
}
