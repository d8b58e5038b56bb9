//! Buffer of encoded keys: keys that are read together need no allocations of their own.

use std::ops::Range;
use std::sync::Arc;

use super::key::{MAX_SERIES_KEY_BYTES, MAX_SERIES_TAGS, METRIC_NAME_KEY, SeriesKey};
use super::key_text::{MORE, put_number, put_text};

/// Place of an encoded key in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeySpan {
    start: u32,
    len: u32,
}

impl KeySpan {
    /// The whole text, whatever its length.
    pub(super) const WHOLE: Self = Self { start: 0, len: u32::MAX };

    /// Returns the span of a part; `None` if its end exceeds 32 bits.
    fn new(start: usize, end: usize) -> Option<Self> {
        let end = u32::try_from(end).ok().filter(|end| *end < u32::MAX)?;
        let start = u32::try_from(start).ok()?;
        Some(Self { start, len: end.checked_sub(start)? })
    }

    /// Returns the bytes of a part.
    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

/// Keys that are appended one after the other, and share the buffer once it is complete.
#[derive(Debug, Default)]
pub(crate) struct KeyBuffer(Vec<u8>);

impl KeyBuffer {
    /// Creates an empty buffer with room for encoded keys of this length.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Appends the key of these texts, if it is valid and its tag keys ascend. A missing tag makes it invalid.
    ///
    /// `None`, with an unchanged buffer, if it is not, or if the buffer is full.
    pub(crate) fn push<'t>(
        &mut self,
        metric: &'t [u8],
        tags: impl ExactSizeIterator<Item = Option<(&'t [u8], &'t [u8])>>,
    ) -> Option<KeySpan> {
        let start = self.0.len();
        let span = self.append(metric, tags).and_then(|()| KeySpan::new(start, self.0.len()));
        if span.is_none() {
            self.0.truncate(start);
        }
        span
    }

    /// Appends the key that is encoded at the front of the bytes, if it is valid, its tag keys ascend, and all of its
    /// numbers are below 64. Returns its length there, too.
    ///
    /// `None`, with an unchanged buffer, otherwise, or if the buffer is full.
    pub(crate) fn push_encoded(&mut self, bytes: &[u8]) -> Option<(KeySpan, usize)> {
        // A key of such numbers needs no check of its length.
        const { assert!((1 + 2 * MORE as usize) * (MORE as usize) <= MAX_SERIES_KEY_BYTES) };
        const { assert!(MORE as usize <= MAX_SERIES_TAGS) };
        let mut rest = bytes;
        take_short_text(&mut rest).filter(|metric| !metric.is_empty() && is_text(metric))?;
        let mut before = None;
        for _ in 0..take_short_number(&mut rest)? {
            let key = take_short_text(&mut rest).filter(|key| before < Some(*key) && is_tag_key(key))?;
            take_short_text(&mut rest).filter(|value| is_text(value))?;
            before = Some(key);
        }
        let (start, len) = (self.0.len(), bytes.len() - rest.len());
        let span = KeySpan::new(start, start + len)?;
        self.0.extend_from_slice(bytes.get(..len)?);
        Some((span, len))
    }

    fn append<'t>(
        &mut self,
        metric: &'t [u8],
        tags: impl ExactSizeIterator<Item = Option<(&'t [u8], &'t [u8])>>,
    ) -> Option<()> {
        if tags.len() > MAX_SERIES_TAGS || metric.is_empty() || !is_text(metric) {
            return None;
        }
        put_text(&mut self.0, metric);
        put_number(&mut self.0, tags.len());
        let (mut byte_len, mut before) = (metric.len(), None);
        for tag in tags {
            let (key, value) = tag?;
            if !is_tag_key(key) || before >= Some(key) || !is_text(value) {
                return None;
            }
            before = Some(key);
            byte_len += key.len() + value.len();
            put_text(&mut self.0, key);
            put_text(&mut self.0, value);
        }
        (byte_len <= MAX_SERIES_KEY_BYTES).then_some(())
    }

    /// Returns the complete buffer.
    pub(crate) fn finish(self) -> SharedKeys {
        SharedKeys(encoded_text(self.0))
    }
}

/// Buffer that keys share. It is freed with the last one of them.
#[derive(Debug)]
pub(crate) struct SharedKeys(Arc<str>);

impl SharedKeys {
    /// Returns the key at a place that [`KeyBuffer::push`] returned.
    pub(crate) fn key(&self, span: KeySpan) -> SeriesKey {
        let is_whole = span.range() == (0..self.0.len());
        SeriesKey::in_buffer(Arc::clone(&self.0), if is_whole { KeySpan::WHOLE } else { span })
    }
}

/// Takes a number below 64 from the front of encoded bytes.
fn take_short_number(encoded: &mut &[u8]) -> Option<u8> {
    let (number, rest) = encoded.split_first().filter(|(number, _)| **number < MORE)?;
    *encoded = rest;
    Some(*number)
}

/// Takes a text whose length is below 64 from the front of encoded bytes.
fn take_short_text<'t>(encoded: &mut &'t [u8]) -> Option<&'t [u8]> {
    let len = take_short_number(encoded)?;
    let (text, rest) = encoded.split_at_checked(usize::from(len))?;
    *encoded = rest;
    Some(text)
}

/// Returns `true` if bytes are a valid key of a tag.
fn is_tag_key(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes != METRIC_NAME_KEY.as_bytes() && is_text(bytes)
}

/// Returns encoded keys as a text: their numbers are ASCII, and their texts UTF-8.
pub(super) fn encoded_text(bytes: Vec<u8>) -> Arc<str> {
    match String::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(error) => {
            debug_assert!(false, "an encoded key is not UTF-8");
            String::from_utf8_lossy(error.as_bytes()).into()
        }
    }
}

/// Returns `true` if bytes are UTF-8.
fn is_text(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[a-c]{0,2}", "[ -~]{0,20}", "[a\u{7f}\u{1f}\u{85}é]{0,9}", Just(METRIC_NAME_KEY.to_owned())]
    }

    proptest! {
        #[test]
        fn a_buffer_has_the_valid_keys_with_ascending_tags_and_no_others(
            keys in prop::collection::vec((text(), prop::collection::vec((text(), text()), 0..4)), 0..20),
        ) {
            let mut buffer = KeyBuffer::default();
            let mut pushed = Vec::new();
            for (metric, tags) in &keys {
                let stored = tags.iter().map(|(tag, value)| (tag.as_str(), value.as_str()));
                let key = SeriesKey::from_stored(metric, stored);
                let texts = tags.iter().map(|(tag, value)| Some((tag.as_bytes(), value.as_bytes())));
                let span = buffer.push(metric.as_bytes(), texts);
                let ascend = tags.is_sorted_by(|(one, _), (other, _)| one < other);
                prop_assert_eq!(span.is_some(), key.validate().is_ok() && ascend, "{:?}", key);
                pushed.extend(span.map(|span| (span, key)));
            }
            let shared = buffer.finish();
            for (span, key) in pushed {
                let read = shared.key(span);
                prop_assert_eq!(&read, &key);
                prop_assert!(read.tags().eq(key.tags()) && read.metric() == key.metric());
                prop_assert_eq!(read.heap_bytes(), key.heap_bytes());
                prop_assert_eq!(read.detached(), key);
            }
        }

        #[test]
        fn an_encoded_key_is_appended_as_its_texts_are_if_its_numbers_are_short(
            metric in text(), tags in prop::collection::vec((text(), text()), 0..4), long in 55..70_usize, cut in 0..9_usize,
        ) {
            let tags: Vec<(String, String)> =
                tags.into_iter().map(|(tag, value)| (tag, value.replace("aa", &"v".repeat(long)))).collect();
            let mut encoded = Vec::new();
            put_text(&mut encoded, metric.as_bytes());
            put_number(&mut encoded, tags.len());
            for (tag, value) in &tags {
                put_text(&mut encoded, tag.as_bytes());
                put_text(&mut encoded, value.as_bytes());
            }
            let is_short = metric.len() < 64 && tags.iter().all(|(tag, value)| tag.len() < 64 && value.len() < 64);
            let len = encoded.len();
            encoded.extend_from_slice(b"next");
            let (mut one, mut other) = (KeyBuffer::default(), KeyBuffer::default());
            let texts = tags.iter().map(|(tag, value)| Some((tag.as_bytes(), value.as_bytes())));
            let expected = other.push(metric.as_bytes(), texts).filter(|_| is_short).map(|span| (span, len));
            prop_assert_eq!(one.push_encoded(&encoded), expected);
            if expected.is_some() {
                prop_assert_eq!(&one.0, &other.0);
                prop_assert!(one.push_encoded(&encoded[..len.saturating_sub(cut + 1)]).is_none(), "it is cut");
                prop_assert_eq!(&one.0, &other.0);
            } else {
                prop_assert!(one.0.is_empty());
            }
        }
    }

    #[test]
    fn keys_beyond_the_limits_and_cut_ones_leave_the_buffer_unchanged() {
        let mut buffer = KeyBuffer::with_capacity(64);
        let name = vec![b'm'; MAX_SERIES_KEY_BYTES + 1];
        assert!(buffer.push(&name[1..], [].into_iter()).is_some());
        let len = buffer.0.len();
        assert!(buffer.push(&name, [].into_iter()).is_none());
        let names: Vec<String> = (0..=MAX_SERIES_TAGS).map(|n| format!("{n:03}")).collect();
        let many = names.iter().map(|name| Some((name.as_bytes(), &b""[..])));
        assert!(buffer.push(b"m", many).is_none());
        assert!(buffer.push(b"m", [Some((&b"a"[..], &b""[..])), None].into_iter()).is_none());
        assert!(buffer.push(b"m", [Some((&b"a"[..], &[0xff][..]))].into_iter()).is_none());
        assert_eq!(buffer.0.len(), len);
    }
}
