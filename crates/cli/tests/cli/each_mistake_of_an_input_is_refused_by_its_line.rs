//! Inputs with one mistake each: the row is refused by its line, or the input with the option that helps; nothing is
//! stored as what it is not.

use crate::common::Place;

/// Files, options, and parts of the message; the database must not exist afterwards.
const REFUSED: [(&str, &str, &str, &[&str]); 28] = [
    ("f.xml", "<?xml version=\"1.0\"?>\n<time>1</time>\n", "", &["the input is XML"]),
    ("f.csv", "time,v,w\n2024-01-01,1 kB,1\n2024-01-02,2 MB,2\n", "", &["column v has numbers of several units"]),
    ("f.csv", "time,v,w\n2024-01-01,0x1F,1\n2024-01-02,0x20,2\n", "", &["line 2: column v has", "--values-except v"]),
    ("f.lp", "m,a=\u{fffd}\u{fffd} v=1 9\u{fffd}\n", "", &["line 1:", "is not a timestamp"]),
    ("f.graphite", "a.b abc 1704067200\na.b 1 1704067260\n", "", &["f.graphite line 1:", "\"abc\" is not a number"]),
    ("f.prom", "x{a=\"b\" 5 1704067200000\nx{a=\"c\"} 5 1704067260000\n", "", &["f.prom line 1:"]),
    ("f.prom", "x 1 1704067200\n", "", &["line 1:", "this century in seconds", "--precision s or --precision ms"]),
    ("f.bin", "\x7fELF\x02\0\0\0", "", &["the input is a program"]),
    ("f.json", "[{\"time\":\"2024-01-01\",\"v\":1,\"v\":2}]", "", &["line 1:", "\"v\" twice"]),
    ("f.jsonl", "{\"time\":\"2024-01-01\",\"code\":\"007\"}\n", "", &["no column holds only numbers", "code"]),
    ("f.csv", "time,v\n2024-01-01,\n2024-01-02,NA\n", "", &["no column holds numbers", "--values v"]),
    ("f.csv", "time,v\n2024-01-01,45%\n2024-01-02,0.5\n", "", &["f.csv line 2: column v has", "--values-except v"]),
    ("f.csv", "time,v\n2024-01-01,1\n2024-01-02,\"2,5,8\"\n", "", &["line 3: column v has words"]),
    ("f.csv", "time,v\n2024-01-01,1\n2024-01-02,(45)\n", "", &["line 3: column v has words"]),
    ("f.csv", "time,v\n2024-01-01,1\n2024-01-02,true\n", "", &["--types v=bool"]),
    ("f.csv", "time,v\n2024-01-01,1 kB\n", "--units --time-zone Nowhere/City", &["no time zone \"Nowhere/City\""]),
    ("f.lp", "m v=1 1704067200000000000\n", "--values v", &["the format line-protocol does not use --values"]),
    ("f.lp", "m v=1 1704067200000000000\n", "--tags v", &["does not use --tags"]),
    ("f.lp", "m v=1 1704067200000000000\n", "--decimal ,", &["does not use --decimal"]),
    ("f.lp", "m v=1 1704067200000000000\n", "--time-zone UTC", &["does not use --time-zone"]),
    ("f.csv", "time,v\n2024-01-01,1\n", "--rows a", &["the format csv does not use --rows"]),
    ("f.csv", "time,v\n2024-01-01,1\n", "--precision s", &["the format csv does not use --precision"]),
    ("f.jsonl", "{\"time\":\"2024-01-01\",\"v\":1}\n", "--comment '#'", &["the format json does not use --comment"]),
    ("f.csv", "type,series,time,value\nf64,x,2024-01-01T00:00:00Z,1\n", "--missing 1", &["missing does not apply"]),
    ("f.txt", "# hostname;interval;timestamp;tps\nh;600;x;5.0\n", "", &["line 2:", "is not a time"]),
    ("f.lp", "m f=1i,f=2 1704067200000000000\n", "", &["line 1: series m", "holds i64, not f64", "--from-line 1"]),
    ("f.csv", "time,v\n1704067200,1\n1704067260,2\n", "--time time --time-format ms", &["line 2:", "--time-format s"]),
    ("f.om", "x 1 1704067200\n", "--format openmetrics --from-line 9", &["cut off"]),
];

#[test]
fn a_mistake_is_refused_and_leaves_no_database() {
    for (file, text, options, parts) in REFUSED {
        let place = Place::new();
        place.file(file, text);
        let error = place.run(&format!("ingest {file} --db d {options}")).fails(2);
        for part in parts {
            assert!(error.contains(part), "{file} {options}: {error}");
        }
        assert!(!place.path("d").exists(), "{file} {options}: {error}");
    }
}

/// Files and options with which some rows are left out, and the points as `query` prints them.
const READ: [(&str, &str, &str, &[&str]); 9] = [
    ("f.graphite", "a.b abc 1704067200\na.b 1 1704067260\n", "--skip-bad", &["a.b 2024-01-01T00:01:00Z 1"]),
    ("f.jsonl", "{\"time\":\n{\"time\":\"2024-01-01\",\"v\":1}\n", "--skip-bad", &["v 2024-01-01T00:00:00Z 1"]),
    ("f.prom", "x 1 1704067200\n", "--precision s", &["x 2024-01-01T00:00:00Z 1"]),
    (
        "f.csv",
        "time,v\n1704067200000,1\n1704067260,2\n",
        "--time time --time-format ms --skip-bad",
        &["v 2024-01-01T00:00:00Z 1"],
    ),
    (
        "f.csv",
        "time,v\n1704067200,1\n",
        "--time time --time-format ms --origin 1970-01-01",
        &["v 1970-01-20T17:21:07.2Z 1"],
    ),
    (
        "f.lp",
        "m f=1i 1704067200000000000\nm f=1.5 1704067200000000001\nm f=2i 1704067200000000002\n",
        "--skip-bad",
        &["m{_field=\"f\"} 2024-01-01T00:00:00Z 1", "m{_field=\"f\"} 2024-01-01T00:00:00.000000002Z 2"],
    ),
    (
        "f.txt",
        "# hostname;interval;timestamp;tps\nh;600;2024-06-01 00:10:00;5.0\n",
        "--time-zone Europe/Berlin",
        &["tps{host=\"h\"} 2024-05-31T22:10:00Z 5"],
    ),
    (
        "f.csv",
        "t,v\n60,1\n",
        "--time t --origin '2024-07-01 00:00' --time-zone Europe/Berlin",
        &["v 2024-06-30T22:01:00Z 1"],
    ),
    (
        "f.csv",
        "type,time,series,value\nf64,2024-01-01T00:00:00Z,\"x{a=\"\"b\"\"}\",NaN\n",
        "",
        &["x{a=\"b\"} 2024-01-01T00:00:00Z NaN"],
    ),
];

#[test]
fn the_option_of_a_refusal_works_when_followed() {
    for (file, text, options, expected) in READ {
        let place = Place::new();
        place.file(file, text);
        let ended = place.run(&format!("ingest {file} --db d {options}"));
        assert_eq!(ended.code, Some(0), "{file} {options}: {}{}", ended.out, ended.err);
        let found: Vec<String> = place.points("--db d '{}'").iter().map(|point| point.join(" ")).collect();
        assert_eq!(found, expected, "{file} {options}");
    }
}

#[test]
fn a_type_conflict_stops_at_its_line_and_goes_on_there() {
    let place = Place::new();
    place.file("f.lp", "m,h=0 v=1 1704067200000000000\nm,h=0 v=2i 1704067200000000001\nz v=1 1704067200000000001\n");
    let error = place.run("ingest f.lp --db d").fails(2);
    assert!(error.contains("f.lp line 2: series m{_field=\"v\",h=\"0\"} holds f64, not i64"), "{error}");
    assert!(error.contains("try --types v=f64") && error.ends_with("go on with --from-line 2"), "{error}");
    place.run("ingest f.lp --db d --types v=f64 --from-line 2").ok();
    assert_eq!(place.points("--db d '{}'").len(), 3);
    // A type that the database has is known, too.
    place.file("g.lp", "m,h=0 v=2i 1704067200000000001\nz v=3 1704067200000000002\n");
    let error = place.run("ingest g.lp --db d").fails(2);
    assert!(error.contains("g.lp line 1:") && error.ends_with("go on with --from-line 1"), "{error}");
    let out = place.run("ingest g.lp --db d --skip-bad").ok();
    assert!(out.contains("rows      1, 1 refused"), "{out}");
}

#[test]
fn json_that_is_cut_off_fails_behind_its_rows() {
    let place = Place::new();
    let rows = "[{\"time\":\"2024-01-01\",\"v\":1},";
    place.file("f.json", rows);
    let error = place.run("ingest f.json --db d").fails(2);
    assert!(
        error.contains("cut off") && error.contains("(1 in this run)") && error.contains("a new database"),
        "{error}"
    );
    let error = place.run_with_input("ingest - --db e", rows).fails(2);
    assert!(error.contains("cut off"), "{error}");
}

#[test]
fn a_dry_run_fails_where_the_ingest_would() {
    let place = Place::new();
    place.file("f.csv", "time,v\n2024-01-01,1\n2024-01-02,x\n");
    let error = place.run("sniff f.csv --values v").fails(2);
    assert!(error.contains("f.csv line 3: column v: \"x\" is not a number"), "{error}");
    place.run("sniff f.csv --values v --skip-bad").ok();
    place.file("g.lp", "m f=1i 1704067200000000000\nm f=1.5 1704067200000000001\n");
    assert!(place.run("ingest g.lp --db d --dry-run").fails(2).contains("g.lp line 2: series"));
}

#[test]
fn a_column_has_one_unit_to_its_end() {
    let place = Place::new();
    let rows: Vec<String> = (0..1_200).map(|row| format!("{row},{row} kB\n")).collect();
    let rows = rows.concat();
    place.file("f.csv", format!("t,v\n{rows}1200,1 MB\n1201,5\n1202,7kB\n"));
    let out = place.run("ingest f.csv --db d --time t --time-format s --units --skip-bad").ok();
    assert!(out.contains("rows      1,201, 2 refused"), "{out}");
    assert!(
        out.contains("line 1202: column v: \"1 MB\" has the unit \"MB\", and the column has the unit \"kB\""),
        "{out}"
    );
    assert!(out.contains("line 1203: column v: \"5\" has no unit"), "{out}");
}

#[test]
fn utf_16_is_read_by_every_format_of_text() {
    let utf16 = |text: &str| -> Vec<u8> {
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect()
    };
    let place = Place::new();
    place.file("f.jsonl", utf16("{\"time\":\"2024-01-01\",\"v\":1}\n{\"time\":\"2024-01-02\",\"v\":2}\n"));
    place.file("f.lp", utf16("m w=1 1704067200000000000\n"));
    place.run("ingest f.jsonl f.lp --db d").ok();
    assert_eq!(place.points("--db d '{}'").len(), 3);
    let mut odd = utf16("time,v\n2024-01-01,1\n");
    odd.push(0);
    place.file("odd.csv", odd);
    assert!(place.run("ingest odd.csv --db e").fails(2).contains("not valid UTF-16BE"));
}
