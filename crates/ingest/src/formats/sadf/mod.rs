//! Output of `sadf`, the exporter of `sar`: `-d` (semicolons, with header lines) and `-p` (tabs, one value per line).
//!
//! | input | point |
//! |---|---|
//! | first column | tag `host` |
//! | `timestamp`: `2024-01-01 00:10:01 UTC`, without `UTC` (in the zone of the options, else UTC with a note), or seconds | time |
//! | `interval` | nothing |
//! | `-d`: columns of numbers | metrics by their names, such as `%user` |
//! | `-d`: columns that name a device (`CPU`, `IFACE`, `DEV`, ..) | tags in lower case; CPU `-1` is `all` |
//! | `-p`: the fourth column | tag `device`; `-` is no tag |
//! | `-p`: the fifth and sixth column | metric and value |
//! | `LINUX-RESTART`, `COM` | nothing; counted |

mod database;
mod pretty;
mod time;

pub use database::SadfDatabase;
pub use pretty::SadfPretty;
