//! Completion in shells, also of the names that a database has: metrics, tags and values of tags.
//!
//! The script of `timestrata completions SHELL --names` calls the program with the words of the command line and the
//! variable `COMPLETE`. The database is the one that these words or `TIMESTRATA_DB` name; it is opened for reading.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use timestrata::{Selector, SeriesInfo};

use crate::args::Args;
use crate::database;
use crate::failure::{Failure, Result};

/// Environment variable with the name of the shell that asks for completions.
const VARIABLE: &str = "COMPLETE";
const PROGRAM: &str = "timestrata";
/// Maximum number of series whose names are offered, so that the answer comes at once.
const MAX_SERIES: usize = 10_000;
/// Subcommands with an argument that selects series, and the name of the argument.
const SELECTORS: [(&str, &str); 5] = [
    ("query", "selector"),
    ("export", "selector"),
    ("series", "selector"),
    ("delete", "selector"),
    ("promql", "query"),
];
/// Words of PromQL before a list of labels.
const LABEL_LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Answers a shell that asks for completions. Returns `false` if none does.
pub(crate) fn answer() -> Result<bool> {
    let answered = CompleteEnv::with_factory(command).var(VARIABLE).try_complete(std::env::args_os(), None);
    answered.map_err(|error| Failure::failed(error.to_string()))
}

/// Prints the script for a shell.
pub(crate) fn print_script(shell: Shell, with_names: bool) -> Result<()> {
    // To memory first, because clap_complete panics when its writer fails, for example on a closed pipe.
    let mut script = Vec::new();
    if with_names {
        let name = shell.to_string();
        let shells = Shells::builtins();
        let known = shells.completer(&name).ok_or_else(|| Failure::failed(format!("no names in {name}")))?;
        known.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)?;
    } else {
        clap_complete::generate(shell, &mut Args::command(), PROGRAM, &mut script);
    }
    std::io::stdout().write_all(&script)?;
    Ok(())
}

/// Returns the command line with completion of names.
fn command() -> clap::Command {
    SELECTORS.iter().fold(Args::command(), |command, (subcommand, argument)| {
        command.mut_subcommand(*subcommand, |subcommand| {
            subcommand.mut_arg(*argument, |argument| argument.add(ArgValueCompleter::new(candidates)))
        })
    })
}

/// Returns the completions of an argument; none if there is no database.
fn candidates(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(reader) = named_database(std::env::args_os()).and_then(|dir| database::read(&dir).ok()) else {
        return Vec::new();
    };
    let series = reader.snapshot().list_series_limit(&Selector::all(), MAX_SERIES);
    let texts = current.to_str().map(|text| completions(text, &series)).unwrap_or_default();
    texts.into_iter().map(CompletionCandidate::new).collect()
}

/// Returns the database that the words of a command line name, or else the environment.
fn named_database(words: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    let mut words = words;
    let mut found = std::env::var_os("TIMESTRATA_DB");
    while let Some(word) = words.next() {
        if word == "--db" {
            found = words.next().or(found);
        } else if let Some(dir) = word.to_str().and_then(|word| word.strip_prefix("--db=")) {
            found = Some(dir.into());
        }
    }
    found.map(PathBuf::from)
}

/// What the end of a text names.
#[derive(Debug, PartialEq)]
enum Position {
    Metric,
    Tag,
    /// The value of a tag, in quotes.
    Value {
        tag: String,
    },
    /// A text of another kind.
    Other,
}

/// Returns what the end of a selector or query names, and the place where that name begins.
fn position(text: &str) -> (Position, usize) {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let mut braces = false;
    // For each open parenthesis, whether it begins a list of labels.
    let mut lists: Vec<bool> = Vec::new();
    let mut quote: Option<(char, usize)> = None;
    let (mut word, mut previous) = (0, "");
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        let next = at + letter.len_utf8();
        match quote {
            Some(_) if letter == '\\' => {
                letters.next();
            }
            Some((mark, _)) if letter == mark => (quote, word) = (None, next),
            Some(_) => {}
            None if is_name(letter) => {}
            None => {
                let name = text.get(word..at).unwrap_or_default();
                if !name.is_empty() {
                    previous = name;
                }
                word = next;
                match letter {
                    '"' | '\'' | '`' => quote = Some((letter, next)),
                    '{' => braces = true,
                    '}' => braces = false,
                    '(' => lists.push(LABEL_LISTS.contains(&previous)),
                    ')' => {
                        lists.pop();
                    }
                    _ => {}
                }
            }
        }
    }
    match quote {
        Some((_, start)) if braces => (Position::Value { tag: previous.to_owned() }, start),
        Some((_, start)) => (Position::Other, start),
        None if braces || lists.last() == Some(&true) => (Position::Tag, word),
        None => (Position::Metric, word),
    }
}

/// Returns the texts that continue a text by a name, in the order of the names.
fn completions(text: &str, series: &[SeriesInfo]) -> Vec<String> {
    // A word in quotes comes with its opening quote, which the shell itself keeps.
    let text = text.strip_prefix('\'').unwrap_or(text);
    let (position, start) = position(text);
    let (head, begun) = text.split_at(start);
    let names: BTreeSet<&str> = match &position {
        Position::Metric => series.iter().map(|info| info.key.metric()).collect(),
        Position::Tag => series.iter().flat_map(|info| info.key.tags()).map(|(tag, _)| tag).collect(),
        Position::Value { tag } => {
            let tags = series.iter().flat_map(|info| info.key.tags());
            tags.filter(|(name, _)| name == tag).map(|(_, value)| value).collect()
        }
        Position::Other => BTreeSet::new(),
    };
    names.into_iter().filter(|name| name.starts_with(begun)).map(|name| format!("{head}{name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_text_names_a_metric_a_tag_or_a_value() {
        let value = |tag: &str| Position::Value { tag: tag.to_owned() };
        let table = [
            ("", Position::Metric, 0),
            ("te", Position::Metric, 0),
            ("sum(ra", Position::Metric, 4),
            ("temp{", Position::Tag, 5),
            ("temp{a=\"b\", st", Position::Tag, 12),
            ("temp{station=\"J", value("station"), 14),
            ("temp{a=\"\\\"{\",station=~\"J", value("station"), 23),
            ("temp{a=\"b\"} + te", Position::Metric, 14),
            ("sum by (st", Position::Tag, 8),
            ("sum by (a) (te", Position::Metric, 12),
            ("x * on(a, b", Position::Tag, 10),
            ("label_replace(x, \"a", Position::Other, 18),
        ];
        for (text, expected, start) in table {
            assert_eq!(position(text), (expected, start), "{text}");
        }
    }
}
