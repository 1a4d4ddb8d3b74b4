//! What a user did, as the reading statement of the processor's package answers it.

use std::cmp::Reverse;

use fanout_neo4j::Value;
use fanout_neo4j::store::Record;
use redb::{ReadableTable, WriteTransaction};

use super::error::Trouble;
use super::id::GraphId;
use super::interaction::Kind;
use super::property::{Property, Stored};
use super::statement::Given;
use super::table::{EDGES, PRODUCTS, USERS, time_out};

/// No record for a user who is not known, one without a relationship for one who did nothing.
pub(super) fn of_user(txn: &WriteTransaction, mut given: Given) -> Result<Vec<Record>, Trouble> {
    let user = GraphId::of_value(given.take("id")?)?.key();
    let limit = usize::try_from(given.int("limit")?).map_err(|_| Trouble::Type)?;
    let Some(deleted) = txn
        .open_table(USERS)?
        .get(user.as_slice())?
        .map(|d| d.value())
    else {
        return Ok(Vec::new());
    };
    let mut found = edges(txn, &user)?;
    if found.is_empty() {
        return Ok(vec![Record::new(vec![column(
            "deleted",
            Value::Bool(deleted),
        )])]);
    }
    found.sort_by(|a, b| {
        Reverse(a.last)
            .cmp(&Reverse(b.last))
            .then(a.order.cmp(&b.order))
    });
    found.truncate(limit);
    let products = txn.open_table(PRODUCTS)?;
    let records = found.into_iter().map(|edge| {
        let stored = products.get(edge.product.key().as_slice())?;
        let name = match stored {
            Some(stored) => name(Stored::decode(stored.value())?)?,
            None => Value::Null,
        };
        let mut columns = edge.columns;
        columns.push(column("deleted", Value::Bool(deleted)));
        columns.push(column("name", name));
        Ok(Record::new(columns))
    });
    records.collect()
}

struct Edge {
    product: GraphId,
    last: i128,
    /// Among those of the same instant: type, then the id's text.
    order: (&'static str, String),
    columns: Vec<(String, Value)>,
}

fn edges(txn: &WriteTransaction, user: &[u8]) -> Result<Vec<Edge>, Trouble> {
    let edges = txn.open_table(EDGES)?;
    let none: &[u8] = &[];
    let of_user = (user, 0, none)..(user, u8::MAX, none);
    let mut found = Vec::new();
    for edge in edges.range::<(&[u8], u8, &[u8])>(of_user)? {
        let (key, edge) = edge?;
        let (_, kind, product) = key.value();
        let (count, first, last, session) = edge.value();
        let relationship = Kind::of_number(kind)?.relationship();
        let product = GraphId::of_key(product)?;
        let session = session.map_or(Value::Null, Value::from);
        found.push(Edge {
            order: (relationship, product.to_string()),
            last,
            columns: vec![
                column("relationship", relationship.into()),
                column("product", value(&product)),
                column("count", Value::Int(count)),
                column("first_at", time_out(first)?.into()),
                column("last_at", time_out(last)?.into()),
                column("last_session", session),
            ],
            product,
        });
    }
    Ok(found)
}

fn name(mut stored: Stored) -> Result<Value, Trouble> {
    let name = stored.properties.remove("name").map(Property::value);
    Ok(name.transpose()?.unwrap_or(Value::Null))
}

fn value(id: &GraphId) -> Value {
    match id {
        GraphId::Int(number) => Value::Int(*number),
        GraphId::Text(text) => Value::Text(text.clone()),
    }
}

fn column(name: &str, value: Value) -> (String, Value) {
    (name.to_owned(), value)
}
