//! Encryption of connections: a certificate and its key from files, which can be read again while the server runs.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::failure::StartError;
use crate::options::ServerOptions;

/// Certificate of the server; connections that begin after a reload get the new one.
#[derive(Clone)]
pub(crate) struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the certificate that the options name; `None` if they name none.
    ///
    /// # Errors
    ///
    /// [`StartError::Option`], if a file cannot be read, or if key and certificate do not fit.
    pub(crate) fn read(options: &ServerOptions) -> Result<Option<Self>, StartError> {
        let config = read_config(options)?;
        Ok(config.map(|config| Self(Arc::new(RwLock::new(config)))))
    }

    /// Reads the files again. After an error the certificate stays as it is.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub(crate) fn reload(&self, options: &ServerOptions) -> Result<(), StartError> {
        if let Some(config) = read_config(options)? {
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
        }
        Ok(())
    }

    /// Encrypts a connection.
    pub(crate) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(stream).await
    }
}

fn read_config(options: &ServerOptions) -> Result<Option<Arc<ServerConfig>>, StartError> {
    let (Some(certificate), Some(key)) = (&options.tls_cert, &options.tls_key) else { return Ok(None) };
    let invalid = |option, path: &Path, error: &dyn std::fmt::Display| StartError::Option {
        option,
        detail: format!("{}: {error}", path.display()),
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| invalid("tls-cert", certificate, &error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| invalid("tls-key", key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| invalid("tls-cert", certificate, &error))?;
    Ok(Some(Arc::new(config)))
}
