//! The commands of docs/server.md: every line with `curl` runs against a server, and every endpoint has one.

use std::process::Command;

use crate::server::{RunningServer, run};

const DOCUMENT: &str = include_str!("../../../../docs/server.md");

/// Files that the commands name, made before them.
const FILES: &str = r#"
printf 'time_hour,origin,temp\n2013-01-01T05:00:00Z,JFK,39.02\n' > weather.csv
printf 'cpu,host=a value=2 1704067260\n' > cpu.lp
printf '{"series":"temp{site=\\"a\\"}","type":"f64","time":"2024-01-01T00:00:00Z","value":1.5}\n' | gzip > points.jsonl.gz
cat > collectd.json <<'END'
[{"values":[12.5],"dstypes":["gauge"],"dsnames":["value"],"time":1704067200.5,"interval":10,"host":"h","plugin":"load","plugin_instance":"","type":"load","type_instance":""}]
END
cat > metrics.json <<'END'
{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"load","gauge":{"dataPoints":[{"timeUnixNano":"1704067200000000000","asDouble":1}]}}]}]}]}
END
curl() { command curl -fsS -m 30 "$@"; }
"#;

/// Returns the lines of all blocks of shell commands, without those of the tool and of a server with TLS.
fn commands() -> Vec<&'static str> {
    let mut is_block = false;
    let mut commands = Vec::new();
    for line in DOCUMENT.lines() {
        if line.starts_with("```") {
            is_block = line == "```sh";
        } else if is_block && !line.starts_with("timestrata ") && !line.contains("https://") {
            commands.push(line);
        }
    }
    commands
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_documentation_run() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: there is no curl");
        return;
    }
    let server = RunningServer::start().await;
    let home = tempfile::tempdir().unwrap();
    let commands = commands();
    let script =
        format!("set -eux\n{FILES}\n{}\n", commands.join("\n")).replace("http://127.0.0.1:9494", &server.url());
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script).current_dir(home.path());
    let output = run(shell).await;
    println!("{}", String::from_utf8_lossy(&output.stdout));
    server.stop().await;
    assert!(commands.iter().filter(|line| line.contains("curl")).count() >= 25, "{commands:#?}");
}

/// Paths of the table of endpoints that no command names: the bodies of remote write and remote read are no text, and the
/// answer to Flux is an error.
const WITHOUT_COMMAND: [&str; 3] = ["/api/v1/write", "/api/v1/read", "/api/v2/query"];

#[test]
fn every_endpoint_of_the_table_has_a_command() {
    let commands = commands().join("\n");
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    let mut missing = Vec::new();
    for row in rows {
        let cell = row.split('|').nth(1).unwrap();
        for path in cell.split('`').filter(|text| text.contains('/') && text.trim() != ",") {
            let path = path.split_whitespace().last().unwrap();
            // The fixed part of a path with a name in it.
            let fixed = ["NAME", "JOB", "..."].iter().fold(path, |path, end| path.split(end).next().unwrap());
            if path.starts_with('/') && !commands.contains(fixed) && !WITHOUT_COMMAND.contains(&path) {
                missing.push(path.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "no command names {missing:?}");
}
