//! The disk gets full under fifty clients and has room again: writes get 503 meanwhile, and no acknowledged point is lost.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::clients::{Progress, Protocol, check, write_until};
use crate::process::{Connection, ServerProcess};

/// The test that runs on the small disk, in a child process.
const ON_A_SMALL_DISK: &str = "a_full_disk_is_answered_with_503::the_part_on_a_small_disk";
const SMALL_DISK: &str = "TIMESTRATA_TEST_SMALL_DISK";
/// Mounts memory as a disk, in a namespace of the child: nothing of it outlives the child.
const MOUNT: &str = r#"mount -t tmpfs -o size=24m tmpfs "$0" && exec "$@""#;
const CLIENTS: usize = 50;
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until a condition is true.
fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Fills the disk but for some bytes.
fn fill(disk: &Path, left: u64) -> PathBuf {
    let ballast = disk.join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    file.set_len(file.metadata().unwrap().len() - left).unwrap();
    ballast
}

#[test]
fn the_part_on_a_small_disk() {
    let Some(disk) = std::env::var_os(SMALL_DISK).map(PathBuf::from) else { return };
    let data = disk.join("data");
    let progress: Vec<Progress> = (0..CLIENTS).map(|_| Progress::default()).collect();
    let acknowledged = || progress.iter().map(|client| client.acknowledged.load(Ordering::Relaxed)).sum::<u64>();
    let refused = || progress.iter().map(|client| client.refused.load(Ordering::Relaxed)).sum::<u64>();
    let server = ServerProcess::start(&data, &["--memory-budget", "128MiB"]);
    let (address, stop) = (server.address, AtomicBool::new(false));
    let ballast = fill(&disk, 256 << 10);
    let mut server = Some(server);
    std::thread::scope(|scope| {
        let stop = &stop;
        let start = |address| {
            for (client, progress) in progress.iter().enumerate() {
                let protocol = Protocol::ALL[client % Protocol::ALL.len()];
                scope.spawn(move || write_until(address, protocol, client, progress, stop));
            }
        };
        start(address);
        wait_until("the disk never got full", || refused() > 0);
        // Reads go on, and the state is shown.
        let mut reader = Connection::open(address).unwrap();
        let (status, _) = reader.get("/api/v1/query?query=acknowledged&time=1700000000").unwrap();
        assert_eq!(status, 200);
        std::fs::remove_file(&ballast).unwrap();
        let before = acknowledged();
        let began = Instant::now();
        while acknowledged() == before && began.elapsed() < Duration::from_secs(15) {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        if acknowledged() == before {
            // The database is read-only: a start is enough.
            assert!(server.take().unwrap().terminate());
            server = Some(ServerProcess::start(&data, &["--memory-budget", "128MiB"]));
            start(server.as_ref().unwrap().address);
        }
        wait_until("writes do not go on", || acknowledged() > before);
        assert!(server.take().unwrap().terminate());
        stop.store(true, Ordering::Relaxed);
    });
    check(&data.join("default"), &progress);
    println!("met: {} answers of 503, {} points acknowledged and found", refused(), acknowledged());
}

#[test]
fn a_full_disk_is_answered_with_503() {
    let home = tempfile::tempdir().unwrap();
    let disk = home.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mounted = |how: &str| {
        let mut command = Command::new("unshare");
        command.args([how, "--", "sh", "-c", MOUNT]).arg(&disk);
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
