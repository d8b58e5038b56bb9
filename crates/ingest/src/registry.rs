//! Registry of formats, and the choice of one for an input.

use std::sync::Arc;

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

    /// Returns the format for an input: by the ending of its name if that is certain, then by its content.
    ///
    /// # Errors
    ///
    /// If no format fits, or several fit equally well; the message lists them.
    pub fn choose(&self, file_name: &str, head: &[u8]) -> Result<Arc<dyn Format>, IngestError> {
        let name = file_name.to_ascii_lowercase();
        let sniffs: Vec<(Sniff, &Arc<dyn Format>)> =
            self.formats.iter().map(|format| (format.sniff(head), format)).collect();
        let certain: Vec<_> = sniffs.iter().filter(|(sniff, _)| *sniff == Sniff::Certain).collect();
        if let [(_, only)] = certain[..] {
            return Ok(Arc::clone(only));
        }
        let by_ending = |format: &Arc<dyn Format>| {
            format.file_endings().iter().any(|ending| name.strip_suffix(ending).is_some_and(|rest| rest.ends_with('.')))
        };
        let candidates: Vec<_> = sniffs.iter().filter(|(sniff, _)| *sniff != Sniff::No).collect();
        let ended: Vec<_> = candidates.iter().filter(|(_, format)| by_ending(format)).collect();
        match (&ended[..], &candidates[..]) {
            ([(_, only)], _) | ([], [(_, only)]) => Ok(Arc::clone(only)),
            (_, []) => Err(IngestError::new("the content fits no known format").suggest("format", "")),
            _ => {
                let names: Vec<&str> = candidates.iter().map(|(_, format)| format.name()).collect();
                Err(IngestError::new(format!("the content fits several formats: {}", names.join(", ")))
                    .suggest("format", names[0]))
            }
        }
    }
}
