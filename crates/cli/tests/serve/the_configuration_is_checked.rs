//! Flags, environment and file, and what is wrong with them.

use std::process::Command;

fn check(flags: &[&str], environment: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_timestrata"));
    command.args(["serve", "--check-config", "--listen", "127.0.0.1:0"]).args(flags).envs(environment.iter().copied());
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn the_configuration_is_checked() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("timestrata.toml");
    std::fs::write(&file, "data = \"from-the-file\"\nmax-series = 7\n").unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let (is_valid, text) = check(&config, &[]);
    assert!(is_valid && text.contains("from-the-file on 127.0.0.1:"), "{text}");
    let (_, text) = check(&config, &[("TIMESTRATA_DATA", "from-the-environment")]);
    assert!(text.contains("from-the-environment on"), "{text}");
    let (_, text) = check(&["--data", "from-a-flag"], &[("TIMESTRATA_DATA", "from-the-environment")]);
    assert!(text.contains("from-a-flag on"), "{text}");

    for (flags, part) in [
        (&["--memory-budget", "1MiB"][..], "memory-budget: it is below 128MiB"),
        (&["--memory-budget", "much"], "is not a size such as 512MiB"),
        (&["--retain-for", "soon"], "is not a duration such as 30s"),
        (&["--listen", "0.0.0.0:0"], "--tokens FILE"),
        (&["--tokens", "/no/such/file"], "the tokens /no/such/file"),
        (&["--path-prefix", "x"], "it must begin with a slash"),
        (&["--config", "/no/such/file"], "the configuration /no/such/file"),
        (&["--db", "x"], "serve takes --data DIR"),
    ] {
        let (is_valid, text) = check(flags, &[]);
        assert!(!is_valid && text.contains(part) && text.lines().count() == 1, "{flags:?}: {text}");
    }
    std::fs::write(&file, "max-serie = 7\n").unwrap();
    let (is_valid, text) = check(&config, &[]);
    assert!(!is_valid && text.contains("max-serie") && text.contains("line 1"), "{text}");
}
