//! DuckDB through its Python package, in a child process of Python; duckdb_child.py has the choices.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Result;
use crate::workload::{Points, Sample, Shape, batches_of_clients};

const SCRIPT: &str = include_str!("duckdb_child.py");

/// How to get the engine.
pub(crate) const INSTALL: &str = "not installed: `pip install duckdb numpy`, or `--python` of a virtual environment";

/// An interpreter that has DuckDB.
pub(crate) struct Python {
    program: PathBuf,
    /// Versions of DuckDB, Python and numpy.
    pub(crate) version: String,
}

impl Python {
    /// Returns `None` if the interpreter or one of the packages is missing.
    pub(crate) fn find(program: &Path) -> Option<Self> {
        let output = Command::new(program).args(["-c", SCRIPT, "--version"]).output().ok()?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then(|| Self { program: program.to_owned(), version })
    }

    /// Returns the command that runs a task.
    pub(crate) fn command(&self, task: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-c", SCRIPT]).arg(task);
        command
    }
}

/// Writes the points of a shape into one file.
pub(crate) fn write_samples(path: &Path, shape: Shape) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let (mut points, mut batch) = (Points::new(shape), Vec::new());
    while points.next_batch(&mut batch) {
        write_batch(&mut file, &batch)?;
    }
    Ok(file.flush()?)
}

/// Writes the points of each client into a file of its own, and returns the files.
pub(crate) fn write_samples_of_clients(dir: &Path, shape: Shape, clients: u32) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for (client, batches) in batches_of_clients(shape, clients).iter().enumerate() {
        let path = dir.join(format!("client-{client}"));
        let mut file = BufWriter::new(File::create(&path)?);
        batches.iter().try_for_each(|batch| write_batch(&mut file, batch))?;
        file.flush()?;
        paths.push(path);
    }
    Ok(paths)
}

/// Writes the columns of a batch, one behind the other.
fn write_batch(file: &mut impl Write, batch: &[Sample]) -> Result<()> {
    batch.iter().try_for_each(|sample| file.write_all(&sample.series.to_le_bytes()))?;
    batch.iter().try_for_each(|sample| file.write_all(&sample.nanos.to_le_bytes()))?;
    batch.iter().try_for_each(|sample| file.write_all(&sample.value.to_le_bytes()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_columns_of_each_batch() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("samples");
        let shape = Shape { series: 600, ticks: 2 };
        write_samples(&path, shape).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 1_200 * 20);
        let (series, nanos, cents) = Points::new(shape).nth(1_003).unwrap();
        let second = &bytes[1_000 * 20..];
        assert_eq!(second[3 * 4..][..4], series.to_le_bytes());
        assert_eq!(second[200 * 4 + 3 * 8..][..8], nanos.to_le_bytes());
        assert_eq!(second[200 * 12 + 3 * 8..][..8], Sample::new(series, nanos, cents).value.to_le_bytes());
    }

    #[test]
    fn the_files_of_the_clients_have_every_point() {
        let dir = tempfile::tempdir().unwrap();
        let paths = write_samples_of_clients(dir.path(), Shape { series: 50, ticks: 70 }, 16).unwrap();
        let lengths: Vec<u64> = paths.iter().map(|path| path.metadata().unwrap().len()).collect();
        assert_eq!((lengths.len(), lengths.iter().sum::<u64>()), (16, 50 * 70 * 20));
    }

    #[test]
    fn an_interpreter_that_is_not_there_is_not_found() {
        assert!(Python::find(Path::new("/no/such/python")).is_none());
    }
}
