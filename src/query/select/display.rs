//! The text form, from which the same selector can be read.

use std::fmt;

use super::parse::is_plain;
use super::test::Test;
use super::{Node, Plain, Rule, Select};

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.node, f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(plain) => fmt::Display::fmt(plain, f),
            Self::And(parts) => join(f, parts, " and "),
            Self::Or(parts) => join(f, parts, " or "),
            Self::Not(node) => {
                f.write_str("not ")?;
                part(f, node)
            }
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, parts: &[Node], word: &str) -> fmt::Result {
    for (at, node) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(word)?;
        }
        part(f, node)?;
    }
    Ok(())
}

/// Between parentheses, if it would be read otherwise without them.
fn part(f: &mut fmt::Formatter<'_>, node: &Node) -> fmt::Result {
    match node {
        Node::Plain(_) | Node::Not(_) => fmt::Display::fmt(node, f),
        Node::And(_) | Node::Or(_) => write!(f, "({node})"),
    }
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "{";
        match &self.metric {
            Some(metric) if is_plain(metric) => {
                f.write_str(metric)?;
                if self.rules.is_empty() {
                    return Ok(());
                }
            }
            Some(metric) => {
                write!(f, "{{{}", Quoted(metric))?;
                separator = ",";
            }
            None if self.rules.is_empty() => f.write_str("{")?,
            None => {}
        }
        for rule in &self.rules {
            f.write_str(separator)?;
            separator = ",";
            fmt::Display::fmt(rule, f)?;
        }
        f.write_str("}")
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(&self.key) {
            f.write_str(&self.key)?;
        } else {
            Quoted(&self.key).fmt(f)?;
        }
        match &self.test {
            Test::Is(text) => write!(f, "={}", Quoted(text)),
            Test::IsNot(text) => write!(f, "!={}", Quoted(text)),
            Test::Matches(pattern) => write!(f, "=~{}", Quoted(&pattern.text)),
            Test::MatchesNot(pattern) => write!(f, "!~{}", Quoted(&pattern.text)),
            Test::AnyOf(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| Quoted(text).to_string()).collect();
                write!(f, "=({})", texts.join(","))
            }
        }
    }
}

/// Text between quotes, with its own quotes and backslashes escaped.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n").replace('\t', r"\t"))
    }
}
