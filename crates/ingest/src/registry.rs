//! Registry of formats, and the choice of one for an input.

use std::sync::Arc;

use crate::signature::of_other_content;
use crate::transcoded::head_as_utf8;
use crate::{Format, IngestError, Sniff};

/// Formats that a program reads, in the order of registration.
#[derive(Clone, Default)]
pub struct Registry {
    formats: Vec<Arc<dyn Format>>,
}

impl Registry {
    /// Creates a registry without formats.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Creates a registry of all formats of this crate.
    #[must_use]
    pub fn with_defaults() -> Self {
        let mut registry = Self::empty();
        registry.register(crate::Csv);
        crate::formats::register_all(&mut registry);
        registry
    }

    /// Registers a format. A format of the same name is replaced.
    pub fn register(&mut self, format: impl Format + 'static) {
        self.formats.retain(|other| other.name() != format.name());
        self.formats.push(Arc::new(format));
    }

    /// Returns all formats.
    pub fn formats(&self) -> impl Iterator<Item = &dyn Format> {
        self.formats.iter().map(AsRef::as_ref)
    }

    /// Returns the format of this name.
    ///
    /// # Errors
    ///
    /// If there is none; the message lists the names.
    pub fn by_name(&self, name: &str) -> Result<Arc<dyn Format>, IngestError> {
        let found = self.formats.iter().find(|format| format.name() == name).cloned();
        found.ok_or_else(|| {
            let names: Vec<&str> = self.formats().map(Format::name).collect();
            IngestError::new(format!("there is no format {name:?}; the formats are {}", names.join(", ")))
        })
    }

    /// Returns the format of this media type; parameters such as `charset` are ignored.
    #[must_use]
    pub fn by_media_type(&self, media_type: &str) -> Option<Arc<dyn Format>> {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        self.formats.iter().find(|format| format.media_types().contains(&essence.as_str())).cloned()
    }

    /// Returns the format for an input: the one whose content is certain, else the one of the ending of its name, else the
    /// only one that is possible. UTF-16 with a mark is recognised as UTF-8 is.
    ///
    /// # Errors
    ///
    /// If no format fits, or several fit equally well; the message lists them. If the input holds no text.
    pub fn choose(&self, file_name: &str, head: &[u8]) -> Result<Arc<dyn Format>, IngestError> {
        let name = file_name.to_ascii_lowercase();
        let converted = head_as_utf8(head);
        let text = converted.as_deref().unwrap_or(head);
        let fitting = |least: Sniff| -> Vec<&Arc<dyn Format>> {
            self.formats.iter().filter(|format| format.sniff(text) >= least).collect()
        };
        let by_ending = |format: &&Arc<dyn Format>| {
            format.file_endings().iter().any(|ending| name.strip_suffix(ending).is_some_and(|rest| rest.ends_with('.')))
        };
        let certain = fitting(Sniff::Certain);
        if let [only] = certain[..] {
            return Ok(Arc::clone(only));
        }
        let ended: Vec<&Arc<dyn Format>> = if certain.is_empty() {
            self.formats.iter().filter(by_ending).collect()
        } else {
            certain.iter().copied().filter(by_ending).collect()
        };
        let names = |formats: &[&Arc<dyn Format>]| -> Vec<String> {
            formats.iter().map(|format| format.name().to_owned()).collect()
        };
        if certain.is_empty() {
            refuse_binary(text, &names(&ended))?;
        }
        let candidates = if certain.is_empty() { fitting(Sniff::Possible) } else { certain };
        match (&ended[..], &candidates[..]) {
            // The ending decides although a row at the start may be damaged: that row is refused by its number.
            ([only], _) | ([], [only]) => Ok(Arc::clone(only)),
            (_, []) => {
                let all: Vec<&Arc<dyn Format>> = self.formats.iter().collect();
                let error = format!("the content fits no known format; the formats are {}", names(&all).join(", "));
                Err(with_formats(IngestError::new(error), &names(&ended)))
            }
            _ => {
                let names = names(if ended.is_empty() { &candidates } else { &ended });
                let error = format!("the content fits several formats: {}", names.join(", "));
                Err(with_formats(IngestError::new(error), &names))
            }
        }
    }
}

/// Refuses content that holds no rows of text. `names` are the formats of the ending.
fn refuse_binary(head: &[u8], names: &[String]) -> Result<(), IngestError> {
    if let Some(what) = of_other_content(head) {
        return Err(IngestError::new(format!("the input is {what}")));
    }
    // Zeros are of UTF-16 or UTF-32 without a mark, too, which the encoding of the options names.
    let is_wide =
        head.iter().skip(1).step_by(2).take(512).filter(|byte| **byte == 0).count() > head.len().min(1_024) / 4;
    if memchr::memchr(0, head).is_some() && !is_wide && names.is_empty() {
        return Err(IngestError::new("the input is binary: it holds bytes of the value 0, as no text does"));
    }
    Ok(())
}

/// Suggests formats by name.
fn with_formats(error: IngestError, names: &[String]) -> IngestError {
    names.iter().fold(error, |error, name| error.suggest("format", name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(name: &str, head: &[u8]) -> Result<String, IngestError> {
        Registry::with_defaults().choose(name, head).map(|format| format.name().to_owned())
    }

    #[test]
    fn a_known_ending_wins_over_content_that_is_merely_possible() {
        for (name, head, format) in [
            ("a.prom", "x{a=\"b\" 5 1704067200000\nx{a=\"c\"} 5 1704067260000\n", "prometheus"),
            ("a.graphite", "a.b abc 1704067200\na.b 1 1704067260\n", "graphite"),
            ("a.lp", "m v=\nm v=1 1\n", "line-protocol"),
            ("a.om", "x y z\nx 1 1704067200\n# EOF\n", "openmetrics"),
            ("a.statsd", "a b c\na:1|c\n", "statsd"),
            ("a.jsonl", "no object\n{\"time\":\"2024-01-01\",\"v\":1}\n", "json"),
            ("a.prom", "time,v\n2024-01-01,1\n", "csv"),
            ("a.csv", "m v=1 1704067200000000000\n", "line-protocol"),
            ("a.prom", "# TYPE x_total counter\nx_total 5 1704067200\n", "prometheus"),
            ("a.om", "# TYPE x gauge\nx 5 1704067200\n", "openmetrics"),
        ] {
            assert_eq!(chosen(name, head.as_bytes()).as_deref(), Ok(format), "{name}: {head}");
        }
    }

    #[test]
    fn content_of_no_format_is_refused_with_the_formats_of_the_ending() {
        let error = chosen("x", b"\x7FELF\x02\x01\0\0").unwrap_err();
        assert!(error.message.contains("a program") && error.suggestions.is_empty(), "{error}");
        let error = chosen("x", b"ab\0\x01\x02\x03cd").unwrap_err();
        assert!(error.message.contains("binary") && error.suggestions.is_empty(), "{error}");
        let error = chosen("x", b"# TYPE x gauge\nx 5 1704067200\n").unwrap_err();
        let names: Vec<&str> = error.suggestions.iter().map(|suggestion| suggestion.value.as_str()).collect();
        assert_eq!(names, ["prometheus", "openmetrics"]);
    }
}
