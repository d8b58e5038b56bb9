//! The examples in deploy/ agree with the program.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args as _;
use timestrata_server::{ServerOptions, Settings};

use crate::common::TestServer;

fn deploy_file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Removes the comment sign of lines that set something.
fn uncommented(text: &str) -> String {
    let is_setting = |line: &str| {
        line.split_once(" = ").is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
    };
    let lines = text.lines().map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line));
    lines.fold(String::new(), |all, line| all + line + "\n")
}

fn options_of(text: &str) -> ServerOptions {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Settings::default().into_options(Settings::from_file(file.path()).unwrap())
}

#[test]
fn the_example_of_settings_has_every_setting_with_its_default() {
    let text = deploy_file("timestrata.toml");
    let everything = uncommented(&text);

    let names = |text: &str| -> BTreeSet<String> {
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once(" = "))
            .map(|(name, _)| name.to_owned())
            .collect()
    };
    let settings = Settings::augment_args(clap::Command::new("serve"));
    let expected: BTreeSet<String> =
        settings.get_arguments().filter_map(|arg| arg.get_long()).map(str::to_owned).collect();
    assert_eq!(names(&everything), expected);

    // Settings without a default have an example as their value.
    let has_no_default = |line: &str| {
        ["retain-for", "retain-bytes", "tokens", "tls-cert", "tls-key", "query-threads"]
            .iter()
            .any(|name| line.starts_with(&format!("{name} = ")))
    };
    let defaults: Vec<&str> = everything.lines().filter(|line| !has_no_default(line)).collect();
    assert_eq!(format!("{:?}", options_of(&defaults.join("\n"))), format!("{:?}", ServerOptions::default()));
    let options = options_of(&everything);
    assert!(
        options.retain_for.is_some()
            && options.retain_bytes.is_some()
            && options.tokens.is_some()
            && options.tls_key.is_some()
    );
    // As it is, the file changes nothing.
    assert_eq!(format!("{:?}", options_of(&text)), format!("{:?}", ServerOptions::default()));
}

/// Returns the names of metrics in a text that begin like those of the server.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("timestrata_") || word.starts_with("process_")).collect()
}

#[tokio::test]
async fn alerts_and_the_page_use_metrics_that_the_server_has() {
    let answer = TestServer::new().get("/metrics").await;
    let page = include_str!("../../assets/explore/health.js");
    let (alerts, operations) = (deploy_file("prometheus/alerts.yml"), deploy_file("../docs/operations.md"));
    for name in metrics_in(&alerts).into_iter().chain(metrics_in(page)).chain(metrics_in(&operations)) {
        let family = ["_total", "_bucket"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        assert!(answer.text().contains(&format!("# TYPE {family} ")), "there is no metric {name}");
    }
}
