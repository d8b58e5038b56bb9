//! Runs each format and each option of docs/ingest.md on a small file.

use crate::common::Place;

/// An input, options, and the points as `query` prints them.
type Example = (&'static [u8], &'static str, &'static [&'static str]);

const EXAMPLES: [Example; 48] = [
    (b"time;v\n2024-01-01;1\n", "", &["v 2024-01-01T00:00:00Z 1"]),
    (b"time|v\n2024-01-01|1\n", "--delimiter '|'", &["v 2024-01-01T00:00:00Z 1"]),
    (b"time  v\n2024-01-01T10:00   1\n", "--delimiter spaces", &["v 2024-01-01T10:00:00Z 1"]),
    (b"time     v\n2024-01-01 10:00  1\n", "", &["v 2024-01-01T10:00:00Z 1"]),
    (b"made by x\n\"a\n\ntime,v\n2024-01-01,1\n", "--header-line 4", &["v 2024-01-01T00:00:00Z 1"]),
    (b"2024-01-01,1\n", "--no-header --columns time,v", &["v 2024-01-01T00:00:00Z 1"]),
    (b"Rome\n41.9 N\n2024-01-01,1\n", "--skip-lines 2 --no-header --columns time,v", &["v 2024-01-01T00:00:00Z 1"]),
    (b"time,x,x\n2024-01-01,1,2\n", "--columns time,a,b", &["a 2024-01-01T00:00:00Z 1", "b 2024-01-01T00:00:00Z 2"]),
    (b"// x\ntime,v\n// y\n2024-01-01,1\n", "--comment //", &["v 2024-01-01T00:00:00Z 1"]),
    (b"time,v\n,kW\n2024-01-01,1\n", "--skip-after-header 1", &["v 2024-01-01T00:00:00Z 1"]),
    (b"time,v\xb5\n2024-01-01,1\n", "--encoding latin1", &["v\u{b5} 2024-01-01T00:00:00Z 1"]),
    (
        b"\xff\xfet\0i\0m\0e\0,\0v\0\n\x002\x000\x002\x004\0-\x000\x001\0-\x000\x001\0,\x001\0",
        "",
        &["v 2024-01-01T00:00:00Z 1"],
    ),
    (b"time,v\r2024-01-01,1\r", "", &["v 2024-01-01T00:00:00Z 1"]),
    (b"day,clock,v\n2024-01-01,10:00,1\n", "--time day,clock", &["v 2024-01-01T10:00:00Z 1"]),
    (b"y,m,d,h,v\n2024,1,31,24,1\n", "--time y,m,d,h", &["v 2024-02-01T00:00:00Z 1"]),
    (b"Year,v\n1950.0,1\n", "--time Year", &["v 1950-01-01T00:00:00Z 1"]),
    (b"Year,DOY,hhmm,v\n2018,291,2359,1\n", "--time Year,DOY,hhmm", &["v 2018-10-18T23:59:00Z 1"]),
    (b"month,day,hour,v\n2,29,1,1\n", "--time month,day,hour --year 2024", &["v 2024-02-29T01:00:00Z 1"]),
    (b"time,o,v\n2024-01-01,NA,1\n", "--tags o=origin", &["v{origin=\"NA\"} 2024-01-01T00:00:00Z 1"]),
    (b"time,a b,c\n2024-01-01,1,2\n", "--values 'a b=power'", &["power 2024-01-01T00:00:00Z 1"]),
    (b"time,a,b\n2024-01-01,1,2\n", "--values-except b", &["a 2024-01-01T00:00:00Z 1"]),
    (
        b"time,n,x\n2024-01-01,a,1\n2024-01-01,b,2\n",
        "--metric n --value x --prefix p_",
        &["p_a 2024-01-01T00:00:00Z 1", "p_b 2024-01-01T00:00:00Z 2"],
    ),
    (b"time,v\n2024-01-01,18446744073709551615\n", "--types v=u64", &["v 2024-01-01T00:00:00Z 18446744073709551615"]),
    (
        b"time,v\n2024-01-01,-9999\n2024-01-02,gone\n2024-01-03,1\n",
        "--missing -9999.0,gone",
        &["v 2024-01-03T00:00:00Z 1"],
    ),
    (b"time;v\n2024-01-01;1.234,5\n", "--decimal , --thousands .", &["v 2024-01-01T00:00:00Z 1234.5"]),
    (b"time,v\n2024-01-01,45 %\n", "--units", &["v 2024-01-01T00:00:00Z 45"]),
    (b"time,v\n2024-01-01,yes\n", "", &["v 2024-01-01T00:00:00Z true"]),
    (b"time,v\n31/01/2024 10:00,1\n", "", &["v 2024-01-31T10:00:00Z 1"]),
    (b"time,v\n02/01/2024,1\n", "--time-format %d/%m/%Y", &["v 2024-01-02T00:00:00Z 1"]),
    (b"t,v\n2024-01-01T00:00:00+01:00,1\n", "--time-format rfc3339", &["v 2023-12-31T23:00:00Z 1"]),
    (b"t,v\n1704067200.5,1\n", "--time t --time-format s", &["v 2024-01-01T00:00:00.5Z 1"]),
    (b"t,v\n1704067200500,1\n", "--time t --time-format ms", &["v 2024-01-01T00:00:00.5Z 1"]),
    (b"t,v\n1704067200500000,1\n", "--time t --time-format us", &["v 2024-01-01T00:00:00.5Z 1"]),
    (b"t,v\n1704067200500000000,1\n", "--time t --time-format ns", &["v 2024-01-01T00:00:00.5Z 1"]),
    (b"t,v\n45292.5,1\n", "--time t --time-format excel", &["v 2024-01-01T12:00:00Z 1"]),
    (b"p,v\n2024-01-01/2024-02-01,1\n", "--time p --time-format period-start", &["v 2024-01-01T00:00:00Z 1"]),
    (b"p,v\n2024-01-01/2024-02-01,1\n", "--time p --time-format period-end", &["v 2024-02-01T00:00:00Z 1"]),
    (b"t,v\n2024-07-01 00:00,1\n", "--time-zone Europe/Berlin", &["v 2024-06-30T22:00:00Z 1"]),
    (b"t,tz,v\n2024-07-01 00:00,-0500,1\n", "", &["v 2024-07-01T05:00:00Z 1"]),
    (b"t,tz,v\n2024-07-01 00:00,CDT,1\n", "--time-zone America/Chicago", &["v 2024-07-01T05:00:00Z 1"]),
    (b"t,tz,v\n2024-07-01 00:00,CDT,1\n", "--values-except tz", &["v 2024-07-01T00:00:00Z 1"]),
    (b"t,v\n2024-07-01T00:00[Asia/Tokyo],1\n", "--time-zone Europe/Berlin", &["v 2024-06-30T15:00:00Z 1"]),
    (b"t,v\n0 days 00:00:01,1\n", "--time t --origin 2024-01-01", &["v 2024-01-01T00:00:01Z 1"]),
    (b"t,v\n1999-01-01,1\n2024-01-01,2\n", "--refuse-before 2000-01-01 --skip-bad", &["v 2024-01-01T00:00:00Z 2"]),
    (b"t,v\n2024-01-01,1\n2024-01-02,2\n", "--from-line 3", &["v 2024-01-02T00:00:00Z 2"]),
    (b"t,v\n2024-01-01,1\n2024-01-01,2\n", "--duplicates last", &["v 2024-01-01T00:00:00Z 2"]),
    (
        b"{\"a\":[{\"n\":1}],\"b\":{\"c\":[{\"time\":\"2024-01-01\",\"v\":1},{\"time\":\"2024-01-02\",\"v\":2}]}}",
        "--format json --rows c",
        &["v 2024-01-01T00:00:00Z 1", "v 2024-01-02T00:00:00Z 2"],
    ),
    (
        b"series,type,time,value\nn,i64,2024-01-01T00:00:00Z,1\nx,f64,2024-01-01T00:00:00Z,NaN\n",
        "",
        &["n 2024-01-01T00:00:00Z 1", "x 2024-01-01T00:00:00Z NaN"],
    ),
];

#[test]
fn each_option_of_ingest_does_what_is_documented() {
    for (input, options, expected) in EXAMPLES {
        let place = Place::new();
        place.file("f.csv", input);
        let ended = place.run(&format!("ingest f.csv --db d {options}"));
        assert_eq!(ended.code, Some(0), "{options}: {}{}", ended.out, ended.err);
        let found: Vec<String> = place.points("--db d '{}'").iter().map(|point| point.join(" ")).collect();
        assert_eq!(found, expected, "{options}");
    }
}

/// A format, its options, an input, and the points as `query` prints them.
type FormatExample = (&'static str, &'static str, &'static [u8], &'static [&'static str]);

const FORMATS: [FormatExample; 12] = [
    ("csv", "", b"time,v\n2024-01-01,1\n", &["v 2024-01-01T00:00:00Z 1"]),
    (
        "json",
        "",
        b"{\"time\":\"2024-01-01\",\"a\":{\"b\":1}}\n{\"time\":\"2024-01-02\",\"a\":{\"b\":2}}\n",
        &["a.b 2024-01-01T00:00:00Z 1", "a.b 2024-01-02T00:00:00Z 2"],
    ),
    (
        "line-protocol",
        "--precision s",
        b"cpu,host=a value=1,user=2i 1704067200\n",
        &["cpu{_field=\"user\",host=\"a\"} 2024-01-01T00:00:00Z 2", "cpu{host=\"a\"} 2024-01-01T00:00:00Z 1"],
    ),
    (
        "annotated-csv",
        "",
        b"#datatype,string,long,dateTime:RFC3339,double,string,string\n#group,false,false,false,false,true,true\n\
          #default,_result,,,,,\n,result,table,_time,_value,_field,_measurement\n\
          ,,0,2024-01-01T00:00:00Z,1.5,value,cpu\n",
        &["cpu 2024-01-01T00:00:00Z 1.5"],
    ),
    ("prometheus", "", b"up{job=\"a\"} 1 1704067200000\n", &["up{job=\"a\"} 2024-01-01T00:00:00Z 1"]),
    ("openmetrics", "", b"# TYPE up gauge\nup 1 1704067200\n# EOF\n", &["up 2024-01-01T00:00:00Z 1"]),
    ("graphite", "", b"a.b;host=x 1.5 1704067200\n", &["a.b{host=\"x\"} 2024-01-01T00:00:00Z 1.5"]),
    ("statsd", "--time now", b"hits:1|c|@0.1|#host:x\n", &["hits{"]),
    ("collectd", "", b"PUTVAL \"h/cpu-0/cpu-idle\" interval=10 1704067200:1.5\n", &["cpu{"]),
    (
        "collectd-json",
        "",
        b"[{\"values\":[1.5],\"dstypes\":[\"gauge\"],\"dsnames\":[\"value\"],\"time\":1704067200,\"interval\":10,\
          \"host\":\"h\",\"plugin\":\"load\",\"plugin_instance\":\"\",\"type\":\"load\",\"type_instance\":\"\"}]",
        &["load{"],
    ),
    (
        "sadf",
        "",
        b"# hostname;interval;timestamp;CPU;%user;%idle\nh;10;2024-01-01 00:00:00 UTC;-1;1.5;98.5\n",
        &["%idle{", "%user{"],
    ),
    ("sadf-p", "", b"h\t10\t2024-01-01 00:00:00 UTC\tall\t%user\t1.5\n", &["%user{"]),
];

#[test]
fn each_format_is_read_by_its_name_and_by_its_ending() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ingest.md");
    let text = std::fs::read_to_string(path).unwrap();
    let table = text.split("\n## ").find(|section| section.starts_with("Formats")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `") && !line.starts_with("| `--"));
    let mut documented = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let endings: Vec<&str> = cells[2].split(", ").filter(|ending| !ending.is_empty()).collect();
        for name in cells[1].split(", ") {
            documented.push((name.trim_matches('`').to_owned(), endings.clone()));
        }
    }
    let names: Vec<&str> = FORMATS.iter().map(|example| example.0).collect();
    assert_eq!(documented.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names);
    for (name, options, input, expected) in FORMATS {
        let (_, endings) = documented.iter().find(|(of, _)| of == name).unwrap();
        let by_name = ("f.data".to_owned(), format!("--format {name} {options}"));
        let by_ending = endings.iter().map(|ending| (format!("f.{ending}"), options.to_owned()));
        for (file, options) in std::iter::once(by_name).chain(by_ending) {
            let place = Place::new();
            place.file(&file, input);
            let ended = place.run(&format!("ingest {file} --db d {options}"));
            assert_eq!(ended.code, Some(0), "{file} {options}: {}{}", ended.out, ended.err);
            let found: Vec<String> = place.points("--db d '{}'").iter().map(|point| point.join(" ")).collect();
            assert_eq!(found.len(), expected.len(), "{file} {options}: {found:?}");
            for (point, start) in found.iter().zip(expected) {
                assert!(point.starts_with(start), "{file} {options}: {point} {start}");
            }
        }
    }
}
