//! An ingest that fails or is interrupted says which rows are durable and from which line to go on. Each case follows
//! that advice with the real program, and then finds every row exactly once.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Ended, Place};

const ROWS: u32 = 25_000;
const OPTIONS: &str = "--db d --time t --time-format s --values x,y";
/// Upper bound of each wait.
const PATIENCE: Duration = Duration::from_mins(1);
/// The test of this module that runs on a small disk.
const ON_A_SMALL_DISK: &str = "an_ingest_that_ends_early_says_where_to_go_on::the_part_on_a_small_disk";
const SMALL_DISK: &str = "TIMESTRATA_TEST_SMALL_DISK";
/// Mounts memory as a disk, in a namespace of the child: nothing of it outlives the child.
const MOUNT: &str = r#"mount -t tmpfs -o size=8m tmpfs "$0" && exec "$@""#;

fn csv(rows: u32) -> String {
    let mut text = "t,x,y\n".to_owned();
    for row in 0..rows {
        // Values that do not compress well, so that the flush needs space, too.
        let value = u64::from(row).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 12;
        writeln!(text, "{row},{value},{row}").unwrap();
    }
    text
}

/// Checks that each row is present exactly once.
#[track_caller]
fn expect_all(place: &Place, rows: u32, case: &str) {
    let found = place.points("--db d y");
    let expected = (0..rows).map(|row| row.to_string());
    assert!(found.iter().map(|row| row[2].clone()).eq(expected), "{case}: {} of {rows} points", found.len());
}

/// Returns the number after the first `--from-line` behind `mark`.
fn line_after(error: &str, mark: &str) -> Option<u64> {
    let (_, rest) = error.split_once(mark)?;
    let (_, rest) = rest.split_once("--from-line ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Returns the line that the message of a failed ingest names, directly or by the seq of the database. `None` if no
/// line is named, because nothing was ingested.
fn line_to_go_on_from(place: &Place, error: &str) -> Option<u64> {
    let Some((_, seq)) = error.split_once("if it is ") else { return line_after(error, "") };
    let seq: u64 = seq.split(" or more").next().unwrap().replace(',', "").parse().unwrap();
    let stats = place.run("stats --db d").ok();
    let (_, found) = stats.split_once("\nseq ").unwrap();
    let found: u64 = found.split(", of which").next().unwrap().trim().replace(',', "").parse().unwrap();
    line_after(error, if found >= seq { "or more" } else { "else with" })
}

#[cfg(unix)]
fn interrupt(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits until the log of the database has some batches.
fn wait_for_durable_rows(place: &Place) {
    let begun = Instant::now();
    let logged = || -> u64 {
        let Ok(entries) = fs::read_dir(place.path("d")) else { return 0 };
        let logs = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("wal-"));
        logs.filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
    };
    while logged() < 300_000 {
        assert!(begun.elapsed() < PATIENCE, "no row became durable");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Waits for the end of a process, and ends it if it hangs.
fn ended(mut child: Child) -> Ended {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the ingest hangs");
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap().into()
}

fn start(place: &Place, line: &str) -> Child {
    let mut command = place.command(line.split_whitespace());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[cfg(unix)]
#[test]
fn an_interrupted_ingest_of_a_pipe_goes_on_at_the_named_line() {
    for (signal, code, reason) in [("-INT", 130, "interrupted"), ("-TERM", 143, "terminated by a signal")] {
        let place = Place::new();
        let mut child = start(&place, &format!("ingest - {OPTIONS}"));
        // The pipe stays open: the ingest waits for more input when the signal comes.
        let mut input = child.stdin.take().unwrap();
        input.write_all(csv(ROWS).as_bytes()).unwrap();
        wait_for_durable_rows(&place);
        interrupt(&child, signal);
        let error = ended(child).fails(code);
        drop(input);
        assert!(error.contains(&format!("standard input: {reason}; all rows before line ")), "{error}");
        let line = line_to_go_on_from(&place, &error).unwrap();
        assert!(line > 2 && error.contains(&format!("are durable ({} in this run)", line - 2)), "{error}");
        assert_eq!(place.points("--db d y").len() as u64, line - 2, "{error}");
        place.run_with_input(&format!("ingest - {OPTIONS} --from-line {line}"), &csv(ROWS)).ok();
        expect_all(&place, ROWS, signal);
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_ingest_of_a_file_goes_on_at_the_named_line() {
    const MANY: u32 = 600_000;
    let place = Place::new();
    place.file("f.csv", csv(MANY));
    let child = start(&place, &format!("ingest f.csv {OPTIONS}"));
    wait_for_durable_rows(&place);
    interrupt(&child, "-TERM");
    let error = ended(child).fails(143);
    let line = line_to_go_on_from(&place, &error).unwrap();
    assert!(2 < line && line < u64::from(MANY), "{error}");
    place.run(&format!("ingest f.csv {OPTIONS} --from-line {line}")).ok();
    expect_all(&place, MANY, &error);
}

/// The limit on the length of a file ends the write of a batch in the middle, as a full disk does.
#[cfg(unix)]
#[test]
fn an_ingest_beyond_the_limit_on_file_sizes_goes_on_at_the_named_line() {
    let place = Place::new();
    place.file("f.csv", csv(ROWS));
    let program = env!("CARGO_BIN_EXE_timestrata");
    // In blocks of 512 bytes. The signal is ignored, so that the write fails instead.
    let script = format!("trap '' XFSZ; ulimit -f 600; exec {program} ingest f.csv {OPTIONS}");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(place.path(""));
    let error = Ended::from(command.output().unwrap()).fails(2);
    assert!(
        error.contains("were not written: ") && error.contains("raise the limit on file sizes, and go on"),
        "{error}"
    );
    assert!(!error.contains("try again"), "{error}");
    let line = line_to_go_on_from(&place, &error).unwrap();
    place.run(&format!("ingest f.csv {OPTIONS} --from-line {line}")).ok();
    expect_all(&place, ROWS, &error);
}

/// The summary cannot be printed: following "free space, then try again" would double every row.
#[cfg(target_os = "linux")]
#[test]
fn an_ingest_whose_output_cannot_be_written_is_not_to_be_repeated() {
    let place = Place::new();
    place.file("f.csv", csv(100));
    let mut command = place.command(format!("ingest f.csv {OPTIONS}").split_whitespace());
    command.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let error = Ended::from(command.output().unwrap()).fails(2);
    assert!(error.contains("all rows of the file are durable (100 in this run): do not ingest it again"), "{error}");
    expect_all(&place, 100, &error);
}

/// Numbers of the cases that were met on the small disk.
#[derive(Debug, Default)]
struct Met {
    not_created: u32,
    stopped: u32,
    not_flushed: u32,
}

/// Ingests on a disk with this much free space, frees space and follows the advice. Returns `true` if nothing failed.
fn ingest_with_free(place: &Place, free: usize, met: &mut Met) -> bool {
    let (ballast, db) = (place.path("ballast"), place.path("d"));
    let mut file = fs::File::create(&ballast).unwrap();
    let mut filled = 0;
    while file.write_all(&[1; 4096]).is_ok() {
        filled += 4096;
    }
    file.set_len((filled - free) as u64).unwrap();
    // An open file would keep its space after its removal.
    drop(file);
    let first = ended(start(place, &format!("ingest f.csv {OPTIONS}")));
    fs::remove_file(&ballast).unwrap();
    let message = first.err.clone();
    let case = format!("{free} bytes free: {message}");
    if first.code == Some(0) {
        // All rows are durable, and perhaps not in files yet.
        let is_noted = message.contains("do not ingest them again");
        assert!(is_noted || message.is_empty(), "{case}");
        assert!(!message.contains("try again"), "{case}");
        met.not_flushed += u32::from(is_noted);
        expect_all(place, ROWS, &case);
        fs::remove_dir_all(&db).unwrap();
        return !is_noted;
    }
    let error = first.fails(2);
    let line = line_to_go_on_from(place, &error);
    *(if line.is_some() { &mut met.stopped } else { &mut met.not_created }) += 1;
    place.run(&format!("ingest f.csv {OPTIONS} --from-line {}", line.unwrap_or(1))).ok();
    expect_all(place, ROWS, &case);
    fs::remove_dir_all(&db).unwrap();
    false
}

/// The child's part: it has its own small disk.
#[test]
fn the_part_on_a_small_disk() {
    let Ok(disk) = std::env::var(SMALL_DISK) else { return };
    let place = Place::in_directory(Path::new(&disk));
    place.file("f.csv", csv(ROWS));
    let mut met = Met::default();
    // From no space to enough of it, in steps that are smaller than what the flush needs.
    let is_enough = (0..120).map(|step| step * (48 << 10)).any(|free| ingest_with_free(&place, free, &mut met));
    println!("met: {met:?}");
    assert!(is_enough, "the disk never has enough space: {met:?}");
    assert!(met.not_created > 0 && met.stopped > 0 && met.not_flushed > 0, "{met:?}");
}

#[test]
fn an_ingest_on_a_full_disk_goes_on_as_it_says() {
    let place = Place::new();
    let disk = place.path("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = |how: &str| {
        let mut command = Command::new("unshare");
        command.args([how, "sh", "-c", MOUNT]).arg(&disk);
        command
    };
    // First as a user with its own namespace, then as root.
    let works = |how: &&str| mounted(how).arg("true").output().is_ok_and(|output| output.status.success());
    let Some(how) = ["-rm", "-m"].into_iter().find(|how| works(how)) else {
        println!("skipped: no small disk can be mounted here (unshare and a tmpfs were tried)");
        return;
    };
    let mut command = mounted(how);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", ON_A_SMALL_DISK, "--nocapture"]);
    let output = command.env(SMALL_DISK, &disk).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().filter(|line| line.contains("met: ")).for_each(|line| println!("{line}"));
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("met: "), "the child did not run: {said}");
}
