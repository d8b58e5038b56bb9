//! Encrypted connections, with a certificate that `openssl` makes.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use timestrata_server::{Server, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Makes a certificate for `localhost`; returns `false` if there is no `openssl`.
fn make_certificate(dir: &Path) -> bool {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    command.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    command.arg("-keyout").arg(dir.join("key.pem")).arg("-out").arg(dir.join("cert.pem"));
    command.output().is_ok_and(|output| output.status.success())
}

/// Sends a request over an encrypted connection that trusts the certificate of the folder.
async fn ready(address: std::net::SocketAddr, dir: &Path) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.join("cert.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_encrypted_and_a_new_certificate_is_taken() {
    let home = tempfile::tempdir().unwrap();
    if !make_certificate(home.path()) {
        println!("skipped: there is no openssl here, which makes the certificate");
        return;
    }
    let mut options = ServerOptions::default();
    options.data = home.path().join("data");
    options.listen = vec!["127.0.0.1:0".parse().unwrap()];
    (options.tls_cert, options.tls_key) = (Some(home.path().join("cert.pem")), Some(home.path().join("key.pem")));
    let server = Server::bind(options).await.unwrap();
    let (address, stop, app) = (server.addresses()[0], server.stopper(), server.app().clone());
    let running = tokio::spawn(server.run());
    assert!(ready(address, home.path()).await.unwrap().starts_with("HTTP/1.1 200"));

    assert!(make_certificate(home.path()));
    assert!(ready(address, home.path()).await.is_err());
    app.reload().unwrap();
    assert!(ready(address, home.path()).await.unwrap().starts_with("HTTP/1.1 200"));
    std::fs::write(home.path().join("key.pem"), "no key").unwrap();
    assert!(app.reload().unwrap_err().to_string().contains("tls-key"));
    assert!(ready(address, home.path()).await.unwrap().starts_with("HTTP/1.1 200"));
    stop.stop();
    running.await.unwrap().unwrap();
}
