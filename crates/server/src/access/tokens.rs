//! Tokens of a server, from a TOML file that holds their hashes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::credentials::GivenToken;
use super::grant::{Grant, Scope};
use super::rate::RateLimit;

/// Bytes of randomness of a token.
const TOKEN_BYTES: usize = 32;

/// Why a file of tokens cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// The file cannot be read.
    #[error("the tokens {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file is not as documented.
    #[error("the tokens {}: {detail}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

/// All tokens of a server.
#[derive(Debug)]
pub(crate) struct Tokens(Vec<Token>);

/// Hash, scopes and rate of a token.
#[derive(Debug)]
pub(crate) struct Token {
    name: Arc<str>,
    hash: [u8; 32],
    scopes: Arc<[Scope]>,
    rate: Option<RateLimit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokensFile {
    #[serde(default)]
    token: Vec<TokenEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct TokenEntry {
    name: String,
    sha256: String,
    scopes: Vec<Scope>,
    requests_per_second: Option<f64>,
}

impl Tokens {
    /// Reads a file of tokens.
    ///
    /// # Errors
    ///
    /// [`TokensError`]; also for a file without tokens, with which no request would be allowed.
    pub(crate) fn read(path: &Path) -> Result<Self, TokensError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| TokensError::Read { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|detail| TokensError::Invalid { path: path.to_owned(), detail })
    }

    fn parse(text: &str) -> Result<Self, String> {
        // The error of the parser quotes the line; a line of this file holds no secret, only hashes.
        let file: TokensFile = toml::from_str(text).map_err(|error| error.to_string())?;
        let tokens: Vec<Token> = file.token.into_iter().map(TokenEntry::into_token).collect::<Result<_, _>>()?;
        if tokens.is_empty() {
            return Err("it has no [[token]]; `timestrata token NAME --scope write` prints one".to_owned());
        }
        Ok(Self(tokens))
    }

    /// Returns the token that a request carries. The time does not depend on which one it is.
    pub(super) fn find(&self, given: &GivenToken) -> Option<&Token> {
        let hash: [u8; 32] = Sha256::digest(given.bytes()).into();
        let mut found = None;
        for token in &self.0 {
            if bool::from(token.hash.ct_eq(&hash)) {
                found = Some(token);
            }
        }
        found
    }
}

impl Token {
    /// Returns what the token allows.
    pub(super) fn grant(&self) -> Grant {
        Grant::new(Arc::clone(&self.name), Arc::clone(&self.scopes))
    }

    /// Counts a request against the rate of the token, or returns the time until the rate allows one.
    pub(super) fn take_request(&self, now: Instant) -> Result<(), Duration> {
        self.rate.as_ref().map_or(Ok(()), |rate| rate.take(now))
    }
}

impl TokenEntry {
    fn into_token(self) -> Result<Token, String> {
        let name = self.name;
        let hash = bytes_of_hex(&self.sha256)
            .ok_or_else(|| format!("the token {name:?}: sha256 is not a hash of 64 hexadecimal digits"))?;
        if self.scopes.is_empty() {
            return Err(format!("the token {name:?}: it has no scopes; give some of read, write, admin"));
        }
        let rate = match self.requests_per_second {
            None => None,
            Some(rate) if rate.is_finite() && rate > 0.0 => Some(RateLimit::new(rate)),
            Some(_) => return Err(format!("the token {name:?}: requests-per-second must be above 0")),
        };
        Ok(Token { name: name.into(), hash, scopes: self.scopes.into(), rate })
    }
}

fn bytes_of_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A string takes any text.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A new token: the secret, which is shown once, and the entry for the file of tokens.
pub struct NewToken {
    secret: String,
    entry: String,
}

impl NewToken {
    /// Creates a token of 256 random bits.
    ///
    /// ```
    /// use timestrata_server::{NewToken, Scope};
    ///
    /// let token = NewToken::create("prometheus", &[Scope::Write])?;
    /// assert_eq!(token.secret().len(), 64);
    /// assert!(token.entry().contains("scopes = [\"write\"]") && !token.entry().contains(token.secret()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the operating system has no randomness.
    pub fn create(name: &str, scopes: &[Scope]) -> std::io::Result<Self> {
        let mut random = [0; TOKEN_BYTES];
        getrandom::fill(&mut random).map_err(std::io::Error::other)?;
        let secret = hex(&random);
        let scopes: Vec<String> = scopes.iter().map(|scope| format!("{:?}", scope.name())).collect();
        let hash = hex(&Sha256::digest(secret.as_bytes()));
        let name = toml::Value::from(name);
        let entry = format!("[[token]]\nname = {name}\nsha256 = \"{hash}\"\nscopes = [{}]\n", scopes.join(", "));
        Ok(Self { secret, entry })
    }

    /// Returns the token that a client sends. The server cannot show it again.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Returns the entry for the file of tokens.
    #[must_use]
    pub fn entry(&self) -> &str {
        &self.entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_tokens_says_what_is_wrong() {
        let hash = "a".repeat(64);
        for (text, part) in [
            ("", "it has no [[token]]"),
            ("[[token]]\nname = \"x\"", "missing field `sha256`"),
            ("[[token]]\nname = \"x\"\nsha256 = \"abc\"\nscopes = [\"read\"]", "64 hexadecimal digits"),
            ("[[token]]\nname = \"x\"\nsha256 = \"HASH\"\nscopes = []", "it has no scopes"),
            ("[[token]]\nname = \"x\"\nsha256 = \"HASH\"\nscopes = [\"all\"]", "unknown variant `all`"),
            ("[[token]]\nname = \"x\"\nsha256 = \"HASH\"\nscopes = [\"read\"]\nrequests-per-second = 0.0", "above 0"),
        ] {
            let error = Tokens::parse(&text.replace("HASH", &hash)).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_entry_of_a_new_token_is_read_back() {
        let token = NewToken::create("a \"b\"", &[Scope::Read, Scope::Write]).unwrap();
        let tokens = Tokens::parse(token.entry()).unwrap();
        assert_eq!(&*tokens.0[0].name, "a \"b\"");
        assert_eq!(*tokens.0[0].scopes, [Scope::Read, Scope::Write]);
        assert_eq!(tokens.0[0].hash, <[u8; 32]>::from(Sha256::digest(token.secret())));
    }
}
