//! Two thousand connections, most of which send large bodies slowly: the server stays within its memory and answers.

use crate::process::{Connection, ServerProcess};

const CONNECTIONS: usize = 2_000;
/// Memory of the server, in bytes.
const BUDGET: u64 = 128 << 20;

#[test]
fn many_connections_stay_within_the_memory_budget() {
    let descriptors = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let limit = timestrata_server::raise_descriptor_limit();
    if limit < Some(2 * CONNECTIONS as u64) {
        println!("skipped: the system allows {limit:?} open descriptors");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&home.path().join("data"), &["--memory-budget", "128MiB"]);
    let at_rest = server.peak_bytes();
    // Each announces a body of 1 MiB and sends a part of it: 2 GB if all of them were buffered.
    let part = vec![b'x'; 64 << 10];
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = Connection::open(server.address).unwrap_or_else(|error| panic!("{error}: {descriptors}"));
        let head = "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n";
        connection.send_raw(head.as_bytes()).unwrap();
        // A connection whose body is not admitted may be closed already.
        drop(connection.send_raw(&part));
        connections.push(connection);
    }
    let mut further = Connection::open(server.address).unwrap();
    let (status, text) = further.get("/-/ready").unwrap();
    assert_eq!(status, 200, "{text}");
    let (status, text) = further.send("POST", "/api/v1/write", "application/x-protobuf", &vec![b'#'; 1 << 20]).unwrap();
    assert!(status == 503 && text.contains("memory of all bodies together is in use"), "{status} {text}");
    let peak = server.peak_bytes();
    println!("{} MiB at rest, {} MiB with {CONNECTIONS} connections", at_rest >> 20, peak >> 20);
    assert!(peak < at_rest + BUDGET, "{peak} bytes");
    drop(connections);
    assert!(server.terminate());
}
