use proptest::prelude::*;
use timestrata::Value;

use super::*;
use crate::TextValues;
use crate::formats::test_support::{check_splits, decode, fragments, timed};

const EXAMPLE: &str = "#group,false,false,true,true,false,false,true,true,true
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string
#default,_result,,,,,,,,
,result,table,_start,_stop,_time,_value,_field,_measurement,host
,,0,2024-01-01T00:00:00Z,2024-01-01T01:00:00Z,2024-01-01T00:00:10Z,1.5,usage_user,cpu,a
,,0,2024-01-01T00:00:00Z,2024-01-01T01:00:00Z,2024-01-01T00:00:20Z,1.6,usage_user,cpu,a
,,1,2024-01-01T00:00:00Z,2024-01-01T01:00:00Z,2024-01-01T00:00:10Z,40,used_percent,mem,a
";

const AT_10: i64 = 1_704_067_210_000_000_000;

#[test]
fn the_shared_example_becomes_three_points() {
    let cpu = "cpu{_field=\"usage_user\",host=\"a\"}".to_owned();
    let expected = [
        (cpu.clone(), AT_10, Value::F64(1.5)),
        (cpu, AT_10 + 10_000_000_000, Value::F64(1.6)),
        ("mem{_field=\"used_percent\",host=\"a\"}".to_owned(), AT_10, Value::F64(40.0)),
    ];
    let decoded = decode(&AnnotatedCsv, &IngestOptions::default(), EXAMPLE.replace('\n', "\r\n").as_bytes());
    assert_eq!(decoded.lines, [5, 6, 7]);
    assert_eq!(decoded.good(), expected);
    assert_eq!(AnnotatedCsv.sniff(EXAMPLE.as_bytes()), Sniff::Certain);
    assert_eq!(AnnotatedCsv.sniff(b"# comment\ntime,v\n"), Sniff::No);
}

fn table(ty: &str, cell: &str) -> String {
    format!(
        "#datatype,string,long,dateTime:RFC3339,{ty},string,string\n#group,false,false,false,false,true,true\n\
         #default,_result,,,,,\n,result,table,_time,_value,_field,_measurement\n,,0,2024-01-01T00:00:10Z,{cell},value,m\n\n"
    )
}

#[test]
fn each_type_is_read_and_tables_follow_each_other() {
    let text: String =
        [("double", "-Inf"), ("long", "-3"), ("unsignedLong", "18446744073709551615"), ("boolean", "true")]
            .iter()
            .map(|(ty, cell)| table(ty, cell))
            .collect();
    let values: Vec<Value> =
        decode(&AnnotatedCsv, &timed(), text.as_bytes()).good().into_iter().map(|(_, _, value)| value).collect();
    let expected = [Value::F64(f64::NEG_INFINITY), Value::I64(-3), Value::U64(u64::MAX), Value::Bool(true)];
    assert_eq!(values, expected);
    assert_eq!(decode(&AnnotatedCsv, &timed(), table("double", "1").as_bytes()).good()[0].0, "m");
}

#[test]
fn a_pivoted_table_has_a_field_per_column() {
    let text = "#datatype,string,long,dateTime:RFC3339,string,string,double,long\n\
        #group,false,false,false,true,true,false,false\n#default,_result,,,,,,\n\
        ,result,table,_time,_measurement,host,user,n\n,,0,2024-01-01T00:00:10Z,cpu,\"a,\"\"b\",1.5,\n\
        ,,0,2024-01-01T00:00:10Z,cpu,,2,7\n";
    let decoded = decode(&AnnotatedCsv, &timed(), text.as_bytes());
    assert_eq!(decoded.notices, ["1 empty values were left out"]);
    let keys: Vec<String> = decoded.good().into_iter().map(|(key, _, _)| key).collect();
    assert_eq!(keys, ["cpu{_field=\"user\",host=\"a,\\\"b\"}", "cpu{_field=\"user\"}", "cpu{_field=\"n\"}"]);
}

#[test]
fn texts_and_mistakes_are_refused_by_line() {
    let refused = |text: &str| decode(&AnnotatedCsv, &timed(), text.as_bytes()).refused;
    assert!(refused(&table("string", "on"))[0].1.contains("is text"));
    let mut options = timed();
    options.text = TextValues::Skip;
    let skipped = decode(&AnnotatedCsv, &options, table("string", "on").as_bytes());
    assert_eq!((skipped.refused.len(), skipped.notices.len()), (0, 1));
    assert_eq!(refused(&table("long", "1.5"))[0].0, 5);
    assert!(refused(&table("double", "1,2"))[0].1.contains("8 cells"));
    let error = |text: &str| decode(&AnnotatedCsv, &timed(), text.as_bytes()).error.unwrap();
    assert_eq!(error(&format!("{EXAMPLE},\"x\ny")).line, Some(8));
    assert!(error(",result,table\n").message.contains("#datatype"));
    assert!(error("#datatype,string,string\n,error,reference\n,bad,\n").message.contains("error message"));
    assert!(error("#datatype,tag\n,x\n").message.contains("not supported"));
    assert!(error("#constant,x\n").message.contains("annotation"));
}

const FRAGMENTS: &[&str] = &[
    "#datatype,string,long,dateTime:RFC3339,double,string,string\n",
    "#group,false,false,false,false,true,true\n",
    "#default,_result,,,,,\n",
    ",result,table,_time,_value,_field,_measurement\n",
    ",,0,2024-01-01T00:00:10Z,1.5,value,m\n",
    ",",
    "\"",
    "\n",
    "\r\n",
    "#",
    "1",
];

proptest! {
    #[test]
    fn any_bytes_give_the_same_rows_however_they_are_split(
        input in fragments(FRAGMENTS),
        sizes in proptest::collection::vec(1..9_usize, 1..20),
        cut in 0..600_usize,
    ) {
        check_splits(&AnnotatedCsv, &input, &sizes);
        let start = &EXAMPLE.as_bytes()[..cut.min(EXAMPLE.len())];
        check_splits(&AnnotatedCsv, &[start, &input].concat(), &sizes);
    }
}
