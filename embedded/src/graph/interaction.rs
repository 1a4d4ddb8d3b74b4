//! Relationships between users and products.

use fanout_neo4j::Value;
use fanout_neo4j::store::Record;
use redb::{ReadableTable, Table, WriteTransaction};
use serde::Serialize;

use super::error::Trouble;
use super::id::GraphId;
use super::property::Stored;
use super::statement::{Given, answer};
use super::table::{EDGES, Edge, Nanoseconds, PRODUCTS, USERS};

/// What a user did with a product: the type of a relationship.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// Looked at it.
    Viewed,
    /// Put it into the cart.
    Carted,
    /// Took it out of the cart.
    Uncarted,
    /// Bought it.
    Purchased,
}

impl Kind {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::Viewed, Self::Carted, Self::Uncarted, Self::Purchased];

    /// The relationship's type in the graph.
    pub fn relationship(self) -> &'static str {
        match self {
            Self::Viewed => "VIEWED",
            Self::Carted => "CARTED",
            Self::Uncarted => "UNCARTED",
            Self::Purchased => "PURCHASED",
        }
    }

    /// Part of a key: never to be changed.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Viewed => 0,
            Self::Carted => 1,
            Self::Uncarted => 2,
            Self::Purchased => 3,
        }
    }

    pub(super) fn of_number(number: u8) -> Result<Self, Trouble> {
        let found = Self::ALL.into_iter().find(|kind| kind.number() == number);
        found.ok_or(Trouble::Damaged)
    }
}

struct Row {
    user: Vec<u8>,
    product: Vec<u8>,
    count: i64,
    first: Nanoseconds,
    last: Nanoseconds,
    session: Option<String>,
}

impl Row {
    fn of(row: Value) -> Result<Self, Trouble> {
        let Value::List(columns) = row else {
            return Err(Trouble::Type);
        };
        let [user, product, count, first, last, session] =
            <[Value; 6]>::try_from(columns).map_err(|_| Trouble::Type)?;
        let (Value::Int(count), Value::Time(first), Value::Time(last)) = (count, first, last)
        else {
            return Err(Trouble::Type);
        };
        let session = match session {
            Value::Text(session) => Some(session),
            Value::Null => None,
            _ => return Err(Trouble::Type),
        };
        Ok(Self {
            user: GraphId::of_value(user)?.key(),
            product: GraphId::of_value(product)?.key(),
            count,
            first: first.as_nanosecond(),
            last: last.as_nanosecond(),
            session,
        })
    }

    /// The relationship after this row; the greater session wins at the same instant.
    fn onto<'a>(&'a self, before: Option<Edge<'a>>) -> Result<Edge<'a>, Trouble> {
        let session = self.session.as_deref();
        let Some((count, first, last, last_session)) = before else {
            return Ok((self.count, self.first, self.last, session));
        };
        let text = |session: Option<&'a str>| session.unwrap_or_default();
        let later = self.last > last || (self.last == last && text(session) > text(last_session));
        Ok((
            count.checked_add(self.count).ok_or(Trouble::Overflow)?,
            first.min(self.first),
            last.max(self.last),
            if later { session } else { last_session },
        ))
    }
}

/// Rows `[user, product, count, first, last, session]`; those of deleted users are skipped.
/// As in Cypher the write comes first, and [`erase_deleted`] takes it back.
pub(super) fn merge(
    txn: &WriteTransaction,
    kind: Kind,
    mut given: Given,
) -> Result<Record, Trouble> {
    let mut users = txn.open_table(USERS)?;
    let mut products = txn.open_table(PRODUCTS)?;
    let mut edges = txn.open_table(EDGES)?;
    let rows = given.list("rows")?;
    let (done, mut skipped) = (rows.len(), Vec::new());
    for (number, row) in rows.into_iter().enumerate() {
        let row = Row::of(row)?;
        if merge_user(&mut users, &row.user)? {
            skipped.push(number);
        }
        if products.get(row.product.as_slice())?.is_none() {
            products.insert(
                row.product.as_slice(),
                Stored::default().encode()?.as_slice(),
            )?;
        }
        let key = (row.user.as_slice(), kind.number(), row.product.as_slice());
        let before = before(&edges, key)?;
        let before = before
            .as_ref()
            .map(|(count, first, last, session)| (*count, *first, *last, session.as_deref()));
        edges.insert(key, row.onto(before)?)?;
    }
    Ok(answer(done, &skipped))
}

type Edges<'t> = Table<'t, (&'static [u8], u8, &'static [u8]), Edge<'static>>;
type Owned = (i64, Nanoseconds, Nanoseconds, Option<String>);

fn before(edges: &Edges<'_>, key: (&[u8], u8, &[u8])) -> Result<Option<Owned>, Trouble> {
    let found = edges.get(key)?;
    Ok(found.map(|guard| {
        let (count, first, last, session) = guard.value();
        (count, first, last, session.map(str::to_owned))
    }))
}

/// Whether the user is deleted; made where missing.
pub(super) fn merge_user(
    users: &mut Table<'_, &'static [u8], bool>,
    key: &[u8],
) -> Result<bool, Trouble> {
    let deleted = users.get(key)?.map(|deleted| deleted.value());
    if deleted.is_none() {
        users.insert(key, false)?;
    }
    Ok(deleted.unwrap_or(false))
}

/// Rows that begin with a user: takes back what was written for those who are deleted.
pub(super) fn erase_deleted(txn: &WriteTransaction, mut given: Given) -> Result<(), Trouble> {
    let users = txn.open_table(USERS)?;
    let mut edges = txn.open_table(EDGES)?;
    for row in given.list("rows")? {
        let Value::List(columns) = row else {
            return Err(Trouble::Type);
        };
        let user = columns.into_iter().next().ok_or(Trouble::Type)?;
        let user = GraphId::of_value(user)?.key();
        if users
            .get(user.as_slice())?
            .is_some_and(|deleted| deleted.value())
        {
            erase(&mut edges, &user)?;
        }
    }
    Ok(())
}

/// Removes all relationships of a user.
pub(super) fn erase(edges: &mut Edges<'_>, user: &[u8]) -> Result<(), Trouble> {
    let none: &[u8] = &[];
    edges
        .retain_in::<(&[u8], u8, &[u8]), _>((user, 0, none)..(user, u8::MAX, none), |_, _| false)?;
    Ok(())
}
