//! Input of an ingest, a file or standard input, with a progress bar on the terminal.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::{Failure, Result};

/// An open input and its progress bar. The bar counts bytes even if it is not shown.
pub(crate) struct CsvInput {
    pub(crate) name: String,
    pub(crate) bytes: Box<dyn Read>,
    pub(crate) progress: ProgressBar,
}

impl CsvInput {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            let progress = bar(None, "{spinner} {bytes} read, {msg}");
            let bytes = Box::new(progress.wrap_read(io::stdin().lock()));
            return Ok(Self { name: "standard input".to_owned(), bytes, progress });
        }
        let name = path.display().to_string();
        let failed = |error: io::Error| {
            Failure::failed(format!("cannot read {name}: {error}; name a CSV file, or - for standard input"))
        };
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.is_dir() {
            return Err(Failure::failed(format!("{name} is a directory: name a CSV file in it")));
        }
        let progress =
            bar(about.is_file().then_some(about.len()), "{bar:30} {bytes} of {total_bytes}, {msg}, {eta} left");
        let bytes = Box::new(progress.wrap_read(file));
        Ok(Self { name, bytes, progress })
    }
}

/// Creates a bar that is drawn on stderr, only if stderr is a terminal.
fn bar(length: Option<u64>, template: &str) -> ProgressBar {
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    bar
}
