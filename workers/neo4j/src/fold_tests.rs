use super::*;
use crate::cypher::INTERACTIONS;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;

/// An interaction: user, product, second, session.
type Seen = (i64, i64, i64, Option<u8>);

fn interactions(events: &[Seen]) -> Vec<Row> {
    let row = |(slot, (user, product, second, session)): (usize, &Seen)| {
        let at = Value::Time(Timestamp::from_second(*second).unwrap());
        let session = session.map(|session| Value::Text(session.to_string()));
        Row {
            columns: vec![
                Value::Int(*user),
                Value::Int(*product),
                Value::Int(1),
                at.clone(),
                at,
                session.unwrap_or(Value::Null),
            ],
            slots: vec![slot],
        }
    };
    events.iter().enumerate().map(row).collect()
}

/// The rows without the order of their slots.
fn columns(prepared: Prepared) -> Vec<(Vec<Value>, Vec<usize>)> {
    let rows = prepared.rows.into_iter();
    rows.map(|mut row| {
        row.slots.sort_unstable();
        (row.columns, row.slots)
    })
    .collect()
}

fn seen() -> impl Strategy<Value = Vec<Seen>> {
    let one = (0..4_i64, 0..3_i64, -3..4_i64, proptest::option::of(0..3_u8));
    proptest::collection::vec(one, 0..60)
}

/// What an event says of a product: product, second, a value for each property.
type Said = (i64, i64, [Option<i64>; 4]);

fn said() -> impl Strategy<Value = Vec<Said>> {
    let value = || proptest::option::of(0..9_i64);
    let one = (0..3_i64, 0..4_i64, [value(), value(), value(), value()]);
    proptest::collection::vec(one, 0..40)
}

/// Of events of one second the later in the list is the newer.
fn mark(slot: usize, second: i64) -> String {
    format!("{second:016x}{slot:016x}")
}

fn says((slot, (product, second, values)): (usize, &Said)) -> Row {
    let mut columns = vec![Value::Int(*product), Value::Text(mark(slot, *second))];
    columns.extend(values.map(Value::from));
    columns.push(Value::Null);
    Row {
        columns,
        slots: vec![slot],
    }
}

/// The mark of each property of a row, empty where it says nothing.
fn marks_of(row: &Row) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        _ => String::new(),
    };
    match &row.columns[6] {
        Value::List(marks) => marks.iter().map(text).collect(),
        _ => row.columns[2..6]
            .iter()
            .map(|value| match value {
                Value::Null => String::new(),
                _ => text(&row.columns[1]),
            })
            .collect(),
    }
}

proptest! {
    #[test]
    fn the_order_of_arrival_does_not_show_in_folded_interactions(events in seen(), turns in proptest::collection::vec(any::<(Index, Index)>(), 20)) {
        let rows = interactions(&events);
        let mut shuffled = rows.clone();
        for (a, b) in turns {
            if !shuffled.is_empty() {
                let (a, b) = (a.index(shuffled.len()), b.index(shuffled.len()));
                shuffled.swap(a, b);
            }
        }
        let statement = &INTERACTIONS[0];
        prop_assert_eq!(columns(fold(statement, rows)), columns(fold(statement, shuffled)));
    }

    #[test]
    fn folding_loses_no_event_and_keeps_the_extremes(events in seen()) {
        let prepared = fold(&INTERACTIONS[0], interactions(&events));
        prop_assert!(prepared.superseded.is_empty());
        let mut slots = Vec::new();
        for row in &prepared.rows {
            let (Value::Int(user), Value::Int(product)) = (&row.columns[0], &row.columns[1]) else { unreachable!() };
            let of_pair: Vec<_> = events.iter().filter(|e| (e.0, e.1) == (*user, *product)).collect();
            let seconds = || of_pair.iter().map(|e| e.2);
            let time = |second: Option<i64>| Value::Time(Timestamp::from_second(second.unwrap()).unwrap());
            let latest = seconds().max();
            let session = of_pair.iter().filter(|e| Some(e.2) == latest).map(|e| e.3).max().flatten();
            prop_assert_eq!(&row.columns[2], &Value::Int(i64::try_from(of_pair.len()).unwrap()));
            prop_assert_eq!(&row.columns[3], &time(seconds().min()));
            prop_assert_eq!(&row.columns[4], &time(latest));
            prop_assert_eq!(&row.columns[5], &Value::from(session.map(|s| s.to_string())));
            slots.extend_from_slice(&row.slots);
        }
        slots.sort_unstable();
        prop_assert_eq!(slots, (0..events.len()).collect::<Vec<_>>());
    }

    #[test]
    fn of_one_product_only_the_newest_version_is_sent(versions in proptest::collection::vec((0..4_i64, 0..50_u8), 0..40)) {
        let rows = versions.iter().enumerate().map(|(slot, (product, version))| Row {
            columns: vec![Value::Int(*product), Value::Text(format!("v{version:03}")), Value::Null],
            slots: vec![slot],
        });
        let prepared = fold(&INTERACTIONS[4], rows.collect());
        for row in &prepared.rows {
            let newest = versions.iter().filter(|(p, _)| Value::Int(*p) == row.columns[0]).map(|(_, v)| *v).max();
            prop_assert_eq!(&row.columns[1], &Value::Text(format!("v{:03}", newest.unwrap())));
        }
        prop_assert_eq!(prepared.rows.len() + prepared.superseded.len(), versions.len());
    }

    /// Of each property the value of the newest event that has one, in whatever order, folded
    /// at once or by parts.
    #[test]
    fn of_what_is_said_of_a_product_the_newest_of_each_property_is_sent(
        said in said(), turns in proptest::collection::vec(any::<(Index, Index)>(), 20), cut in any::<Index>(),
    ) {
        let statement = &INTERACTIONS[6];
        let rows: Vec<Row> = said.iter().enumerate().map(says).collect();
        let mut shuffled = rows.clone();
        for (a, b) in turns {
            if !shuffled.is_empty() {
                let (a, b) = (a.index(shuffled.len()), b.index(shuffled.len()));
                shuffled.swap(a, b);
            }
        }
        let parts = shuffled.split_at(cut.index(shuffled.len() + 1));
        let parts = [parts.0, parts.1].map(|part| fold(statement, part.to_vec()).rows);
        let folded = fold(statement, rows);
        prop_assert!(folded.superseded.is_empty());
        for row in &folded.rows {
            let of_product = said.iter().enumerate().filter(|(_, s)| Value::Int(s.0) == row.columns[0]);
            for property in 0..4 {
                let newest = of_product.clone()
                    .filter_map(|(slot, s)| Some((mark(slot, s.1), s.2[property]?)))
                    .max();
                let (at, value) = newest.map_or((String::new(), Value::Null), |(at, value)| (at, value.into()));
                prop_assert_eq!(&row.columns[2 + property], &value);
                prop_assert_eq!(&marks_of(row)[property], &at);
            }
        }
        prop_assert_eq!(columns(folded), columns(fold(statement, parts.concat())));
    }

    #[test]
    fn requests_keep_every_item_in_order_and_stay_below_the_bound(lengths in proptest::collection::vec(1..3000_usize, 0..60)) {
        let (bytes, cypher) = (8128, "x".repeat(700));
        let requests = requests(lengths.clone(), bytes, &cypher, |len| *len);
        for request in &requests {
            prop_assert!(!request.is_empty());
            prop_assert!(request.iter().sum::<usize>() + cypher.len() < bytes);
        }
        prop_assert_eq!(requests.concat(), lengths);
    }
}

#[test]
fn integers_and_texts_are_different_keys() {
    let row = |key: Value| Row {
        columns: vec![key],
        slots: vec![0],
    };
    let prepared = fold(
        &INTERACTIONS[5],
        vec![row("1".into()), row(1.into()), row("1".into())],
    );
    assert_eq!(prepared.rows.len(), 2);
}

/// A statement of another shape than its fold expects must not lose rows.
#[test]
fn rows_that_cannot_be_folded_stay_apart() {
    let row = |slot| Row {
        columns: vec![1.into(), 2.into(), "x".into()],
        slots: vec![slot],
    };
    assert_eq!(fold(&INTERACTIONS[0], vec![row(0), row(1)]).rows.len(), 2);
}

#[test]
fn an_item_beyond_the_bound_goes_alone() {
    let requests = requests(vec![10, 100_000, 10], 8128, "", |len| *len);
    assert_eq!(requests, [vec![10], vec![100_000], vec![10]]);
}
