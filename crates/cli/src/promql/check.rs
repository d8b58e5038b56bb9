//! `timestrata promql --check`: formats a query, or shows where it is wrong.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use timestrata_promql::{MAX_TEXT_BYTES, ParserOptions, parse};

use crate::failure::{Failure, Result};
use crate::output::StdoutWriter;

/// Parses the query in a file, and prints it formatted. Of a query that is wrong it prints the line, with carets.
pub(crate) fn run(file: &Path, options: ParserOptions) -> Result<()> {
    let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
    let text = read(file, &name)?;
    let mut out = StdoutWriter::lock().out;
    match parse(&text, &options) {
        Ok(expression) => {
            writeln!(out, "{}", expression.pretty())?;
            out.flush()?;
            Ok(())
        }
        Err(error) => {
            let place = error.position().map(|position| format!(":{position}")).unwrap_or_default();
            writeln!(out, "{name}{place}: {}\n{}", error.message(), error.excerpt(&text))?;
            out.flush()?;
            Err(Failure::Negative(format!("{name} has no valid query: {error}; correct what the carets mark")))
        }
    }
}

fn read(file: &Path, name: &str) -> Result<String> {
    let reader: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let opened = File::open(file);
        Box::new(
            opened
                .map_err(|error| Failure::failed(format!("cannot read {name}: {error}; name a file with a query")))?,
        )
    };
    let mut bytes = Vec::new();
    // One byte more than a query may have: the parser then says what is wrong.
    let read = reader.take(MAX_TEXT_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::failed(format!("cannot read {name}: {error}; name a file with a query")))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::failed(format!("{name} is no UTF-8 text: byte {} is wrong; convert it to UTF-8", at + 1))
    })
}
