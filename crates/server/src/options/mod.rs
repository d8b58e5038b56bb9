//! Options of a server, and the settings of the command line, the environment and a file from which they are made.

mod server_options;
mod settings;
mod values;

pub use server_options::ServerOptions;
pub use settings::{Settings, SettingsError};
pub use values::{ByteText, DurabilityText, DurationText, ValueError};
