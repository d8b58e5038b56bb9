//! Commands of a file.

use super::eval::{Eval, parse_eval};
use super::load::{Load, parse_load};
use super::{Lines, SyntaxError};

/// A command with the number of its line.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) line: usize,
    pub(crate) kind: CommandKind,
}

#[derive(Debug)]
pub(crate) enum CommandKind {
    /// Adds samples.
    Load(Load),
    /// Removes all samples.
    Clear,
    /// Runs a query and compares its answer.
    Eval(Box<Eval>),
}

/// Parses a whole file.
pub(crate) fn parse_file(text: &str) -> Result<Vec<Command>, SyntaxError> {
    let mut lines = Lines::new(text);
    let mut commands = Vec::new();
    while let Some((line, head)) = lines.next_command() {
        let word = head.split_whitespace().next().unwrap_or_default();
        let kind = match word {
            "clear" => Ok(CommandKind::Clear),
            "load" | "load_with_nhcb" => parse_load(head, &mut lines).map(CommandKind::Load),
            _ if word.starts_with("eval") => parse_eval(head, &mut lines).map(|eval| CommandKind::Eval(Box::new(eval))),
            _ => Err(SyntaxError { line, message: format!("no such command: {head}") }),
        };
        commands.push(Command { line, kind: kind.map_err(|error| error.or_at(line))? });
    }
    Ok(commands)
}

impl SyntaxError {
    /// An error whose line is unknown, 0, is at `line`.
    fn or_at(self, line: usize) -> Self {
        Self { line: if self.line == 0 { line } else { self.line }, ..self }
    }
}
