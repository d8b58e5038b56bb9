//! `timestrata export`: writes points as text, to standard output or to a file that appears whole.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use timestrata::{Selector, Snapshot};
use timestrata_ingest::{CompressedWriter, Compression, Encoder, OutsidePoints};

use crate::args::ExportArgs;
use crate::database;
use crate::failure::{Failure, Result};
use crate::number_format::{bytes, count};
use crate::progress::bar_of_points;
use crate::series;
use crate::time;

/// Encoded bytes after which they are written.
const WRITE_BYTES: usize = 1 << 18;

pub(crate) fn run(args: &ExportArgs, dir: &Path) -> Result<()> {
    let began = Instant::now();
    let text = args.selector.as_deref().unwrap_or("{}");
    let selector: Selector = text.parse()?;
    let reader = database::read(dir)?;
    let snapshot = reader.snapshot();
    if args.selector.is_some() && snapshot.list_series_limit(&selector, 1).is_empty() {
        return Err(series::no_match(&snapshot, text));
    }
    let mut target = Target::open(args)?;
    let progress = bar_of_points(reader.stats().points);
    let mut encoder = Encoder::new(args.format.into(), args.lossy);
    let exported = export(args, &snapshot, &selector, &mut encoder, &mut |encoder| {
        progress.set_position(encoder.points());
        target.write(encoder.bytes())
    });
    progress.finish_and_clear();
    // A file that is not complete is removed when the target is dropped.
    exported?;
    let written = target.finish()?;
    let name = args.output.as_deref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
    let took = began.elapsed().as_secs_f64();
    let points = count(encoder.points());
    outside_the_format(args, encoder.outside(), &points)?;
    // Standard output may hold the points.
    database::say(&format!("{points} points to {name}, {} in {took:.2} s", bytes(written)));
    Ok(())
}

/// Encodes all points, and passes the bytes on piece by piece.
fn export(
    args: &ExportArgs,
    snapshot: &Snapshot,
    selector: &Selector,
    encoder: &mut Encoder,
    write: &mut dyn FnMut(&Encoder) -> Result<()>,
) -> Result<()> {
    let range = time::time_bounds(args.from, args.to);
    let mut scan = |encoder: &mut Encoder, selector: Selector| -> Result<()> {
        let mut cursor = snapshot.scan_series(selector).range(range).cursor()?;
        while let Some(chunk) = cursor.next_chunk()? {
            encoder.push(&chunk.series.key, chunk.timestamps, chunk.values);
            if encoder.buffered() >= WRITE_BYTES {
                write(encoder)?;
                encoder.clear();
            }
        }
        Ok(())
    };
    encoder.begin();
    if timestrata_ingest::ExportFormat::from(args.format).groups_metrics() {
        for metric in metrics_of(snapshot, selector) {
            if let Some(metadata) = snapshot.metric_metadata(&metric) {
                encoder.describe(&metric, &metadata);
            }
            scan(encoder, selector.clone().and(Selector::metric(metric)))?;
        }
    } else {
        scan(encoder, selector.clone())?;
    }
    encoder.finish();
    write(encoder)
}

/// Returns the metrics of the selected series, sorted.
fn metrics_of(snapshot: &Snapshot, selector: &Selector) -> BTreeSet<String> {
    snapshot.list_series(selector).iter().map(|info| info.key.metric().to_owned()).collect()
}

/// Reports points that the format cannot hold exactly.
fn outside_the_format(args: &ExportArgs, outside: &OutsidePoints, written: &str) -> Result<()> {
    if outside.rounded() > 0 {
        let rounded = count(outside.rounded());
        database::note(&format!(
            "{rounded} points were written with another value, type or time: the format cannot hold them"
        ));
    }
    let Some((key, time, reason)) = outside.first() else { return Ok(()) };
    let reasons: Vec<String> =
        outside.reasons().map(|(reason, points)| format!("{} because {reason}", count(points))).collect();
    let hint = if args.lossy { "" } else { "; --lossy writes what comes nearest, --format csv holds all points" };
    Err(Failure::Negative(format!(
        "{written} points were written, and {} were left out: {}; the first is {key} at {time}: {reason}{hint}",
        count(outside.left_out()),
        reasons.join(", ")
    )))
}

/// Output of an export. A file gets its name once it is complete and synced.
struct Target {
    writer: Option<CompressedWriter<Box<dyn Write>>>,
    file: Option<TargetFile>,
    written: u64,
}

struct TargetFile {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
}

impl Target {
    fn open(args: &ExportArgs) -> Result<Self> {
        let Some(path) = &args.output else {
            let writer =
                CompressedWriter::new(Box::new(io::stdout().lock()) as Box<dyn Write>, args.compress.map(Into::into));
            return Ok(Self { writer: Some(writer?), file: None, written: 0 });
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        let failed = |error: io::Error| cannot_write(path, &error);
        if path.is_dir() {
            return Err(Failure::failed(format!("{} is a directory: name a file in it", path.display())));
        }
        let file = File::create(&temporary).map_err(failed)?;
        let compression = args.compress.map(Into::into).or_else(|| Compression::of_file_name(&name));
        let out: Box<dyn Write> = Box::new(BufWriter::new(file.try_clone().map_err(failed)?));
        let writer = CompressedWriter::new(out, compression).map_err(failed)?;
        let file = TargetFile { path: path.clone(), temporary, file };
        Ok(Self { writer: Some(writer), file: Some(file), written: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.written += bytes.len() as u64;
        let written = self.writer.as_mut().map_or(Ok(()), |writer| writer.write_all(bytes));
        written.map_err(|error| self.failed(error))
    }

    /// Completes the output. Returns the number of bytes before compression.
    fn finish(mut self) -> Result<u64> {
        if let Some(writer) = self.writer.take() {
            writer.finish().and_then(|mut out| out.flush()).map_err(|error| self.failed(error))?;
        }
        if let Some(target) = &self.file {
            let renamed = target.file.sync_all().and_then(|()| std::fs::rename(&target.temporary, &target.path));
            renamed.map_err(|error| self.failed(error))?;
        }
        self.file = None;
        Ok(self.written)
    }

    fn failed(&self, error: io::Error) -> Failure {
        match &self.file {
            Some(target) => cannot_write(&target.path, &error),
            None => error.into(),
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(target) = &self.file {
            // Only an export that failed still has it.
            let _ = std::fs::remove_file(&target.temporary);
        }
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    Failure::failed(format!(
        "cannot write {path}: {error}; free space, or name a file in a directory that can be written to"
    ))
}
