//! Who may do what: tokens with scopes and rates, checked before an endpoint runs.
//!
//! A request carries its token as `Authorization: Bearer TOKEN`, `Authorization: Token TOKEN`, or as the password of basic
//! authentication. The server knows the SHA-256 of each token alone: tokens are random texts of 256 bits, so a slow hash
//! would add nothing. Without a file of tokens every request may do everything.

mod browser;
mod credentials;
mod grant;
mod rate;
mod tokens;

pub use grant::Scope;
pub(crate) use grant::{Grant, require};
pub(crate) use tokens::Tokens;
pub use tokens::{NewToken, TokensError};
