//! Formats of UTF-8 on inputs of another encoding: the bytes are converted before the format sees them.

use timestrata::Timestamp;

use crate::csv::{TextEncoding, TextSource};
use crate::{Decoder, Format, IngestError, IngestOptions, Planner, PlannerState, Rows, Suggestion, Understanding};

/// Returns the first bytes of an input as UTF-8: those of UTF-16 with a mark are converted.
///
/// What cannot be converted is left out, since a format only looks at these bytes.
pub(crate) fn head_as_utf8(head: &[u8]) -> Option<Vec<u8>> {
    let encoding = TextEncoding::detect(head, None).ok().filter(|encoding| encoding.is_utf16())?;
    let mut text = Vec::new();
    let mut source = TextSource::new(encoding);
    let mut at = 0;
    while at < head.len() {
        match source.push(&head[at..], false, &mut text) {
            Ok(used) if used > 0 => at += used,
            _ => break,
        }
    }
    Some(text)
}

/// Begins an input of any encoding: that of the options, or UTF-16 with a mark; else UTF-8.
///
/// `head` are the first bytes of the input, which the caller pushes to the planner afterwards.
///
/// # Errors
///
/// If an option contradicts the format, or names no encoding.
pub fn planner_of_text(
    format: &dyn Format,
    options: &IngestOptions,
    head: &[u8],
) -> Result<Box<dyn Planner>, IngestError> {
    let encoding = TextEncoding::detect(head, options.encoding.as_deref())?;
    let inner = format.planner(options)?;
    if encoding.is_utf8() || format.converts_text() {
        return Ok(inner);
    }
    let source = TextSource::new(encoding);
    Ok(Box::new(TranscodingPlanner { encoding, source, inner, state: PlannerState::Undecided, error: None }))
}

struct TranscodingPlanner {
    encoding: TextEncoding,
    source: TextSource,
    inner: Box<dyn Planner>,
    state: PlannerState,
    error: Option<IngestError>,
}

impl Planner for TranscodingPlanner {
    fn push(&mut self, bytes: &[u8]) -> PlannerState {
        let mut at = 0;
        while at < bytes.len() && self.state == PlannerState::Undecided {
            let mut text = Vec::new();
            match self.source.push(&bytes[at..], false, &mut text) {
                // What comes before invalid bytes decides; then the decoder reports them.
                Ok(0) => break,
                Ok(used) => at += used,
                Err(error) => {
                    self.error = Some(error);
                    self.state = PlannerState::Decided;
                    self.inner.push(&text);
                    return self.state;
                }
            }
            self.state = self.inner.push(&text);
        }
        self.state
    }

    fn finish(self: Box<Self>, whole: bool) -> Result<Box<dyn Decoder>, IngestError> {
        let inner = match (self.inner.finish(whole), self.error) {
            (Ok(inner), _) => inner,
            (Err(_), Some(error)) | (Err(error), None) => return Err(error),
        };
        let mut understanding = inner.understanding().clone();
        let name = self.encoding.name().to_owned();
        understanding.properties.insert(understanding.properties.len().min(1), ("encoding", name));
        let text = ConvertedText::new(self.encoding);
        Ok(Box::new(TranscodingDecoder { text, inner, understanding }))
    }
}

struct TranscodingDecoder {
    text: ConvertedText,
    inner: Box<dyn Decoder>,
    /// That of the decoder at its start, with the encoding.
    understanding: Understanding,
}

impl Decoder for TranscodingDecoder {
    fn decode(&mut self, input: &[u8], last: bool, rows: &mut Rows) -> Result<usize, IngestError> {
        let Self { text, inner, .. } = self;
        text.decode(input, last, rows, |text, last, rows| inner.decode(text, last, rows))
    }

    fn set_default_time(&mut self, time: Timestamp) {
        self.inner.set_default_time(time);
    }

    fn understanding(&self) -> &Understanding {
        &self.understanding
    }

    fn notices(&self) -> Vec<String> {
        self.inner.notices()
    }

    fn left_out_texts(&self) -> u64 {
        self.inner.left_out_texts()
    }

    fn take_warning(&mut self) -> Option<String> {
        self.inner.take_warning()
    }

    fn distinguishing(&self) -> Option<Suggestion> {
        self.inner.distinguishing()
    }
}

/// Text of an input of another encoding, from which rows are decoded.
pub(crate) struct ConvertedText {
    source: TextSource,
    /// Converted text that is not yet decoded.
    pending: Vec<u8>,
    is_finished: bool,
}

impl ConvertedText {
    pub(crate) fn new(encoding: TextEncoding) -> Self {
        Self { source: TextSource::new(encoding), pending: Vec::new(), is_finished: false }
    }

    /// Converts bytes piece by piece, and passes the text to `decode`; see [`Decoder::decode`].
    pub(crate) fn decode(
        &mut self,
        input: &[u8],
        last: bool,
        rows: &mut Rows,
        mut decode: impl FnMut(&[u8], bool, &mut Rows) -> Result<usize, IngestError>,
    ) -> Result<usize, IngestError> {
        let mut used = 0;
        loop {
            let is_last = last && used == input.len();
            if is_last && !self.is_finished {
                // A character that the end cuts off is an error.
                self.is_finished = true;
                self.source.push(&[], true, &mut self.pending)?;
            }
            let split = decode(&self.pending, is_last, rows)?;
            self.pending.drain(..split);
            if used == input.len() || rows.is_full() {
                return Ok(used);
            }
            let read = self.source.push(&input[used..], false, &mut self.pending)?;
            used += read;
            if read == 0 {
                return Ok(used);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Csv, formats};

    fn decoded(format: &dyn Format, input: &[u8], options: &IngestOptions) -> (usize, Option<IngestError>) {
        let mut planner = planner_of_text(format, options, input).unwrap();
        planner.push(input);
        let mut decoder = match planner.finish(true) {
            Ok(decoder) => decoder,
            Err(error) => return (0, Some(error)),
        };
        let mut rows = Rows::with_capacity(1_000);
        // The end is known only after the last byte.
        for (piece, last) in input.chunks(7).map(|piece| (piece, false)).chain([(&b""[..], true)]) {
            let mut at = 0;
            while at < piece.len() || last {
                match decoder.decode(&piece[at..], last, &mut rows) {
                    Ok(used) => at += used,
                    Err(error) => return (rows.values().len(), Some(error)),
                }
                if last {
                    break;
                }
            }
        }
        (rows.values().len(), None)
    }

    fn utf16(text: &str) -> Vec<u8> {
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn lines_of_utf_16_are_read_by_every_format() {
        let json = utf16("{\"time\":\"2024-01-01\",\"v\":1}\n{\"time\":\"2024-01-02\",\"v\":2}\n");
        let lines = utf16("m v=1 1704067200000000000\nm v=2 1704067200000000001");
        let options = IngestOptions::default();
        for (format, input) in [
            (&formats::Json as &dyn Format, &json),
            (&formats::LineProtocol, &lines),
            (&Csv, &utf16("time,v\n2024-01-01,1\n2024-01-02,2\n")),
        ] {
            assert_eq!(decoded(format, input, &options), (2, None), "{}", format.name());
            let (_, error) = decoded(format, &input[..input.len() - 1], &options);
            assert!(error.is_some_and(|error| error.message.contains("UTF-16LE")), "{}", format.name());
            let text = head_as_utf8(input).unwrap();
            assert_ne!(format.sniff(&text), crate::Sniff::No);
        }
    }

    #[test]
    fn an_encoding_is_converted_for_every_format() {
        let options = IngestOptions { encoding: Some("latin1".to_owned()), ..IngestOptions::default() };
        let input = b"m,a=\xe4 v=1 1704067200000000000\n";
        assert_eq!(decoded(&formats::LineProtocol, input, &options), (1, None));
        let unknown = IngestOptions { encoding: Some("x".to_owned()), ..IngestOptions::default() };
        assert!(planner_of_text(&formats::LineProtocol, &unknown, input).is_err());
    }
}
