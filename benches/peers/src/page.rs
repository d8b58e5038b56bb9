//! The section that a run writes, and its place in docs/benchmarks.md.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::engine::Result;
use crate::options::Options;
use crate::rounds::{Results, grouped};
use crate::table;

const BEGIN: &str = "<!-- begin: benches/peers writes everything down to the end marker -->";
const END: &str = "<!-- end -->";

/// Returns machine, versions, settings and tables.
pub(crate) fn section(results: &Results, options: &Options) -> String {
    let now = timestrata::Timestamp::now().to_string();
    let mut text = format!("Run of {}.\n\n", now.split('T').next().unwrap_or_default());
    for line in &results.machine {
        let _ = writeln!(text, "- {line}");
    }
    let _ = writeln!(text, "- load average before the run {}, after it {}", results.load[0], results.load[1]);
    let _ = writeln!(text, "- {}", results.versions);
    let _ = writeln!(
        text,
        "- rounds: {} (medians); durable steps: {} points, {} clients; single points: {} threads, {} s a phase; timeout {} s",
        options.rounds,
        grouped(options.durable_points),
        options.clients,
        options.threads,
        options.seconds,
        options.timeout.as_secs_f64(),
    );
    text + "\n" + &table::tables(results)
}

/// Writes a section to a file: between the markers if the file has them, else as the whole file.
pub(crate) fn write(path: &Path, section: &str) -> Result<()> {
    let old = if path.exists() { fs::read_to_string(path)? } else { String::new() };
    Ok(fs::write(path, replaced(&old, section))?)
}

fn replaced(old: &str, section: &str) -> String {
    let parts = old.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.unwrap_or(("", "\n"));
    format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", section.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_replaces_what_is_between_the_markers() {
        let page = format!("# Title\n\n{BEGIN}\nold\n{END}\n\nbelow\n");
        let first = replaced(&page, "new\n");
        assert_eq!(first, format!("# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nbelow\n"));
        assert_eq!(replaced(&first, "new"), first);
    }

    #[test]
    fn a_file_without_markers_becomes_the_section_with_them() {
        for old in ["", "text\n", &format!("{BEGIN} and no end")] {
            assert_eq!(replaced(old, "new"), format!("{BEGIN}\n\nnew\n\n{END}\n"));
        }
    }

    #[test]
    fn the_page_of_the_repository_has_the_markers() {
        let page = include_str!("../../../docs/benchmarks.md");
        assert!(page.contains(BEGIN) && page.contains(END));
    }
}
