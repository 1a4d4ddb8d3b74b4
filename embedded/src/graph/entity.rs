//! Products and the end of users.

use fanout_neo4j::Value;
use fanout_neo4j::cypher::SEEN_PROPERTIES;
use fanout_neo4j::store::Record;
use redb::{ReadableTable, WriteTransaction};

use super::error::Trouble;
use super::id::GraphId;
use super::interaction::{erase, merge_user};
use super::property::{Property, Stored};
use super::statement::{Given, answer};
use super::table::{EDGES, PRODUCTS, USERS};

/// Rows `[product, version, properties or null]`; only what is newer is written.
pub(super) fn product(txn: &WriteTransaction, mut given: Given) -> Result<Record, Trouble> {
    let mut products = txn.open_table(PRODUCTS)?;
    let rows = given.list("rows")?;
    let (done, mut skipped) = (rows.len(), Vec::new());
    for (number, row) in rows.into_iter().enumerate() {
        let Value::List(columns) = row else {
            return Err(Trouble::Type);
        };
        let [id, version, properties] =
            <[Value; 3]>::try_from(columns).map_err(|_| Trouble::Type)?;
        let Value::Text(version) = version else {
            return Err(Trouble::Type);
        };
        let key = GraphId::of_value(id)?.key();
        let before = products.get(key.as_slice())?;
        let before = before.map(|stored| Stored::decode(stored.value()));
        let newest = before.transpose()?.and_then(|stored| stored.version);
        if newest.is_some_and(|newest| newest >= version) {
            skipped.push(number);
            continue;
        }
        let stored = replaced(version, properties)?.encode()?;
        products.insert(key.as_slice(), stored.as_slice())?;
    }
    Ok(answer(done, &skipped))
}

fn replaced(version: String, properties: Value) -> Result<Stored, Trouble> {
    let version = Some(version);
    let given = match properties {
        Value::Map(given) => given,
        Value::Null => {
            return Ok(Stored {
                version,
                deleted: true,
                ..Stored::default()
            });
        }
        _ => return Err(Trouble::Type),
    };
    let mut properties = std::collections::BTreeMap::new();
    for (name, value) in given {
        if let Some(property) = Property::of(value)? {
            properties.insert(name, property);
        }
    }
    Ok(Stored {
        version,
        properties,
        ..Stored::default()
    })
}

/// Rows `[product, mark, a value or null for each property, marks or null]`: of each property
/// the value with the greatest mark, as long as there is no version.
pub(super) fn product_seen(txn: &WriteTransaction, mut given: Given) -> Result<Record, Trouble> {
    let mut products = txn.open_table(PRODUCTS)?;
    let rows = given.list("rows")?;
    let (done, mut skipped) = (rows.len(), Vec::new());
    for (number, row) in rows.into_iter().enumerate() {
        let Value::List(columns) = row else {
            return Err(Trouble::Type);
        };
        let [id, mark, price, category_id, category_code, brand, marks] =
            <[Value; 7]>::try_from(columns).map_err(|_| Trouble::Type)?;
        let key = GraphId::of_value(id)?.key();
        let before = products.get(key.as_slice())?;
        let before = before.map(|stored| Stored::decode(stored.value()));
        let mut stored = before.transpose()?.unwrap_or_default();
        let says = [price, category_id, category_code, brand];
        if !stored.take_over(says, &marks_of(mark, marks)?)? {
            skipped.push(number);
        }
        products.insert(key.as_slice(), stored.encode()?.as_slice())?;
    }
    Ok(answer(done, &skipped))
}

/// A mark for each property.
fn marks_of(mark: Value, marks: Value) -> Result<[String; 4], Trouble> {
    let text = |value| match value {
        Value::Text(text) => Ok(text),
        _ => Err(Trouble::Type),
    };
    match marks {
        Value::Null => {
            let mark = text(mark)?;
            Ok(std::array::from_fn(|_| mark.clone()))
        }
        Value::List(marks) => {
            let marks: Vec<_> = marks.into_iter().map(text).collect::<Result<_, _>>()?;
            marks.try_into().map_err(|_| Trouble::Type)
        }
        _ => Err(Trouble::Type),
    }
}

impl Stored {
    /// Takes what is newer; answers whether anything is.
    fn take_over(&mut self, says: [Value; 4], marks: &[String; 4]) -> Result<bool, Trouble> {
        if self.version.is_some() {
            return Ok(false);
        }
        self.seen.resize(marks.len(), String::new());
        let mut newer = false;
        let said = SEEN_PROPERTIES.iter().zip(says).zip(marks);
        for (((name, value), mark), seen) in said.zip(&mut self.seen) {
            if mark > seen
                && let Some(property) = Property::of(value)?
            {
                self.properties.insert((*name).to_owned(), property);
                seen.clone_from(mark);
                newer = true;
            }
        }
        Ok(newer)
    }
}

/// Rows `[user]`: erases what they did, and remembers that they are gone.
pub(super) fn user_deleted(txn: &WriteTransaction, mut given: Given) -> Result<Record, Trouble> {
    let mut users = txn.open_table(USERS)?;
    let mut edges = txn.open_table(EDGES)?;
    let rows = given.list("rows")?;
    let done = rows.len();
    for row in rows {
        let Value::List(columns) = row else {
            return Err(Trouble::Type);
        };
        let [id] = <[Value; 1]>::try_from(columns).map_err(|_| Trouble::Type)?;
        let key = GraphId::of_value(id)?.key();
        merge_user(&mut users, &key)?;
        users.insert(key.as_slice(), true)?;
        erase(&mut edges, &key)?;
    }
    Ok(answer(done, &[]))
}
