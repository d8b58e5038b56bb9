//! What a terminal shows while something takes as long as it takes.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How far it is nobody knows. On stderr, and only if that is a terminal.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}");
    let spinner = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    spinner.set_message(what);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
