//! Spinner for operations of unknown length, and a bar of points.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Creates a spinner on stderr, which is shown only if stderr is a terminal.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}");
    let spinner = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    spinner.set_message(what);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Creates a bar on stderr, which is shown only if stderr is a terminal.
pub(crate) fn bar_of_points(points: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} points, {eta} left");
    ProgressBar::new(points).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
