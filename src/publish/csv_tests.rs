use super::*;
use proptest::prelude::*;

fn read(input: &[u8]) -> Vec<(u64, Result<Value, BadLine>)> {
    read_with(input, 1000)
}

fn read_with(input: &[u8], limit: usize) -> Vec<(u64, Result<Value, BadLine>)> {
    let mut lines = LineReader::new(input, limit, false);
    let mut reader = CsvReader::open(&mut lines, limit).unwrap().unwrap();
    let mut rows = Vec::new();
    while let Some(record) = reader.next_record(&mut lines).unwrap() {
        let body = record
            .body
            .map(|bytes| serde_json::from_slice(&bytes).unwrap());
        rows.push((record.line, body));
    }
    rows
}

fn header_error(input: &str) -> String {
    let mut lines = LineReader::new(input.as_bytes(), 100, false);
    CsvReader::open(&mut lines, 100).unwrap_err().to_string()
}

#[test]
fn a_row_of_the_public_shop_data_set_becomes_a_bare_event() {
    let input = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n\
        2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde-8bb3-4e00-8c23-a032dfed738c\n";
    let expected = serde_json::json!({
        "event_time": "2019-10-01 00:00:00 UTC", "event_type": "view",
        "product_id": 44_600_062, "category_id": 2_103_807_459_595_387_724_i64,
        "brand": "shiseido", "price": 35.79, "user_id": 541_312_140,
        "user_session": "72d76fde-8bb3-4e00-8c23-a032dfed738c",
    });
    assert_eq!(read(input.as_bytes()), vec![(2, Ok(expected))]);
}

#[test]
fn only_plain_short_decimals_become_numbers() {
    for number in ["0", "-7", "12.50", "0.001", "9223372036854775807"] {
        assert!(value(number).is_number(), "{number}");
    }
    for text in [
        "007",
        "1e5",
        "+1",
        ".5",
        "5.",
        "-",
        "1.2.3",
        "NaN",
        "true",
        " 1",
        "9223372036854775808",
        "0.1234567890123456",
        "٣",
    ] {
        assert_eq!(value(text), Value::from(text), "{text}");
    }
}

#[test]
fn quotes_commas_and_line_ends_inside_a_cell_are_kept() {
    let rows = read(b"a,b\r\n\"x, \"\"y\"\"\",\"one\r\ntwo\"\r\n1,2\r\n");
    assert_eq!(
        rows,
        vec![
            (2, Ok(serde_json::json!({"a": "x, \"y\"", "b": "one\ntwo"}))),
            (4, Ok(serde_json::json!({"a": 1, "b": 2}))),
        ]
    );
}

#[test]
fn a_row_with_another_number_of_fields_is_bad_and_the_next_one_is_read() {
    let rows = read(b"\na,b\n1\n\n1,2,3\n1,2");
    let bad = |found| Err(BadLine::FieldCount { found, expected: 2 });
    assert_eq!(rows[0], (3, bad(1)));
    assert_eq!(rows[1], (5, bad(3)));
    assert_eq!(rows[2], (6, Ok(serde_json::json!({"a": 1, "b": 2}))));
}

#[test]
fn a_quote_that_is_never_closed_costs_no_more_than_the_limit() {
    assert_eq!(
        read(b"a,b\n1,\"x\n3,4\n5,6\n"),
        vec![(2, Err(BadLine::OpenQuote { last: 4 }))]
    );
    let mut input = b"a,b\n1,\"x\n".to_vec();
    for _ in 0..100 {
        input.extend_from_slice(b"3,4\n");
    }
    let rows = read_with(&input, 50);
    assert_eq!(rows[0], (2, Err(BadLine::TooLong { limit: 50 })));
    assert_eq!(rows[1].1, Ok(serde_json::json!({"a": 3, "b": 4})));
}

#[test]
fn a_latin_1_cell_is_a_bad_line() {
    let rows = read(b"brand\ncaf\xe9\nok\n");
    assert_eq!(rows[0].1.clone().unwrap_err().code(), "body-not-utf8");
    assert_eq!(rows[1].1, Ok(serde_json::json!({"brand": "ok"})));
}

#[test]
fn a_header_that_names_no_fields_is_refused() {
    assert_eq!(
        header_error("a,,b\n"),
        "column 2 of the CSV header has no name"
    );
    assert_eq!(
        header_error("a,b,a\n"),
        "the CSV header has the column 'a' twice"
    );
    for (header, found) in [
        ("a;b\n", "semicolons"),
        ("a\tb\n", "tabs"),
        ("a|b\n", "bars"),
    ] {
        assert_eq!(
            header_error(header),
            format!(
                "the CSV header is one column with {found} in it; cells are separated by commas"
            )
        );
    }
    assert!(
        CsvReader::open(&mut LineReader::new(b"\n".as_slice(), 9, false), 9)
            .unwrap()
            .is_none()
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_the_end_without_a_panic(input in proptest::collection::vec(
        prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), Just(b'1'), any::<u8>()], 0..200
    )) {
        let mut lines = LineReader::new(input.as_slice(), 20, false);
        if let Ok(Some(mut reader)) = CsvReader::open(&mut lines, 20) {
            let mut last = 0;
            while let Some(record) = reader.next_record(&mut lines).unwrap() {
                prop_assert!(record.line > last);
                last = record.line;
            }
            prop_assert_eq!(lines.offset(), u64::try_from(input.len()).unwrap());
        }
    }
}
