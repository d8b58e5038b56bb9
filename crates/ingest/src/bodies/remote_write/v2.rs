//! Messages of remote write 2.0: `io.prometheus.write.v2.Request`, as of 2.0-rc.4.

use super::labels::put_label;
use super::metric_kind;
use super::samples::{SAMPLES, SeriesParts, push_series};
use crate::RefusalCode;
use crate::SeriesNumber;
use crate::bodies::body_rows::BodyRows;
use crate::bodies::wire::{WireError, WireField, WireReader, WireValue};

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("its first symbol is not empty")]
    FirstSymbol,
}

/// Decodes a request.
pub(super) fn decode(body: &[u8], out: &mut BodyRows<'_>) -> Result<(), RequestError> {
    let mut decoder = RequestDecoder::new(symbols(body)?);
    if decoder.symbols.first().is_some_and(|first| !first.is_empty()) {
        return Err(RequestError::FirstSymbol);
    }
    let mut request = WireReader::new(body);
    let mut number = 0;
    while let Some(field) = request.next()? {
        if field.number == 5 {
            number += 1;
            decoder.series(number, field.bytes()?, out)?;
        }
    }
    Ok(())
}

fn symbols(body: &[u8]) -> Result<Vec<&[u8]>, WireError> {
    let mut symbols = Vec::new();
    let mut request = WireReader::new(body);
    while let Some(field) = request.next()? {
        if field.number == 4 {
            symbols.push(field.bytes()?);
        }
    }
    Ok(symbols)
}

struct RequestDecoder<'a> {
    symbols: Vec<&'a [u8]>,
    /// References of the labels of the current series.
    refs: Vec<u64>,
    /// Labels of the current series, as remote write 1.0 writes them.
    labels: Vec<u8>,
    /// Metadata and series that were returned last.
    described: Option<(Metadata, SeriesNumber)>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Metadata {
    kind: u64,
    help_ref: u64,
    unit_ref: u64,
}

impl<'a> RequestDecoder<'a> {
    fn new(symbols: Vec<&'a [u8]>) -> Self {
        Self { symbols, refs: Vec::new(), labels: Vec::new(), described: None }
    }

    /// Decodes series `number`.
    fn series(&mut self, number: u64, message: &[u8], out: &mut BodyRows<'_>) -> Result<(), WireError> {
        let mut parts = SeriesParts::default();
        let mut metadata = Metadata::default();
        self.refs.clear();
        let mut fields = WireReader::new(message);
        loop {
            let start = message.len() - fields.rest_len();
            let Some(field) = fields.next()? else {
                break;
            };
            match field.number {
                1 => self.add_refs(field)?,
                SAMPLES => parts.add_sample(start),
                3 => parts.histograms += 1,
                4 => parts.exemplars += 1,
                5 => metadata = Metadata::decode(field.bytes()?)?,
                _ => {}
            }
        }
        if let Err(reason) = self.resolve_labels() {
            out.summary.exemplars += parts.exemplars;
            out.summary.histograms += parts.histograms;
            out.refuse(number, RefusalCode::InvalidReference, (parts.samples + parts.histograms).max(1), reason);
            return Ok(());
        }
        if let Some(series) = push_series(number, &self.labels, message, &parts, out)? {
            self.describe(series, metadata, out);
        }
        Ok(())
    }

    /// Adds references, which are packed or not.
    fn add_refs(&mut self, field: WireField<'_>) -> Result<(), WireError> {
        match field.value {
            WireValue::Varint(reference) => self.refs.push(reference),
            WireValue::Bytes(packed) => {
                let mut numbers = WireReader::new(packed);
                while numbers.rest_len() > 0 {
                    self.refs.push(numbers.varint()?);
                }
            }
            _ => return Err(WireError::OtherType(field.number)),
        }
        Ok(())
    }

    fn symbol(&self, reference: u64) -> Option<&'a [u8]> {
        self.symbols.get(usize::try_from(reference).ok()?).copied()
    }

    /// Writes the labels that the references name.
    fn resolve_labels(&mut self) -> Result<(), &'static str> {
        self.labels.clear();
        let (pairs, rest) = self.refs.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("the last label has no value: the number of label references is odd");
        }
        for [name, value] in pairs {
            let (Some(name), Some(value)) = (self.symbol(*name), self.symbol(*value)) else {
                return Err("a label refers to a symbol that the request does not have");
            };
            put_label(&mut self.labels, name, value);
        }
        Ok(())
    }

    fn describe(&mut self, series: SeriesNumber, metadata: Metadata, out: &mut BodyRows<'_>) {
        if metadata == Metadata::default() {
            return;
        }
        let cached = out.rows.series(series).clone();
        let metric = cached.key().metric();
        // Senders repeat the metadata for each series of a metric.
        let is_repeated = self
            .described
            .is_some_and(|(other, described)| other == metadata && out.rows.series(described).key().metric() == metric);
        if is_repeated {
            return;
        }
        self.described = Some((metadata, series));
        let text = |reference| self.symbol(reference).and_then(|bytes| std::str::from_utf8(bytes).ok());
        match (text(metadata.unit_ref), text(metadata.help_ref)) {
            (Some(unit), Some(help)) => out.describe(metric, metric_kind(metadata.kind), unit, help),
            _ => out.summary.metadata += 1,
        }
    }
}

impl Metadata {
    fn decode(message: &[u8]) -> Result<Self, WireError> {
        let mut metadata = Self::default();
        let mut fields = WireReader::new(message);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => metadata.kind = field.varint()?,
                3 => metadata.help_ref = field.varint()?,
                4 => metadata.unit_ref = field.varint()?,
                _ => {}
            }
        }
        Ok(metadata)
    }
}
