//! The suite is in the language, and complete.

use crate::files::suite_files;
use crate::language::{CommandKind, parse_file};

#[test]
fn every_file_parses_and_every_case_is_counted() {
    let Some(files) = suite_files() else { return };
    let mut cases = 0;
    for (name, text) in &files {
        let commands = parse_file(text).unwrap_or_else(|error| panic!("{name}:{}: {}", error.line, error.message));
        cases += commands.iter().filter(|command| matches!(command.kind, CommandKind::Eval(_))).count();
    }
    assert_eq!((files.len(), cases), (21, 2_214));
}
