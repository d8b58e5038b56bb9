//! Encoding of selectors: the form of a retention rule in the manifest.
//!
//! The encoding follows the tree of the selector, so that a change of the text form changes no stored rule. A selector
//! has one encoding; it identifies the rule.

use super::{ByteReader, DecodeResult, put_option, put_text, put_varint, read_option, read_text};
use crate::types::error::{Error, Result};
use crate::types::selector::{Conjunction, Selector, SelectorNode, TagCondition, ValueCondition};

/// Maximum depth of the tree: each level takes stack.
const MAX_DEPTH: usize = 64;
/// Lower bound on the length of an encoded condition, in bytes: an empty key, a kind and an empty text.
const MIN_CONDITION_BYTES: usize = 3;

const MATCH: u8 = 0;
const AND: u8 = 1;
const OR: u8 = 2;
const NOT: u8 = 3;

const EQUALS: u8 = 0;
const NOT_EQUALS: u8 = 1;
const IN: u8 = 2;
const MATCHES: u8 = 3;
const NOT_MATCHES: u8 = 4;

/// Encodes a selector.
///
/// # Errors
/// `InvalidQuery` for a pattern that is no regular expression, and for a selector that is nested too deep.
pub(crate) fn encode_selector(selector: &Selector) -> Result<Vec<u8>> {
    selector.validate()?;
    let mut bytes = Vec::new();
    put_node(&mut bytes, selector.node(), MAX_DEPTH)?;
    Ok(bytes)
}

/// Decodes a selector that [`encode_selector`] encoded.
///
/// Every other input is an error, so that a selector has one encoding.
pub(crate) fn decode_selector(bytes: &[u8]) -> DecodeResult<Selector> {
    let mut reader = ByteReader::new(bytes);
    let selector = read_node(&mut reader, MAX_DEPTH)?;
    reader.expect_end()?;
    match encode_selector(&selector) {
        Ok(again) if again == bytes => Ok(selector),
        Ok(_) => Err("a selector is not in its shortest form".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn put_node(out: &mut Vec<u8>, node: &SelectorNode, depth_left: usize) -> Result<()> {
    let Some(depth_left) = depth_left.checked_sub(1) else {
        return Err(Error::InvalidQuery { detail: format!("a selector of a rule has more than {MAX_DEPTH} levels") });
    };
    let mut put_all = |kind, nodes: &[SelectorNode]| {
        out.push(kind);
        put_varint(out, nodes.len() as u64);
        nodes.iter().try_for_each(|node| put_node(out, node, depth_left))
    };
    match node {
        SelectorNode::And(nodes) => put_all(AND, nodes),
        SelectorNode::Or(nodes) => put_all(OR, nodes),
        SelectorNode::Not(node) => {
            out.push(NOT);
            put_node(out, node, depth_left)
        }
        SelectorNode::Match(Conjunction { metric, conditions }) => {
            out.push(MATCH);
            put_option(out, metric.as_deref(), put_text);
            put_varint(out, conditions.len() as u64);
            for condition in conditions {
                put_condition(out, condition);
            }
            Ok(())
        }
    }
}

fn put_condition(out: &mut Vec<u8>, TagCondition { key, value }: &TagCondition) {
    put_text(out, key);
    let (kind, text) = match value {
        ValueCondition::Equals(text) => (EQUALS, text.as_str()),
        ValueCondition::NotEquals(text) => (NOT_EQUALS, text.as_str()),
        ValueCondition::Matches(pattern) => (MATCHES, pattern.text()),
        ValueCondition::NotMatches(pattern) => (NOT_MATCHES, pattern.text()),
        ValueCondition::In(texts) => {
            out.push(IN);
            put_varint(out, texts.len() as u64);
            for text in texts {
                put_text(out, text);
            }
            return;
        }
    };
    out.push(kind);
    put_text(out, text);
}

fn read_node(reader: &mut ByteReader<'_>, depth_left: usize) -> DecodeResult<Selector> {
    let depth_left = depth_left.checked_sub(1).ok_or("a selector is nested too deep")?;
    let kind = reader.u8()?;
    match kind {
        MATCH => read_match(reader),
        NOT => Ok(!read_node(reader, depth_left)?),
        AND | OR => {
            let count = reader.count(1)?;
            let mut joined: Option<Selector> = None;
            for _ in 0..count {
                let node = read_node(reader, depth_left)?;
                joined = Some(match joined {
                    None => node,
                    Some(before) if kind == AND => before.and(node),
                    Some(before) => before.or(node),
                });
            }
            joined.ok_or_else(|| "a selector joins nothing".to_owned())
        }
        _ => Err(format!("unknown kind {kind} of a selector")),
    }
}

fn read_match(reader: &mut ByteReader<'_>) -> DecodeResult<Selector> {
    let mut selector = read_option(reader, read_text)?.map_or_else(Selector::all, Selector::metric);
    for _ in 0..reader.count(MIN_CONDITION_BYTES)? {
        let key = read_text(reader)?;
        selector = match reader.u8()? {
            EQUALS => selector.tag(key, read_text(reader)?),
            NOT_EQUALS => selector.tag_not(key, read_text(reader)?),
            MATCHES => selector.tag_matches(key, read_text(reader)?),
            NOT_MATCHES => selector.tag_not_matches(key, read_text(reader)?),
            IN => {
                let count = reader.count(1)?;
                let texts: Vec<&str> = (0..count).map(|_| read_text(reader)).collect::<DecodeResult<_>>()?;
                selector.tag_in(key, texts)
            }
            kind => return Err(format!("unknown kind {kind} of a condition")),
        };
    }
    Ok(selector)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn selector(text: &str) -> Selector {
        text.parse().unwrap()
    }

    #[test]
    fn a_selector_has_these_bytes_and_is_read_back() {
        let table: [(&str, &[u8]); 5] = [
            ("{}", b"\x00\x00\x00"),
            ("temp", b"\x00\x01\x04temp\x00"),
            (r#"temp{a="b",c!~"d"}"#, b"\x00\x01\x04temp\x02\x01a\x00\x01b\x01c\x04\x01d"),
            (r#"{__name__=~"c.*"}"#, b"\x00\x00\x01\x08__name__\x03\x03c.*"),
            (r#"not a or {b=("c","")}"#, b"\x02\x02\x03\x00\x01\x01a\x00\x00\x00\x01\x01b\x02\x02\x01c\x00"),
        ];
        for (text, bytes) in table {
            assert_eq!(encode_selector(&selector(text)).unwrap(), bytes, "{text}");
            assert_eq!(decode_selector(bytes).unwrap(), selector(text), "{text}");
        }
        let none_of = Selector::all().tag_in("d", Vec::<String>::new());
        for selector in [selector(r#"a and b and not (c or d{x!="y"})"#), selector(r#"{a=~"b.*"} or c"#), none_of] {
            assert_eq!(decode_selector(&encode_selector(&selector).unwrap()).as_ref(), Ok(&selector), "{selector}");
        }
    }

    #[test]
    fn a_second_encoding_a_bad_pattern_and_a_deep_tree_are_refused() {
        let nested = [&b"\x01\x02\x01\x02"[..], &[0; 9]].concat();
        assert_eq!(decode_selector(&nested).unwrap_err(), "a selector is not in its shortest form");
        assert!(decode_selector(b"\x03\x03\x00\x00\x00").is_err(), "not not");
        assert!(decode_selector(b"\x02\x00").is_err(), "an or of nothing");
        assert!(decode_selector(b"\x00\x00\x01\x01a\x03\x01(").unwrap_err().contains("regular expression"));
        let mut deep = Selector::all();
        for _ in 0..40 {
            deep = !(deep.or(Selector::all()));
        }
        assert!(matches!(encode_selector(&deep), Err(Error::InvalidQuery { .. })));
        assert!(decode_selector(&vec![NOT; 1 << 20]).is_err());
        assert!(encode_selector(&Selector::all().tag_matches("a", "(")).is_err());
    }

    proptest! {
        #[test]
        fn decoding_any_bytes_never_panics(bytes in prop::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..40)) {
            if let Ok(selector) = decode_selector(&bytes) {
                prop_assert_eq!(encode_selector(&selector).unwrap(), bytes);
            }
        }
    }
}
