//! Client libraries of PyPI and npm, and Debian's `influx`: each writes, and reads back what it wrote.
//!
//! `TIMESTRATA_CLIENTS=FOLDER` names a folder that `.ci/clients.sh FOLDER` has filled.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs::program;
use crate::server::{RunningServer, run};

/// Returns the folder of the libraries, or says why there is none.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("TIMESTRATA_CLIENTS").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: TIMESTRATA_CLIENTS names no folder; `bash .ci/clients.sh FOLDER` makes one");
    }
    folder
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Runs a script of Python in tests/clients with the URL of a server.
async fn run_python(name: &str) {
    let Some(folder) = folder() else { return };
    let mut command = Command::new(folder.join("venv/bin/python"));
    // The scripts share a module, whose bytecode must not appear in the sources.
    command.arg("-B").arg(scripts().join(name));
    run_with_url(command).await;
}

/// Runs a script of Node.js in tests/clients with the URL of a server.
async fn run_node(name: &str) {
    let Some(folder) = folder() else { return };
    // Libraries are found beside the script alone.
    let copy = folder.join(name);
    std::fs::copy(scripts().join(name), &copy).unwrap();
    let mut command = Command::new("node");
    command.arg(copy);
    run_with_url(command).await;
}

async fn run_with_url(mut command: Command) {
    let server = RunningServer::start().await;
    command.arg(server.url());
    run(command).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn influxdb_of_pypi_creates_a_database_and_writes() {
    run_python("influxdb_1.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn influxdb_client_of_pypi_writes() {
    run_python("influxdb_2.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questdb_of_pypi_writes() {
    run_python("questdb_ilp.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_client_of_pypi_pushes() {
    run_python("pushgateway.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exporter_of_opentelemetry_of_pypi_sends_metrics() {
    run_python("otlp.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn influx_of_npm_creates_a_database_and_writes() {
    run_node("influx_1.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn influxdb_client_of_npm_writes() {
    run_node("influxdb_2.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_query_editor_of_prometheus_completes() {
    run_node("codemirror.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shell_of_influx_imports_a_file() {
    let Some(program) = program("usr/bin/influx") else { return };
    let server = RunningServer::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "# DDL\nCREATE DATABASE shell\n# DML\n# CONTEXT-DATABASE: shell\n\
                cpu,host=a value=1 1704067200\ncpu,host=b value=2 1704067260\n";
    std::fs::write(file.path(), text).unwrap();
    let address = server.address;
    let influx = move || {
        let mut command = Command::new(&program);
        command.args(["-host", "127.0.0.1", "-port", &address.port().to_string()]);
        command
    };
    let mut import = influx();
    import.args(["-import", "-precision", "s", "-path"]).arg(file.path());
    let output = run(import).await;
    let report = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(report.contains("Processed 1 commands") && report.contains("Processed 2 inserts"), "{report}");
    assert!(report.contains("Failed 0 inserts"), "{report}");
    let mut show = influx();
    show.args(["-execute", "SHOW DATABASES", "-format", "csv"]);
    let output = run(show).await;
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(listed.contains("databases,default") && listed.contains("databases,shell"), "{listed}");
    let sum = server.get("/db/shell/api/v1/query?query=sum(cpu)&time=1704067260").await;
    assert!(sum.contains("[1704067260,\"3\"]"), "{sum}");
    server.stop().await;
}
