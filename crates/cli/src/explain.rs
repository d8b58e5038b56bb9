//! Output of `--explain`: how a query was answered, as a table on standard error.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use timestrata::ExplainReport;

use crate::aligned_table::{Align, AlignedTable};
use crate::number_format::{bytes, count};

/// Prints the report; a closed standard error is not an error.
pub(crate) fn print(explain: &ExplainReport) {
    let mut err = io::stderr().lock();
    let colour = err.is_terminal() && anstream::AutoStream::choice(&err) != anstream::ColorChoice::Never;
    let _ = write(explain, colour, &mut err);
}

fn write(explain: &ExplainReport, colour: bool, out: &mut impl Write) -> io::Result<()> {
    let of = |number: u64, all: u64| format!("{} of {}", count(number), count(all));
    let time = |time: Duration| format!("{:.3} ms", time.as_secs_f64() * 1_000.0);
    let rows = [
        ("series selected", of(explain.series_selected, explain.series)),
        ("files pruned by series", of(explain.files_pruned_by_series, explain.files)),
        ("files pruned by time", of(explain.files_pruned_by_time, explain.files)),
        ("blocks pruned by series", of(explain.blocks_pruned_by_series, explain.blocks)),
        ("blocks pruned by time", of(explain.blocks_pruned_by_time, explain.blocks)),
        ("blocks hidden by deletes", of(explain.blocks_hidden, explain.blocks)),
        ("blocks answered by statistics", of(explain.blocks_by_statistics, explain.blocks)),
        ("blocks decoded", of(explain.blocks_decoded, explain.blocks)),
        ("points answered by statistics", count(explain.points_by_statistics)),
        ("points decoded", count(explain.points_decoded)),
        ("bytes read", bytes(explain.bytes_read)),
        ("threads", explain.threads.to_string()),
        ("time to find series", time(explain.selecting)),
        ("time to read", time(explain.reading)),
        ("time in all", time(explain.total)),
    ];
    let mut table = AlignedTable::new(&[("explain", Align::Left), ("", Align::Right)], colour);
    for (name, value) in rows {
        table.row(vec![name.to_owned(), value], out)?;
    }
    table.finish(out)?;
    if explain.files == 0 || explain.blocks_by_statistics + explain.blocks_decoded == 0 {
        writeln!(out, "points in memory, not yet in files, are not counted")?;
    }
    Ok(())
}
