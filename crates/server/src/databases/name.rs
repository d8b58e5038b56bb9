//! Names of databases.

use std::fmt;
use std::str::FromStr;

/// Name of the database of requests that name none.
pub(crate) const DEFAULT: &str = "default";
/// Longest name in bytes.
const MAX_BYTES: usize = 64;

/// Valid name of a database, which is also that of its directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DatabaseName(String);

/// Why a text is no name of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a database name: use 1 to 64 letters, digits, `_`, `-` and `.`, and begin with a letter, a digit or `_`"
)]
pub struct DatabaseNameError(String);

impl DatabaseName {
    /// Returns the name `default`.
    pub(crate) fn default_name() -> Self {
        Self(DEFAULT.to_owned())
    }

    /// Returns the name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DatabaseName {
    type Err = DatabaseNameError;

    fn from_str(text: &str) -> Result<Self, DatabaseNameError> {
        let is_first = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_other = |byte: u8| is_first(byte) || matches!(byte, b'-' | b'.');
        let is_valid =
            text.len() <= MAX_BYTES && text.bytes().next().is_some_and(is_first) && text.bytes().all(is_other);
        if is_valid { Ok(Self(text.to_owned())) } else { Err(DatabaseNameError(text.chars().take(80).collect())) }
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_file_names() {
        for good in ["default", "_internal", "telegraf", "a-b.c", "0"] {
            assert!(good.parse::<DatabaseName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", ".hidden", "-x", "a/b", "a\\b", "a b", "ä", "a\0", &"x".repeat(65)] {
            assert!(bad.parse::<DatabaseName>().is_err(), "{bad}");
        }
    }
}
