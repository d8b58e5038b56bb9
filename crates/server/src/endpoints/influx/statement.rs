//! Statements of InfluxQL, as far as clients send them to write: `CREATE DATABASE` and `SHOW DATABASES`.

/// Statement that is supported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Statement {
    /// `CREATE DATABASE name`.
    CreateDatabase(String),
    /// `SHOW DATABASES`.
    ShowDatabases,
}

/// Part of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
}

/// Parses statements, separated by semicolons.
///
/// # Errors
///
/// A sentence with the first statement that is not understood, or not supported.
pub(super) fn parse(text: &str) -> Result<Vec<Statement>, String> {
    let mut statements = Vec::new();
    for tokens in split(text)? {
        statements.push(statement(&tokens)?);
    }
    if statements.is_empty() {
        return Err("the query is empty".to_owned());
    }
    Ok(statements)
}

fn statement(tokens: &[Token]) -> Result<Statement, String> {
    let words: Vec<String> = tokens.iter().map_while(Token::keyword).take(6).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["SHOW", "DATABASES"] if tokens.len() == 2 => Ok(Statement::ShowDatabases),
        ["SHOW", "DATABASES", ..] => Err("SHOW DATABASES takes nothing behind it".to_owned()),
        ["CREATE", "DATABASE", "IF", "NOT", "EXISTS", ..] => create(&tokens[5..]),
        ["CREATE", "DATABASE", ..] => create(&tokens[2..]),
        _ => Err(format!(
            "{} is not supported: of InfluxQL there are CREATE DATABASE and SHOW DATABASES; query with PromQL at /api/v1/query",
            shown(&words)
        )),
    }
}

/// Returns the first words of a statement for a message.
fn shown(words: &[&str]) -> String {
    match words {
        [] => "this statement".to_owned(),
        [first] => first.chars().take(40).collect(),
        [first, second, ..] => format!("{first} {second}").chars().take(40).collect(),
    }
}

fn create(rest: &[Token]) -> Result<Statement, String> {
    match rest {
        [Token::Word(name) | Token::Quoted(name)] => Ok(Statement::CreateDatabase(name.clone())),
        [] => Err("CREATE DATABASE has no name".to_owned()),
        [_, second, ..] if second.keyword().as_deref() == Some("WITH") => Err(
            "CREATE DATABASE with WITH is not supported: all databases have the retention of the server, --retain-for"
                .to_owned(),
        ),
        _ => Err("CREATE DATABASE takes one name: put it into double quotes".to_owned()),
    }
}

impl Token {
    /// Returns a word without quotes, in upper case.
    fn keyword(&self) -> Option<String> {
        match self {
            Self::Word(word) => Some(word.to_ascii_uppercase()),
            Self::Quoted(_) => None,
        }
    }
}

/// Splits a text into the tokens of its statements; empty statements are left out.
fn split(text: &str) -> Result<Vec<Vec<Token>>, String> {
    let mut statements = vec![Vec::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let token = match c {
            ';' => {
                statements.push(Vec::new());
                continue;
            }
            c if c.is_whitespace() => continue,
            '"' | '\'' => Token::Quoted(quoted(c, &mut chars)?),
            c => {
                let mut word = String::from(c);
                while let Some(next) = chars.next_if(|c| !c.is_whitespace() && !matches!(c, ';' | '"' | '\'')) {
                    word.push(next);
                }
                Token::Word(word)
            }
        };
        if let Some(statement) = statements.last_mut() {
            statement.push(token);
        }
    }
    statements.retain(|tokens| !tokens.is_empty());
    Ok(statements)
}

/// Reads a quoted text behind its first quote; a backslash escapes a quote and itself.
fn quoted(quote: char, chars: &mut impl Iterator<Item = char>) -> Result<String, String> {
    let mut text = String::new();
    loop {
        match chars.next() {
            Some('\\') => text.extend(chars.next()),
            Some(c) if c == quote => return Ok(text),
            Some(c) => text.push(c),
            None => return Err(format!("a quote {quote} is never closed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_created_and_listed() {
        let create = |name: &str| Statement::CreateDatabase(name.to_owned());
        assert_eq!(parse("CREATE DATABASE telegraf"), Ok(vec![create("telegraf")]));
        assert_eq!(parse(" create database \"a b\\\"c\" ; ; show databases;"), {
            Ok(vec![create("a b\"c"), Statement::ShowDatabases])
        });
        assert_eq!(parse("CREATE DATABASE IF NOT EXISTS my-db"), Ok(vec![create("my-db")]));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, part) in [
            ("", "is empty"),
            (";", "is empty"),
            ("SELECT * FROM cpu", "SELECT * is not supported"),
            ("SHOW DATABASES; SHOW MEASUREMENTS", "SHOW MEASUREMENTS is not supported"),
            ("SHOW DATABASES x", "takes nothing behind it"),
            ("\"x\"", "this statement is not supported"),
            ("CREATE DATABASE", "no name"),
            ("CREATE DATABASE a b", "double quotes"),
            ("CREATE DATABASE a WITH DURATION 1d", "--retain-for"),
            ("CREATE DATABASE \"a", "never closed"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
