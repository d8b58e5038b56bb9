//! `stats` prints every file of the directory in exactly one line: the sum of the lines is the length of all files.

use std::fmt::Write as _;
use std::fs;

use crate::common::Place;

/// Returns the bytes in a line of the form `{name} {bytes} bytes in {files} files`.
fn bytes_of(line: &str) -> u64 {
    let (before, _) = line.split_once(" bytes in ").unwrap();
    before.split_whitespace().last().unwrap().replace(',', "").parse().unwrap()
}

#[test]
fn the_printed_bytes_are_the_lengths_of_all_files() {
    let place = Place::new();
    let rows = (0..30_000).fold(String::new(), |mut rows, row| {
        writeln!(rows, "{row},{row}").unwrap();
        rows
    });
    place.file("f.csv", format!("t,x\n{rows}"));
    place.run("ingest f.csv --db d --time t --time-format s").ok();
    place.run("ingest f.csv --db d --time t --time-format s").ok();
    for name in ["notes.txt", "forgiven-0000000000000001-99.bytes"] {
        fs::write(place.path("d").join(name), name).unwrap();
    }
    fs::create_dir(place.path("d/letters")).unwrap();
    fs::create_dir(place.path("d/lost+found")).unwrap();
    for command in ["series", "compact"] {
        place.run(&format!("{command} --db d")).ok();
        // A closed database keeps no spare; one that was killed may.
        fs::write(place.path("d/spare-00000000000000ff.log"), "spare").unwrap();
        let out = place.run("stats --db d").ok();
        let files = fs::read_dir(place.path("d")).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
        let lens: Vec<u64> = files.filter(fs::Metadata::is_file).map(|file| file.len()).collect();
        let (_, disk) = out.split_once("\ndisk ").unwrap();
        let mut lines = disk.lines();
        assert_eq!(bytes_of(lines.next().unwrap()), lens.iter().sum::<u64>(), "{out}");
        let parts: Vec<&str> = lines.filter(|line| line.contains(" bytes in ")).collect();
        assert_eq!(parts.iter().map(|line| bytes_of(line)).sum::<u64>(), lens.iter().sum::<u64>(), "{out}");
        for name in ["points", "log", "spares", "metadata", "torn", "other"] {
            assert_eq!(parts.iter().filter(|line| line.trim_start().starts_with(name)).count(), 1, "{name}: {out}");
        }
        assert!(out.contains("2 directories, whose content is not counted"), "{out}");
    }
}
