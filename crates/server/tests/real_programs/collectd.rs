//! collectd sends what it measures by its plugin `write_http`.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::programs::{RunningProgram, program, request, wait_for};
use crate::server::RunningServer;

/// Writes a configuration whose paths are those of the unpacked package.
fn configure(home: &Path, root: &Path, url: &str) {
    let text = format!(
        "BaseDir \"{home}\"
PIDFile \"{home}/pid\"
PluginDir \"{root}/usr/lib/collectd\"
TypesDB \"{root}/usr/share/collectd/types.db\"
Hostname \"tested\"
Interval 1
LoadPlugin load
LoadPlugin memory
LoadPlugin write_http
<Plugin write_http>
  <Node \"timestrata\">
    URL \"{url}/api/v1/collectd\"
    Format \"JSON\"
    BufferSize 4096
  </Node>
</Plugin>
",
        home = home.display(),
        root = root.display(),
    );
    std::fs::write(home.join("collectd.conf"), text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn collectd_sends_what_it_measures() {
    let Some(collectd) = program("usr/sbin/collectd") else { return };
    let root = collectd.ancestors().nth(3).unwrap().to_owned();
    let server = RunningServer::start().await;
    let (address, url) = (server.address, server.url());
    let found = tokio::task::spawn_blocking(move || {
        let home = tempfile::tempdir().unwrap();
        configure(home.path(), &root, &url);
        let mut command = Command::new(&collectd);
        command.arg("-f").arg("-C").arg(home.path().join("collectd.conf"));
        command.env("LD_LIBRARY_PATH", root.join("usr/lib/x86_64-linux-gnu"));
        let _collectd = RunningProgram::start(&mut command);
        wait_for("nothing of collectd arrives", || {
            let body = request(
                address,
                "GET",
                "/api/v1/query?query=count%20by%20(__name__)%20(%7Bhost%3D%22tested%22%7D)",
                "",
            )?;
            let answer: Value = serde_json::from_str(&body).unwrap();
            let names: Vec<String> =
                answer["data"]["result"].as_array()?.iter().map(|row| row["metric"]["__name__"].to_string()).collect();
            let has = |part: &str| names.iter().any(|name| name.contains(part));
            (has("load") && has("memory")).then_some(names)
        })
    });
    println!("{}", found.await.unwrap().join(" "));
    server.stop().await;
}
