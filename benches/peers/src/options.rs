//! Command-line options.

use std::path::PathBuf;
use std::time::Duration;

use crate::engine::{PEERS, peer};

pub(crate) const HELP: &str = "\
Runs one workload through timestrata and its peers, and writes one table.

usage: cargo run --release --manifest-path benches/peers/Cargo.toml [--features chronix] -- [options]

  --points N           points of each shape (default 10,000,000)
  --shape NAME         long (1,000 series), many (series of 100 points), or both (default)
  --durable-points N   points of each durable step (default 2,000,000, at most those of --points)
  --clients N          clients of the durable step with several (default 16)
  --threads N          threads that write single points (default 64)
  --seconds S          length of each phase of single points, limit of repeated reads (default 3)
  --rounds N           runs of everything; the table has the medians (default 3)
  --timeout S          time after which a child process is ended (default 300)
  --only NAME          only this engine; may be given several times
  --dir PATH           where the databases are made (default: the current directory)
  --python PROGRAM     interpreter with duckdb and numpy (default python3)
  --out FILE           writes the table there; in a file with markers, between them
  --help

Each engine runs each step in a process of its own. Every answer is checked; a wrong one is shown as wrong.";

/// What a run does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    pub(crate) points: u64,
    pub(crate) long: bool,
    pub(crate) many: bool,
    pub(crate) durable_points: u64,
    pub(crate) clients: u32,
    pub(crate) threads: u32,
    pub(crate) seconds: f64,
    pub(crate) rounds: u32,
    pub(crate) timeout: Duration,
    /// Names as in the table; empty for all.
    pub(crate) only: Vec<&'static str>,
    pub(crate) dir: PathBuf,
    pub(crate) python: PathBuf,
    pub(crate) out: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            points: 10_000_000,
            long: true,
            many: true,
            durable_points: 2_000_000,
            clients: 16,
            threads: 64,
            seconds: 3.0,
            rounds: 3,
            timeout: Duration::from_mins(5),
            only: Vec::new(),
            dir: PathBuf::from("."),
            python: PathBuf::from("python3"),
            out: None,
        }
    }
}

impl Options {
    /// Parses arguments without the program's name. `None` asks for help.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Option<Self>, String> {
        let (mut options, mut arguments) = (Self::default(), arguments.into_iter());
        while let Some(name) = arguments.next() {
            if name == "--help" || name == "-h" {
                return Ok(None);
            }
            let value =
                arguments.next().ok_or_else(|| format!("{name}: unknown, or its value is missing; see --help"))?;
            options.set(&name, &value)?;
        }
        options.durable_points = options.durable_points.min(options.points);
        Ok(Some(options))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "--points" => self.points = whole(name, value, 1_000, 1_000_000_000)?,
            "--durable-points" => self.durable_points = whole(name, value, 1_000, 1_000_000_000)?,
            "--clients" => self.clients = small(name, value, 1_000)?,
            "--threads" => self.threads = small(name, value, 1_000)?,
            "--rounds" => self.rounds = small(name, value, 100)?,
            "--seconds" => self.seconds = seconds(name, value)?.as_secs_f64(),
            "--timeout" => self.timeout = seconds(name, value)?,
            "--shape" => {
                (self.long, self.many) = match value {
                    "long" => (true, false),
                    "many" => (false, true),
                    "both" => (true, true),
                    _ => return Err(format!("{name} {value}: long, many or both")),
                }
            }
            "--only" => {
                let names: Vec<&str> = PEERS.iter().map(|peer| peer.name).collect();
                let found = peer(value).ok_or_else(|| format!("{name} {value}: one of {}", names.join(", ")))?;
                self.only.push(found.name);
            }
            "--dir" => self.dir = PathBuf::from(value),
            "--python" => self.python = PathBuf::from(value),
            "--out" => self.out = Some(PathBuf::from(value)),
            _ => return Err(format!("{name}: no such option; see --help")),
        }
        Ok(())
    }
}

/// Parses a number, which may have commas or underscores between its digits.
fn whole(name: &str, value: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = value.replace([',', '_'], "").parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("{name} {value}: a number from {least} to {most}"))
}

fn small(name: &str, value: &str, most: u32) -> Result<u32, String> {
    u32::try_from(whole(name, value, 1, most.into())?).map_err(|error| error.to_string())
}

fn seconds(name: &str, value: &str) -> Result<Duration, String> {
    let number = value.parse().ok().filter(|number| (0.001..=100_000.0).contains(number));
    number.map(Duration::from_secs_f64).ok_or_else(|| format!("{name} {value}: a number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Options>, String> {
        Options::parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_replace_the_defaults() {
        assert_eq!(parse(""), Ok(Some(Options::default())));
        let text = "--points 1,000,000 --shape many --only sqlite --only redb --timeout 0.5 --rounds 1 --out a.md";
        let options = parse(text).unwrap().unwrap();
        let expected = Options {
            points: 1_000_000,
            durable_points: 1_000_000,
            long: false,
            only: vec!["SQLite", "redb"],
            timeout: Duration::from_millis(500),
            rounds: 1,
            out: Some(PathBuf::from("a.md")),
            ..Options::default()
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn help_is_asked_for_anywhere() {
        assert_eq!(parse("--points 5000 --help"), Ok(None));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in ["--points", "--points 5", "--points x", "--shape wide", "--only mysql", "--seconds -1", "--x 1"] {
            let message = parse(text).unwrap_err();
            assert!(message.starts_with(text.split(' ').next().unwrap()), "{message}");
        }
        assert!(parse("--timeout NaN").is_err());
    }
}
