//! The run: every round, shape, engine and step, one child process each.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::child;
use crate::engine::{self, DUCKDB_INSTALL, PEERS, Peer, Python, Result, Runner};
use crate::machine;
use crate::options::Options;
use crate::task::{Figure, Measure, Outcome, Step, Task};
use crate::workload::{Expected, Shape};

/// First argument of a child process; the second is the file of the task.
pub(crate) const CHILD: &str = "--child";

/// Outcomes of each measure of each engine, one of each round.
pub(crate) type Outcomes = BTreeMap<(&'static str, Measure), Vec<Outcome>>;

/// What a run has measured.
pub(crate) struct Results {
    /// Each shape with its title.
    pub(crate) shapes: Vec<(String, Outcomes)>,
    /// Columns of the tables.
    pub(crate) engines: Vec<&'static Peer>,
    /// Engines without a column, and why.
    pub(crate) missing: Vec<(&'static str, String)>,
    pub(crate) versions: String,
    pub(crate) machine: Vec<String>,
    /// Load averages before and after.
    pub(crate) load: [String; 2],
}

/// What all children of one shape share.
struct Shared<'a> {
    options: &'a Options,
    python: Option<&'a Python>,
    work: TempDir,
    /// The whole shape, and the part of the durable steps.
    all: Part,
    durable: Part,
    clients: Vec<PathBuf>,
}

/// A shape with its right answers, and the file of its points if Python needs one.
struct Part {
    shape: Shape,
    expected: Expected,
    samples: Vec<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<Results> {
    let python = Python::find(&options.python);
    let wanted = |peer: &&Peer| options.only.is_empty() || options.only.contains(&peer.name);
    let (mut engines, mut missing) = (Vec::new(), Vec::new());
    for peer in PEERS.iter().filter(wanted) {
        match peer.runner {
            Runner::InProcess(_) | Runner::Feature(Some(_), _) => engines.push(peer),
            Runner::Python if python.is_some() => engines.push(peer),
            Runner::Python => missing.push((peer.name, DUCKDB_INSTALL.to_owned())),
            Runner::Feature(None, how) => missing.push((peer.name, how.to_owned())),
        }
    }
    for (name, why) in &missing {
        eprintln!("{name}: {why}");
    }
    let before = machine::load();
    let mut shapes = Vec::new();
    if options.long {
        shapes.push(run_shape(options, python.as_ref(), &engines, Shape::long(options.points), true)?);
    }
    if options.many {
        shapes.push(run_shape(options, python.as_ref(), &engines, Shape::many(options.points), false)?);
    }
    Ok(Results {
        shapes,
        engines,
        missing,
        versions: machine::versions(python.as_ref()),
        machine: machine::description(&options.dir),
        load: [before, machine::load()],
    })
}

/// Runs all rounds of one shape. Each round begins with another engine, so that a drift of the machine meets all alike.
fn run_shape(
    options: &Options,
    python: Option<&Python>,
    engines: &[&'static Peer],
    shape: Shape,
    durable: bool,
) -> Result<(String, Outcomes)> {
    let runs_python = engines.iter().any(|peer| matches!(peer.runner, Runner::Python));
    let shared = Shared::new(options, python.filter(|_| runs_python), shape)?;
    let steps: &[Step] = if durable {
        &[Step::Ingest, Step::Read, Step::DurableOne, Step::DurableMany, Step::Single]
    } else {
        &[Step::Ingest, Step::Read]
    };
    let mut outcomes = Outcomes::new();
    for round in 0..options.rounds as usize {
        let mut order = engines.to_vec();
        order.rotate_left(round % engines.len().max(1));
        for peer in order {
            for figure in shared.run_engine(peer, steps, round)? {
                outcomes.entry((peer.name, figure.measure)).or_default().push(figure.outcome);
            }
        }
    }
    Ok((format!("{} series x {} points", grouped(shape.series.into()), grouped(shape.ticks.into())), outcomes))
}

impl<'a> Shared<'a> {
    fn new(options: &'a Options, python: Option<&'a Python>, shape: Shape) -> Result<Self> {
        let work = tempfile::Builder::new().prefix("peers-").tempdir_in(&options.dir)?;
        let durable = Shape::long(options.durable_points);
        let part = |shape, name| -> Result<Part> {
            let samples: PathBuf = work.path().join(name);
            if python.is_some() {
                engine::write_samples(&samples, shape)?;
            }
            Ok(Part { shape, expected: Expected::new(shape), samples: vec![samples] })
        };
        let (all, durable) = (part(shape, "samples")?, part(durable, "samples-durable")?);
        let clients = match python {
            Some(_) => engine::write_samples_of_clients(work.path(), durable.shape, options.clients)?,
            None => Vec::new(),
        };
        Ok(Self { options, python, work, all, durable, clients })
    }

    /// Runs the steps of one engine. The read step follows the ingest in its directory; every other step has its own.
    fn run_engine(&self, peer: &Peer, steps: &[Step], round: usize) -> Result<Vec<Figure>> {
        let (mut all, mut has_data) = (Vec::new(), false);
        let dir = self.work.path().join("db");
        for step in steps {
            if *step == Step::Read && !has_data {
                all.extend(Figure::failures(*step, "no data"));
                continue;
            }
            if *step != Step::Read {
                remove(&dir)?;
                fs::create_dir(&dir)?;
            }
            let (rounds, series) = (self.options.rounds, grouped(self.all.shape.series.into()));
            eprintln!("round {} of {rounds}, {series} series, {}: {step:?}", round + 1, peer.name);
            let mut figures = self.run_step(peer, *step, &dir)?;
            if *step == Step::Ingest {
                has_data = figures.iter().all(|figure| matches!(figure.outcome, Outcome::Value(_)));
                if has_data {
                    figures.extend(sizes(&dir, self.all.shape.points())?);
                }
            }
            all.extend(figures);
        }
        remove(&dir)?;
        Ok(all)
    }

    fn run_step(&self, peer: &Peer, step: Step, dir: &Path) -> Result<Vec<Figure>> {
        let part = if matches!(step, Step::Ingest | Step::Read) { &self.all } else { &self.durable };
        let task = Task {
            engine: peer.name.to_owned(),
            step,
            dir: dir.to_owned(),
            bare_file: self.work.path().join("bare"),
            shape: part.shape,
            expected: part.expected.clone(),
            clients: self.options.clients,
            threads: self.options.threads,
            seconds: self.options.seconds,
            samples: if step == Step::DurableMany { self.clients.clone() } else { part.samples.clone() },
        };
        let path = self.work.path().join("task.json");
        fs::write(&path, serde_json::to_vec(&task)?)?;
        let command = if let (Runner::Python, Some(python)) = (&peer.runner, self.python) {
            python.command(&path)
        } else {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg(CHILD).arg(&path);
            command
        };
        let report = child::run(command, &self.work.path().join("stderr"), self.options.timeout);
        Ok(report.unwrap_or_else(|error| {
            eprintln!("{} {step:?}: {error}", peer.name);
            Figure::failures(step, &error)
        }))
    }
}

fn remove(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    Ok(())
}

/// Returns the size of a directory per point: the lengths of all files, and the blocks of files and folders.
fn sizes(dir: &Path, points: u64) -> Result<[Figure; 2]> {
    let (mut lengths, mut blocks, mut folders) = (0, 0, vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        blocks += folder.metadata()?.blocks() * 512;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                lengths += metadata.len();
                blocks += metadata.blocks() * 512;
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "sizes stay far below 2^53")]
    let per_point = |bytes: u64| bytes as f64 / points as f64;
    Ok([Figure::value(Measure::FileBytes, per_point(lengths)), Figure::value(Measure::DiskBytes, per_point(blocks))])
}

/// Returns a number with a comma between each three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_count_the_files_of_all_folders() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/b"), [1; 6_000]).unwrap();
        fs::write(dir.path().join("c"), [1; 4_000]).unwrap();
        let [files, disk] = sizes(dir.path(), 1_000).unwrap();
        assert_eq!(files, Figure::value(Measure::FileBytes, 10.0));
        let Outcome::Value(disk) = disk.outcome else { panic!("a size is a value") };
        assert!(disk >= 10.0, "{disk}");
    }

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
