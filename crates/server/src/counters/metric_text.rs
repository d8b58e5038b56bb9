//! Text in the format of OpenMetrics.

use std::fmt::{Display, Write as _};

/// Text in which families and samples are written one after the other.
#[derive(Debug, Default)]
pub(super) struct MetricText(String);

impl MetricText {
    /// Begins a family; its samples follow.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        // A string takes any text.
        let _ = writeln!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    /// Writes a sample. Names and values of labels need no escape: the server chooses them.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// Writes a family of one sample without labels.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    /// Writes the samples of a histogram: the counts of each bucket alone, and at last of the one without a bound.
    pub(super) fn histogram(
        &mut self,
        name: &str,
        label: (&str, &str),
        bounds: impl IntoIterator<Item = impl Display>,
        counts: &[u64],
        sum: impl Display,
    ) {
        let bounds = bounds.into_iter().map(|bound| bound.to_string()).chain(["+Inf".to_owned()]);
        let mut cumulative = 0;
        for (bound, count) in bounds.zip(counts) {
            cumulative += count;
            self.sample(&format!("{name}_bucket"), &[label, ("le", &bound)], cumulative);
        }
        self.sample(&format!("{name}_sum"), &[label], sum);
        self.sample(&format!("{name}_count"), &[label], cumulative);
    }

    /// Ends the text.
    pub(super) fn finish(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }
}
