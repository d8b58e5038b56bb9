//! Text form of a selector; parsing it returns an equal selector.

use std::fmt;

use super::tag_condition::ValueCondition;
use super::{Conjunction, Selector, SelectorNode, TagCondition};
use crate::types::quoted_text::{NameText, QuotedText, needs_no_quotes};

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.node, f)
    }
}

impl fmt::Display for SelectorNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Match(conjunction) => fmt::Display::fmt(conjunction, f),
            Self::And(parts) => write_joined(f, parts, " and "),
            Self::Or(parts) => write_joined(f, parts, " or "),
            Self::Not(node) => {
                f.write_str("not ")?;
                write_operand(f, node)
            }
        }
    }
}

fn write_joined(f: &mut fmt::Formatter<'_>, parts: &[SelectorNode], word: &str) -> fmt::Result {
    for (at, node) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(word)?;
        }
        write_operand(f, node)?;
    }
    Ok(())
}

/// Writes an operand, in parentheses if it would be read differently without them.
fn write_operand(f: &mut fmt::Formatter<'_>, node: &SelectorNode) -> fmt::Result {
    match node {
        SelectorNode::Match(_) | SelectorNode::Not(_) => fmt::Display::fmt(node, f),
        SelectorNode::And(_) | SelectorNode::Or(_) => write!(f, "({node})"),
    }
}

impl fmt::Display for Conjunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "{";
        match &self.metric {
            Some(metric) if needs_no_quotes(metric) => {
                f.write_str(metric)?;
                if self.conditions.is_empty() {
                    return Ok(());
                }
            }
            Some(metric) => {
                write!(f, "{{{}", QuotedText(metric))?;
                separator = ",";
            }
            None if self.conditions.is_empty() => f.write_str("{")?,
            None => {}
        }
        for condition in &self.conditions {
            f.write_str(separator)?;
            separator = ",";
            fmt::Display::fmt(condition, f)?;
        }
        f.write_str("}")
    }
}

impl fmt::Display for TagCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        NameText(&self.key).fmt(f)?;
        match &self.value {
            ValueCondition::Equals(text) => write!(f, "={}", QuotedText(text)),
            ValueCondition::NotEquals(text) => write!(f, "!={}", QuotedText(text)),
            ValueCondition::Matches(pattern) => write!(f, "=~{}", QuotedText(pattern.text())),
            ValueCondition::NotMatches(pattern) => write!(f, "!~{}", QuotedText(pattern.text())),
            ValueCondition::In(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| QuotedText(text).to_string()).collect();
                write!(f, "=({})", texts.join(","))
            }
        }
    }
}
