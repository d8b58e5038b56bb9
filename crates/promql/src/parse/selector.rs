//! Selectors of series and their matchers.

use regex_syntax::hir::{Hir, HirKind, Look};

use crate::pattern::Pattern;

use crate::ast::{Expression, LabelMatcher, MatchOperator, VectorSelector};
use crate::lexer::{Token, TokenKind, unquote};

use super::{Node, Parsed, Parser, Problem};

/// Context of matchers in messages.
const MATCHING: &str = "label matching";

impl Parser<'_> {
    /// Parses matchers in braces, if there are any, after a name or without one.
    pub(super) fn selector(&mut self, name: Option<Token>) -> Parsed<Node> {
        let open = self.accept(TokenKind::LeftBrace);
        let matchers = if open.is_some() { self.matchers()? } else { Vec::new() };
        let first = name.or(open).unwrap_or(self.token());
        let selector = VectorSelector {
            name: name.map(|name| self.text_of(name).to_owned()),
            matchers,
            offset: None,
            at: None,
            extension: None,
            span: self.span_from(first),
        };
        Self::node(Expression::Vector(Box::new(selector)), 0)
    }

    fn matchers(&mut self) -> Parsed<Vec<LabelMatcher>> {
        let mut matchers = Vec::new();
        loop {
            if self.accept(TokenKind::RightBrace).is_some() {
                return Ok(matchers);
            }
            matchers.push(self.matcher()?);
            let is_last = self.accept(TokenKind::Comma).is_none();
            if is_last && self.peek() != TokenKind::RightBrace {
                return Err(self.unexpected(MATCHING, "\",\" or \"}\""));
            }
        }
    }

    fn matcher(&mut self) -> Parsed<LabelMatcher> {
        let first = self.token();
        let label = match first.kind {
            TokenKind::Identifier => self.text_of(first).to_owned(),
            TokenKind::String => self.utf8(first)?,
            _ => return Err(self.unexpected(MATCHING, "identifier or \"}\"")),
        };
        self.advance();
        let operator = match self.peek() {
            TokenKind::Assign => MatchOperator::Equal,
            TokenKind::NotEqual => MatchOperator::NotEqual,
            TokenKind::Matches => MatchOperator::Matches,
            TokenKind::NotMatches => MatchOperator::NotMatches,
            // A name in quotes alone is that of the metric.
            TokenKind::Comma | TokenKind::RightBrace if first.kind == TokenKind::String => {
                return Ok(LabelMatcher {
                    label: "__name__".to_owned(),
                    operator: MatchOperator::Equal,
                    value: label,
                    span: first.span,
                });
            }
            _ if first.kind == TokenKind::String => return Err(self.unexpected(MATCHING, "\",\" or \"}\"")),
            _ => return Err(self.unexpected(MATCHING, "label matching operator")),
        };
        self.advance();
        let value = self.token();
        if value.kind != TokenKind::String {
            return Err(self.unexpected(MATCHING, "string"));
        }
        let text = self.utf8(value)?;
        self.advance();
        let span = first.span.to(value.span);
        let matcher = LabelMatcher { label, operator, value: text, span };
        if matches!(operator, MatchOperator::Matches | MatchOperator::NotMatches) {
            pattern(&matcher)?;
        }
        Ok(matcher)
    }

    /// Returns the value of a string, which must be UTF-8: labels of series are.
    fn utf8(&self, token: Token) -> Parsed<String> {
        String::from_utf8(unquote(self.text_of(token)))
            .map_err(|_| Problem::new(token.span, "label names and values of a selector must be UTF-8"))
    }
}

/// Parses the regular expression of a matcher. Compiling it would take a thousand times as long.
fn pattern(matcher: &LabelMatcher) -> Parsed<Hir> {
    let invalid = |message: &str| Problem::new(matcher.span, format!("error parsing regexp: {message}"));
    let pattern = Pattern::translate(&matcher.value).map_err(|message| invalid(&message))?;
    regex_syntax::parse(&pattern.anchored()).map_err(|error| invalid(last_line(&error.to_string())))
}

/// Returns the last line of an error, which says what is wrong; those before it show where.
fn last_line(message: &str) -> &str {
    let line = message.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line)
}

/// Returns `true` if a matcher matches a series without the label.
pub(super) fn matches_empty(matcher: &LabelMatcher) -> Parsed<bool> {
    Ok(match matcher.operator {
        MatchOperator::Equal => matcher.value.is_empty(),
        MatchOperator::NotEqual => !matcher.value.is_empty(),
        MatchOperator::Matches => is_match_of_empty(&pattern(matcher)?),
        MatchOperator::NotMatches => !is_match_of_empty(&pattern(matcher)?),
    })
}

/// Returns `true` if an expression matches the empty text. Its depth is limited by its parser.
fn is_match_of_empty(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty => true,
        HirKind::Literal(_) | HirKind::Class(_) => false,
        // Without characters there is no border of a word.
        HirKind::Look(look) => !matches!(
            look,
            Look::WordAscii
                | Look::WordUnicode
                | Look::WordStartAscii
                | Look::WordEndAscii
                | Look::WordStartUnicode
                | Look::WordEndUnicode
        ),
        HirKind::Repetition(repetition) => repetition.min == 0 || is_match_of_empty(&repetition.sub),
        HirKind::Capture(capture) => is_match_of_empty(&capture.sub),
        HirKind::Concat(parts) => parts.iter().all(is_match_of_empty),
        HirKind::Alternation(parts) => parts.iter().any(is_match_of_empty),
    }
}

impl LabelMatcher {
    /// Returns the value as a regular expression of the crate `regex` that matches whole texts; `.` matches line ends, too.
    ///
    /// What the crate reads otherwise than Go's `regexp` is translated: `\d` is a class of ASCII. A value that is no
    /// expression, which no parsed query has, stays as it is.
    ///
    /// ```
    /// use timestrata_promql::{Expression, ParserOptions, parse};
    ///
    /// let Expression::Vector(selector) = parse("x{a=~\"b|c\"}", &ParserOptions::default())? else { unreachable!() };
    /// assert_eq!(selector.matchers[0].anchored_pattern(), "^(?s:b|c)$");
    /// # Ok::<(), timestrata_promql::ParseError>(())
    /// ```
    #[must_use]
    pub fn anchored_pattern(&self) -> String {
        Pattern::translate(&self.value).map_or_else(|_| format!("^(?s:{})$", self.value), |pattern| pattern.anchored())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_is_matched_as_the_compiled_expression_does() {
        let patterns = [
            "", "a", "a*", "a?b?", "a|", "(a|b*)", "a{0}", "a{0,3}", "a{2}", "^", "$", "^$", "\\b", "\\B", "(\\b|c)",
            "(\\b)?", ".*", ".+", "[^a]", "(?:)", "(?i)x?", "\\A\\z", "(?m)^$",
        ];
        for pattern in patterns {
            let matcher = LabelMatcher {
                label: "a".to_owned(),
                operator: MatchOperator::Matches,
                value: pattern.to_owned(),
                span: crate::Span::default(),
            };
            let compiled = regex::Regex::new(&matcher.anchored_pattern()).unwrap();
            assert_eq!(matches_empty(&matcher).unwrap(), compiled.is_match(""), "{pattern}");
        }
    }
}
