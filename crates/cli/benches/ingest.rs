//! Speed of `timestrata ingest` on line protocol beside parsing alone, in turn in one run.
//!
//! `cargo bench -p timestrata-cli --bench ingest`
//!
//! Each round decodes the input in this process without storing it, then runs the tool on a file of it. The user CPU
//! time is that of the process; that of the tool covers its parser, its writer and its flushes.

#[path = "../../ingest/benches/inputs/mod.rs"]
mod inputs;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use inputs::{decode, line_protocol};

/// Points of an input.
const POINTS: usize = 3_000_000;
const ROUNDS: usize = 5;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for fields in [1, 10] {
        let input = line_protocol(POINTS, fields);
        let file = folder.path().join("lines.lp");
        fs::write(&file, &input).expect("the input can be written");
        let (mut parsed, mut stored) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            parsed.push(measure(|| parse(input.as_bytes())));
            stored.push(measure(|| store(&file, &folder.path().join("db"))));
        }
        println!("{fields} fields a line, {:.0} MB", megabytes(input.len()));
        print("parsed", &mut parsed, input.len());
        print("stored", &mut stored, input.len());
    }
}

/// Seconds of an action.
struct Cost {
    wall: f64,
    /// User CPU time of this process and of the children that it waited for.
    user: f64,
}

fn measure(action: impl FnOnce()) -> Cost {
    let (wall, user) = (Instant::now(), user_seconds());
    action();
    Cost { wall: wall.elapsed().as_secs_f64(), user: user_seconds() - user }
}

/// Returns the user CPU time of this process and of its children, see proc_pid_stat(5); a tick is 10 ms.
fn user_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux has the file");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // The fields behind the name begin with the third; utime is the 14th, cutime the 16th.
    let ticks = |number: usize| fields[number - 3].parse::<f64>().expect("the field is a number");
    (ticks(14) + ticks(16)) / 100.0
}

fn parse(input: &[u8]) {
    assert_eq!(decode("line-protocol", input), POINTS);
}

fn store(file: &Path, database: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_timestrata"))
        .arg("ingest")
        .args([file, Path::new("--db"), database])
        .output()
        .expect("the tool runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::remove_dir_all(database).expect("the database can be removed");
}

fn print(what: &str, costs: &mut [Cost], bytes: usize) {
    let median = |mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    };
    let wall = median(costs.iter().map(|cost| cost.wall).collect());
    let user = median(costs.iter().map(|cost| cost.user).collect());
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let millions = POINTS as f64 / 1e6;
    println!(
        "  {what}: wall {wall:.2} s, user {user:.2} s; a second of user CPU: {:.0} MB, {:.2} M points",
        megabytes(bytes) / user,
        millions / user
    );
}

fn megabytes(bytes: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let megabytes = bytes as f64 / 1e6;
    megabytes
}
