use proptest::prelude::*;
use timestrata::{Value, ValueType};

use super::*;
use crate::formats::test_support::{Decoded, check_splits, decode, fragments};

fn read(text: &str, options: &IngestOptions) -> Decoded {
    decode(&Json, options, text.as_bytes())
}

const AT: i64 = 1_704_067_200_000_000_000;

#[test]
fn lines_arrays_and_wrapped_arrays_are_the_same_rows() {
    let rows = [
        r#"{"time":"2024-01-01T00:00:00Z","temp":20.5,"host":"a"}"#,
        r#"{"time":"2024-01-01T00:01:00Z","temp":"20.6","host":"a"}"#,
    ];
    let expected =
        [("temp".to_owned(), AT, Value::F64(20.5)), ("temp".to_owned(), AT + 60_000_000_000, Value::F64(20.6))];
    let joined = rows.join(",\n");
    for text in [
        rows.join("\n"),
        rows.concat(),
        format!("[{joined}]"),
        format!("{{\"status\":\"ok\",\"n\":[1],\"data\":[{joined}],\"next\":{{\"a\":[]}}}}"),
        format!("\u{FEFF}{{\"data\":\n[\n{joined}\n]\n}}\n"),
    ] {
        assert_eq!(read(&text, &IngestOptions::default()).good(), expected, "{text}");
        assert_ne!(Json.sniff(text.as_bytes()), Sniff::No, "{text}");
    }
    let mut options = IngestOptions::default();
    options.table.tags = vec!["host".to_owned()];
    assert_eq!(read(&rows.join("\n"), &options).good()[0].0, "temp{host=\"a\"}");
    assert_eq!(Json.sniff(b"time,v\n"), Sniff::No);
}

#[test]
fn rows_within_nested_objects_are_found() {
    let rows: Vec<String> = (1..=3).map(|v| format!("{{\"time\":\"2024-01-01T00:0{v}:00Z\",\"v\":{v}}}")).collect();
    let rows = rows.join(",");
    let nested =
        format!("{{\"in\":{{\"lat\":1,\"x\":[1]}},\"out\":{{\"hourly\":[{rows}]}},\"meta\":{{\"v\":[\"a\"]}}}}");
    assert_eq!(read(&nested, &IngestOptions::default()).good().len(), 3);
    let several = format!(
        "{{\"out\":{{\"months\":[{{\"month\":1}},{{\"month\":2}}],\"hourly\":[{rows}]}},\"more\":[{{\"a\":1}}]}}"
    );
    let error = read(&several, &IngestOptions::default()).error.unwrap();
    assert_eq!(error.suggestions[0].option, "rows");
    for name in ["hourly", "out.hourly"] {
        let mut options = IngestOptions::default();
        options.table.rows_member = Some(name.to_owned());
        assert_eq!(read(&several, &options).good().len(), 3);
    }
    // One object of a row keeps its members, arrays of one object among them.
    let one = "{\"time\":\"2024-01-01T00:00:00Z\",\"v\":1,\"m\":{\"a\":[{\"w\":2}]}}";
    assert_eq!(read(one, &IngestOptions::default()).good().len(), 2);
}

#[test]
fn the_whole_path_of_the_rows_is_compared() {
    let rows = |v: u8| {
        let row = |minute: u8| format!("{{\"time\":\"2024-01-01T00:0{minute}:00Z\",\"v\":{v}}}");
        format!("[{},{}]", row(0), row(1))
    };
    let cities = format!("{{\"rome\":{{\"hourly\":{}}},\"oslo\":{{\"x\":\"{{\",\"hourly\":{}}}}}", rows(1), rows(2));
    for (name, v) in [("rome.hourly", 1.0), ("oslo.hourly", 2.0)] {
        let points = read(&cities, &with_rows(name)).good();
        assert_eq!(points.iter().map(|(_, _, v)| *v).collect::<Vec<_>>(), [Value::F64(v); 2]);
    }
    let twice = format!("{{\"a\":{{\"b\":{}}},\"a.b\":{}}}", rows(1), rows(2));
    for (text, name) in [(&cities, "hourly"), (&twice, "a.b")] {
        let error = read(text, &with_rows(name)).error.unwrap();
        assert!(error.message.contains("two arrays"), "{error}");
    }
    for name in ["madrid.hourly", "oslo", "x", "hourly.oslo"] {
        let error = read(&cities, &with_rows(name)).error.unwrap();
        assert!(error.message.contains("rome.hourly, oslo.hourly"), "{error}");
    }
}

#[test]
fn a_dot_begins_the_path_of_an_outermost_array() {
    let rows = |v: u8| format!("[{{\"time\":\"2024-01-01\",\"v\":{v}}}]");
    let text = format!("{{\"data\":{},\"x\":{{\"data\":{}}}}}", rows(1), rows(2));
    let error = read(&text, &with_rows("data")).error.unwrap();
    assert!(error.message.starts_with(items::TWO_OF_NAME), "{error}");
    assert_eq!(error.suggestions.iter().map(|found| found.value.as_str()).collect::<Vec<_>>(), [".data", "x.data"]);
    for (name, v) in [(".data", 1.0), ("x.data", 2.0), (".x.data", 2.0)] {
        assert_eq!(read(&text, &with_rows(name)).good(), [("v".to_owned(), AT, Value::F64(v))], "{name}");
    }
}

#[test]
fn an_array_that_is_left_out_may_be_larger_than_a_row() {
    let row = "{\"time\":\"2024-01-01\",\"v\":1}";
    let large = format!("[{}]", vec!["[\"]\",{\"a\":2}]"; 200_000].join(","));
    assert!(large.len() > IngestOptions::default().limits.row_bytes);
    let numbers = format!("{{\"other\":{large},\"rows\":[{row}]}}");
    let objects = numbers.replacen("[[", "[{\"b\":1},[", 1);
    for (text, options) in [(&numbers, IngestOptions::default()), (&objects, with_rows("rows"))] {
        assert_eq!(read(text, &options).good().len(), 1);
    }
}

fn with_rows(name: &str) -> IngestOptions {
    let mut options = IngestOptions::default();
    options.table.rows_member = Some(name.to_owned());
    options
}

#[test]
fn one_row_within_nested_objects_is_read_as_two_are() {
    let named = |time: &str| {
        let mut options = IngestOptions::default();
        options.table.time = vec![time.to_owned()];
        options.table.time_format = crate::TimeFormat::Seconds;
        options
    };
    let row = "{\"time\":\"2024-01-01\",\"v\":1}";
    for (row, options) in
        [(row, IngestOptions::default()), ("{\"at\":1704067200,\"v\":1}", named("at")), (row, with_rows("hourly"))]
    {
        for rows in [row.to_owned(), format!("{row},{row}")] {
            let text = format!("{{\"n\":\"a\",\"out\":{{\"hourly\":[{rows}]}}}}");
            let points = read(&text, &options).good();
            assert!(points.iter().all(|point| *point == ("v".to_owned(), AT, Value::F64(1.0))), "{text}: {points:?}");
        }
    }
    let two = format!("{{\"out\":{{\"hourly\":[{row}],\"daily\":[{row}]}}}}");
    let error = read(&two, &IngestOptions::default()).error.unwrap();
    assert!(error.message.starts_with(items::SEVERAL_ARRAYS), "{error}");
    assert!(error.message.ends_with("out.hourly, out.daily"), "{error}");
    assert_eq!(error.suggestions.iter().map(|s| s.value.as_str()).collect::<Vec<_>>(), ["out.daily", "out.hourly"]);
}

#[test]
fn a_named_array_of_rows_is_refused_where_there_is_none() {
    let row = "{\"time\":\"2024-01-01\",\"v\":1}";
    for text in
        [format!("{row}\n{row}\n"), format!("[{row},{row}]"), row.to_owned(), format!("[{{\"hourly\":[{row}]}}]")]
    {
        let decoded = read(&text, &with_rows("hourly"));
        let error = decoded.error.unwrap();
        assert!(error.message.contains("no array of objects was found"), "{text}: {error}");
    }
}

#[test]
fn a_second_array_behind_the_sample_is_found_before_any_point() {
    let row = "{\"time\":\"2024-01-01\",\"v\":1}";
    let text = format!("{{\"a\":{{\"h\":[{}]}},\"b\":{{\"h\":[{row}]}}}}", vec![row; 3_000].join(","));
    for (options, message) in [(IngestOptions::default(), items::SEVERAL_ARRAYS), (with_rows("h"), items::TWO_OF_NAME)]
    {
        let mut planner = Json.planner(&options).unwrap();
        text.as_bytes().chunks(10_000).for_each(|piece| {
            planner.push(piece);
        });
        let error = planner.finish(true).err().unwrap();
        assert!(error.message.starts_with(message) && error.message.contains("a.h, b.h"), "{error}");
    }
    assert_eq!(read(&text, &with_rows("a.h")).points.len(), 3_000);
}

#[test]
fn a_member_that_comes_late_is_counted_and_kept_by_its_type() {
    let early = "{\"time\":\"2024-01-01T00:00:00Z\",\"v\":1}\n".repeat(1_000);
    let text = format!("{early}{{\"time\":\"2024-01-01T00:00:01Z\",\"v\":1,\"late\":2}}\n");
    let decoded = read(&text, &IngestOptions::default());
    assert_eq!(decoded.points.len(), 1_001);
    assert!(decoded.notices.iter().any(|notice| notice.contains("--types late=f64")), "{:?}", decoded.notices);
    let options = IngestOptions { types: vec![("late".to_owned(), ValueType::F64)], ..IngestOptions::default() };
    let decoded = read(&text, &options);
    assert_eq!(decoded.points.len(), 1_002);
    assert_eq!(decoded.notices, [""; 0]);
}

#[test]
fn an_option_that_names_a_column_which_the_rows_do_not_have_is_refused() {
    let text = "{\"time\":\"2024-01-01\",\"temp\":1,\"humidity\":2,\"station\":\"a\"}\n";
    let mut tags = IngestOptions::default();
    tags.table.tags = vec!["statoin".to_owned()];
    let mut values = IngestOptions::default();
    values.table.values = Some(vec!["temp".to_owned(), "humidty".to_owned()]);
    for (options, option, near) in [(tags, "tags", "station"), (values, "values", "humidity")] {
        let error = read(text, &options).error.unwrap();
        assert!(error.message.contains(&format!("did you mean {near}?")), "{error}");
        assert_eq!((error.suggestions[0].option, error.suggestions[0].value.as_str()), (option, near));
    }
}

#[test]
fn a_type_may_be_named_by_the_new_name_of_a_value_or_by_a_late_member() {
    let text = "{\"time\":\"2024-01-01T00:00:00Z\",\"temp\":1,\"m\":\"x\"}\n";
    let with_type = |name: &str| IngestOptions { types: vec![(name.to_owned(), ValueType::I64)], ..Default::default() };
    let mut options = with_type("temperature");
    options.table.values = Some(vec!["temp=temperature".to_owned()]);
    assert_eq!(read(text, &options).good(), [("temperature".to_owned(), AT, Value::I64(1))]);
    let mut options = with_type("late");
    options.table.values = Some(vec!["late=new".to_owned()]);
    let late = format!("{}{{\"time\":\"2024-01-01T00:00:00Z\",\"late\":2}}\n", text.repeat(1_000));
    assert_eq!(read(&late, &options).points, [("new".to_owned(), AT, Value::I64(2))]);
    let mut options = with_type("x");
    (options.table.metric, options.table.value) = (Some("m".to_owned()), Some("temp".to_owned()));
    assert_eq!(read(text, &options).good(), [("x".to_owned(), AT, Value::I64(1))]);
}

#[test]
fn an_export_keeps_its_series_if_a_type_is_given() {
    let text = "{\"series\":\"cpu\",\"type\":\"i64\",\"time\":\"2024-01-01T00:00:00Z\",\"value\":1}\n";
    let types = vec![("cpu".to_owned(), ValueType::F64)];
    let options = IngestOptions { types, ..IngestOptions::default() };
    let text = format!("{text}{}", text.replace("cpu", "up"));
    let names: Vec<String> = read(&text, &options).good().into_iter().map(|(key, _, _)| key).collect();
    assert_eq!(names, ["cpu", "up"]);
}

#[test]
fn nested_members_are_columns_and_null_is_missing() {
    let text = "{\"t\":{\"at\":\"2024-01-01T00:00:00Z\"},\"m\":{\"cpu\":{\"user\":1,\"sys\":null}},\"on\":true}\n\
        {\"t\":{\"at\":\"2024-01-01T00:00:00Z\"},\"m\":{\"cpu\":{\"sys\":2}}}\n";
    let mut options = IngestOptions::default();
    options.table.time = vec!["t.at".to_owned()];
    let decoded = read(text, &options);
    let names: Vec<String> = decoded.good().into_iter().map(|(key, _, _)| key).collect();
    assert_eq!(names, ["m.cpu.user", "on", "m.cpu.sys"]);
}

#[test]
fn whole_numbers_beyond_f64_need_a_type() {
    let text = "{\"time\":\"2024-01-01T00:00:00Z\",\"v\":9007199254740993}\n";
    let error = read(text, &IngestOptions::default()).error.unwrap();
    assert!(error.suggestions.iter().any(|s| s.option == "types"), "{error:?}");
    let types = vec![("v".to_owned(), ValueType::U64)];
    let options = IngestOptions { types, ..IngestOptions::default() };
    assert_eq!(read(text, &options).good()[0].2, Value::U64(9_007_199_254_740_993));
}

#[test]
fn a_damaged_line_is_refused_alone() {
    let row = "{\"time\":\"2024-01-01T00:00:00Z\",\"v\":1}\n";
    let decoded = read(&format!("{row}{{\"time\":\n\n7\n{row}"), &IngestOptions::default());
    assert_eq!((decoded.points.len(), decoded.lines.as_slice()), (2, [1, 5].as_slice()));
    assert_eq!(decoded.refused.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
    assert!(read("[]", &IngestOptions::default()).error.is_some());
    assert!(read("", &IngestOptions::default()).error.is_some());
}

#[test]
fn an_array_or_object_that_is_cut_off_is_an_error_behind_its_rows() {
    let row = "{\"time\":\"2024-01-01T00:00:00Z\",\"v\":1}";
    for text in [
        format!("[{row}"),
        format!("[{row},"),
        format!("[{row},\n"),
        format!("{{\"data\":[{row},{row}"),
        format!("{{\"data\":[{row},{row}]"),
        format!("{{\"data\":[{row},{row}],\"n"),
        format!("{{\"data\":[{row},{row}],\"n\":[1"),
    ] {
        // An object that is cut off within its array is planned by the whole of it.
        let mut options = IngestOptions::default();
        options.table.rows_member = text.starts_with('{').then(|| "data".to_owned());
        let decoded = read(&text, &options);
        let error = decoded.error.unwrap_or_else(|| panic!("{text}"));
        assert!(error.message.contains("cut off") && !decoded.points.is_empty(), "{text}: {error}");
    }
    let unnamed = read(&format!("{{\"data\":[{row},{row}"), &IngestOptions::default());
    assert!(unnamed.error.is_some() && unnamed.points.is_empty());
}

#[test]
fn columns_of_one_object_are_rows() {
    let time = "\"time\":[\"2024-01-01T00:00\",\"2024-01-01T00:01\"]";
    let columns = format!("{{\"lat\":52.5,\"units\":{{\"t\":\"C\"}},\"hourly\":{{{time},\"t\":[1.5,null]}}}}");
    assert_eq!(read(&columns, &IngestOptions::default()).good(), [("t".to_owned(), AT, Value::F64(1.5))]);
    assert_eq!(read(&format!("{{{time},\"v\":[1,2]}}"), &IngestOptions::default()).good().len(), 2);
    let two = format!("{{\"hourly\":{{{time},\"t\":[1,2]}},\"daily\":{{{time},\"u\":[3,4]}}}}");
    let error = read(&two, &IngestOptions::default()).error.unwrap();
    assert!(error.message.contains("hourly, daily"), "{error}");
    assert_eq!(read(&two, &with_rows("daily")).good()[0].0, "u");
    // A line of columns has no time of its own.
    let lines = format!("{{{time},\"v\":[1,2]}}\n{{{time},\"v\":[3,4]}}\n");
    let error = read(&lines, &IngestOptions::default()).error.unwrap();
    assert!(error.message.contains("rows within rows") && error.suggestions.is_empty(), "{error}");
}

#[test]
fn rows_within_rows_are_refused_by_name() {
    let site = "{\"site\":\"a\",\"values\":[{\"at\":\"2024-01-01\",\"v\":1},{\"at\":\"2024-01-02\",\"v\":2}]}";
    for text in [format!("{site}\n{site}\n"), format!("[{site},{site}]")] {
        let error = read(&text, &IngestOptions::default()).error.unwrap();
        assert!(error.message.contains("\"values.at\""), "{error}");
    }
    let late = format!("{{\"at\":\"2024-01-01\",\"v\":1}}\n{site}\n");
    assert_eq!(read(&late, &IngestOptions::default()).refused.len(), 1);
}

#[test]
fn strings_of_digits_that_identify_are_no_values() {
    let row = "{\"time\":\"2024-01-01T00:00:00Z\",\"v\":\"1\",\"code\":\"03339000\",\"site\":{\"id\":\"7\"}}\n";
    let points = read(row, &IngestOptions::default()).good();
    assert_eq!(points, [("v".to_owned(), AT, Value::F64(1.0))]);
    let options = IngestOptions { types: vec![("site.id".to_owned(), ValueType::U64)], ..IngestOptions::default() };
    assert_eq!(read(row, &options).good().len(), 2);
}

#[test]
fn members_that_are_there_twice_refuse_their_row() {
    for row in [r#""v":1,"v":2"#, r#""a.b":1,"a":{"b":2}"#, r#""h":"\ud83d","v":1"#] {
        let good = "{\"time\":\"2024-01-01\",\"v\":1,\"a\":{\"b\":1}}";
        let text = format!("{good}\n{{\"time\":\"2024-01-01\",{row}}}\n");
        let decoded = read(&text, &IngestOptions::default());
        assert_eq!(decoded.refused.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2], "{row}");
    }
}

#[test]
fn a_damaged_first_line_does_not_affect_the_others() {
    let row = "{\"time\":\"2024-01-01T00:00:00Z\",\"v\":1}";
    for first in ["{\"time\":\"2024", "{\"time\":\"2024\",\"v\":1", "no object"] {
        let decoded = read(&format!("{first}\n{row}\n{row}\n"), &IngestOptions::default());
        assert_eq!((decoded.points.len(), decoded.refused.len()), (2, 1), "{first}: {decoded:?}");
    }
}

const FRAGMENTS: &[&str] = &[
    "{\"time\":\"2024-01-01T00:00:00Z\",\"v\":1}",
    "{\"time\":\"2024-01-01T00:01:00Z\",\"v\":null,\"w\":{\"x\":2}}",
    "[",
    "]",
    "\n",
    ",",
    "{\"data\":[",
    "}",
    "\"",
    "\\",
    " ",
    "7",
];

proptest! {
    #[test]
    fn any_bytes_give_the_same_rows_however_they_are_split(
        input in fragments(FRAGMENTS),
        sizes in proptest::collection::vec(1..9_usize, 1..20),
    ) {
        check_splits(&Json, &input, &sizes);
        let start = b"{\"time\":\"2024-01-01T00:00:00Z\",\"v\":1}\n".as_slice();
        check_splits(&Json, &[start, &input].concat(), &sizes);
        Json.sniff(&input);
    }

    #[test]
    fn a_planner_that_gets_pieces_decides_as_one_that_gets_all(input in fragments(FRAGMENTS), size in 1..9_usize) {
        let finish = |size: usize| {
            let mut planner = Json.planner(&IngestOptions::default()).unwrap();
            input.chunks(size).for_each(|piece| { planner.push(piece); });
            planner.finish(true).map(|decoder| decoder.understanding().clone())
        };
        prop_assert_eq!(finish(size), finish(input.len().max(1)));
    }
}
