//! Replaces `tls` in a build without the feature `tls`: options that name a certificate are refused.

use tokio::net::TcpStream;

use crate::failure::StartError;
use crate::options::ServerOptions;

/// Certificate of the server; there is none without the feature.
#[derive(Debug, Clone)]
pub(crate) enum Tls {}

impl Tls {
    /// Refuses options that name a certificate.
    ///
    /// # Errors
    ///
    /// [`StartError::Option`] if they do.
    pub(crate) fn read(options: &ServerOptions) -> Result<Option<Self>, StartError> {
        if options.tls_cert.is_none() {
            return Ok(None);
        }
        let detail = "this program was built without TLS; build it with the feature tls".to_owned();
        Err(StartError::Option { option: "tls-cert", detail })
    }

    /// Has nothing to read again.
    pub(crate) fn reload(&self, _options: &ServerOptions) -> Result<(), StartError> {
        match *self {}
    }

    /// Encrypts no connection.
    #[expect(clippy::unused_async, reason = "the form of the build with the feature")]
    pub(crate) async fn accept(&self, _stream: TcpStream) -> std::io::Result<TcpStream> {
        match *self {}
    }
}
