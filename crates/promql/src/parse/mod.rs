//! The parser: tokens to a tree.
//!
//! Precedence climbing for operators, recursive descent for the rest. Every recursion counts its depth, and every node
//! its height, so that no text makes this parser or a walk of its tree exhaust the stack. Types are checked once the
//! whole text has a tree, by [`check`].

mod arguments;
mod check;
mod duration;
mod expression;
mod modifiers;
mod operators;
mod selector;

use crate::ast::{Expression, Span};
use crate::lexer::{LexError, Token, TokenKind, lex};
use crate::options::ParserOptions;
use crate::parse_error::ParseError;

/// Greatest size of a query's text in bytes.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// Greatest depth of an expression's tree. A chain of operators, `a + b + c`, is one level deeper with each operator.
///
/// To evaluate the deepest tree takes less than 0.5 MiB of the stack in an optimised build, and up to 4 MiB in another:
/// a program that is built without optimisation and takes queries of others gives its threads that much.
pub const MAX_DEPTH: usize = 256;

/// Parses a query and checks its types.
///
/// # Errors
///
/// The first thing that is wrong with the text, at its place. A text of more than [`MAX_TEXT_BYTES`] and a tree of more
/// than [`MAX_DEPTH`] levels are refused, too.
pub fn parse(text: &str, options: &ParserOptions) -> Result<Expression, ParseError> {
    parse_tree(text, *options).map_err(|failure| ParseError::new(text, failure.span, failure.message))
}

fn parse_tree(text: &str, options: ParserOptions) -> Parsed<Expression> {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("the query has {} bytes, more than {MAX_TEXT_BYTES}", text.len());
        return Err(Problem::new(Span::default(), message));
    }
    let lexed = lex(text);
    let mut parser = Parser {
        text,
        tokens: lexed.tokens,
        next: 0,
        lex_error: lexed.error,
        options,
        depth: 0,
        duration_operators: 0,
    };
    if parser.peek() == TokenKind::End && parser.lex_error.is_none() {
        return Err(Problem::new(Span::default(), "no expression found in input"));
    }
    let mut expression = parser.expression()?.expression;
    if parser.peek() != TokenKind::End || parser.lex_error.is_some() {
        return Err(parser.unexpected("", ""));
    }
    check::check(&mut expression)?;
    Ok(expression)
}

/// What is wrong, and where.
#[derive(Debug)]
struct Problem {
    span: Span,
    message: String,
}

/// A problem, boxed because every level of the recursion has room for one.
type Failure = Box<Problem>;

impl Problem {
    #[expect(clippy::unnecessary_box_returns, reason = "problems are only used boxed")]
    fn new(span: Span, message: impl Into<String>) -> Failure {
        Box::new(Self { span, message: message.into() })
    }
}

type Parsed<T> = Result<T, Failure>;

/// A tree and its height.
struct Node {
    expression: Expression,
    height: usize,
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    lex_error: Option<LexError>,
    options: ParserOptions,
    /// Levels of recursion.
    depth: usize,
    /// Operators of the duration that is being parsed.
    duration_operators: usize,
}

impl<'a> Parser<'a> {
    /// Returns a token ahead; the last one, `End`, if there is none.
    fn ahead(&self, distance: usize) -> Token {
        let end = Token { kind: TokenKind::End, span: Span { start: self.text.len(), end: self.text.len() } };
        self.tokens.get(self.next + distance).or(self.tokens.last()).copied().unwrap_or(end)
    }

    fn token(&self) -> Token {
        self.ahead(0)
    }

    fn peek(&self) -> TokenKind {
        self.token().kind
    }

    fn advance(&mut self) -> Token {
        let token = self.token();
        self.next += 1;
        token
    }

    /// Returns the end of the last token that was taken.
    fn last_end(&self) -> usize {
        self.next.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.span.end)
    }

    /// Takes the next token if it is of a kind.
    fn accept(&mut self, kind: TokenKind) -> Option<Token> {
        (self.peek() == kind).then(|| self.advance())
    }

    fn text_of(&self, token: Token) -> &'a str {
        self.text.get(token.span.start..token.span.end).unwrap_or_default()
    }

    /// Returns `true` if a token ahead is a word, in any case.
    fn is_word(&self, distance: usize, word: &str) -> bool {
        let token = self.ahead(distance);
        token.kind == TokenKind::Identifier && self.text_of(token).eq_ignore_ascii_case(word)
    }

    fn accept_word(&mut self, word: &str) -> Option<Token> {
        self.is_word(0, word).then(|| self.advance())
    }

    #[expect(clippy::unnecessary_box_returns, reason = "problems are only used boxed")]
    /// Returns the failure for the next token, which may be the problem of the lexer.
    fn unexpected(&self, context: &str, expected: &str) -> Failure {
        let token = self.token();
        if token.kind == TokenKind::End
            && let Some(error) = &self.lex_error
        {
            return Problem::new(error.span, error.message.clone());
        }
        let mut message = format!("unexpected {}", token.kind.describe(self.text_of(token)));
        if !context.is_empty() {
            message.push_str(" in ");
            message.push_str(context);
        }
        if !expected.is_empty() {
            message.push_str(", expected ");
            message.push_str(expected);
        }
        Problem::new(token.span, message)
    }

    /// Runs a step of the recursion one level deeper.
    fn deeper<T>(&mut self, step: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(too_deep(self.token().span));
        }
        self.depth += 1;
        let result = step(self);
        self.depth -= 1;
        result
    }

    /// Creates a node above others.
    fn node(expression: impl Into<Expression>, below: usize) -> Parsed<Node> {
        let expression = expression.into();
        if below >= MAX_DEPTH {
            return Err(too_deep(expression.span()));
        }
        Ok(Node { expression, height: below + 1 })
    }
}

#[expect(clippy::unnecessary_box_returns, reason = "problems are only used boxed")]
fn too_deep(span: Span) -> Failure {
    Problem::new(span, format!("the expression has more than {MAX_DEPTH} levels"))
}

#[cfg(test)]
mod tests;
