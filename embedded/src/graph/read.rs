//! Reads: what a demonstration shows. They block for as long as they say; call them from a
//! thread that may. Each sees the graph as of one instant, and no writer waits for them.

use std::collections::{BTreeMap, HashMap};

use fanout_neo4j::Value;
use jiff::Timestamp;
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata};

use super::error::{GraphError, Trouble};
use super::id::GraphId;
use super::interaction::Kind;
use super::property::Stored;
use super::store::EmbeddedGraph;
use super::table::{EDGES, LEDGER, PRODUCTS, USERS, time_out};

/// How much there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Users, the deleted ones included.
    pub users: u64,
    /// Products, also those that were only seen in an interaction.
    pub products: u64,
    /// Relationships of each kind.
    pub relationships: BTreeMap<Kind, u64>,
    /// Interactions that they stand for.
    pub interactions: u64,
    /// Events in the ledger.
    pub applied: u64,
}

/// What a user did with a product.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relation {
    /// What it was.
    pub kind: Kind,
    /// With which product.
    pub product: GraphId,
    /// How often: distinct events.
    pub count: i64,
    /// The earliest.
    pub first_at: Timestamp,
    /// The latest.
    pub last_at: Timestamp,
    /// Session of the latest.
    pub last_session: Option<String>,
}

/// A product and what is known of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Product {
    /// Its id.
    pub id: GraphId,
    /// Its version; nothing while it was only seen in interactions.
    pub version: Option<String>,
    /// Whether it is deleted.
    pub deleted: bool,
    /// Its properties beside the id, by name.
    pub properties: BTreeMap<String, Value>,
}

impl Product {
    /// Its property `name`, where that is a text.
    pub fn name(&self) -> Option<&str> {
        match self.properties.get("name") {
            Some(Value::Text(name)) => Some(name),
            _ => None,
        }
    }
}

impl EmbeddedGraph {
    /// How much there is. Reads all relationships.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn counts(&self) -> Result<Counts, GraphError> {
        Ok(self.count_all()?)
    }

    fn count_all(&self) -> Result<Counts, Trouble> {
        let txn = self.shared.database.begin_read()?;
        let mut counts = Counts {
            users: txn.open_table(USERS)?.len()?,
            products: txn.open_table(PRODUCTS)?.len()?,
            applied: txn.open_table(LEDGER)?.len()?,
            ..Counts::default()
        };
        for edge in txn.open_table(EDGES)?.iter()? {
            let (key, edge) = edge?;
            let kind = Kind::of_number(key.value().1)?;
            *counts.relationships.entry(kind).or_default() += 1;
            counts.interactions += edge.value().0.unsigned_abs();
        }
        Ok(counts)
    }

    /// What a user did, `limit` relationships at most, by kind and product. Nothing for a user
    /// who is not known or deleted.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn relations_of(&self, user: &GraphId, limit: usize) -> Result<Vec<Relation>, GraphError> {
        Ok(self.relations(&user.key(), limit)?)
    }

    fn relations(&self, user: &[u8], limit: usize) -> Result<Vec<Relation>, Trouble> {
        let txn = self.shared.database.begin_read()?;
        let edges = txn.open_table(EDGES)?;
        let none: &[u8] = &[];
        let of_user = (user, 0, none)..(user, u8::MAX, none);
        let mut found = Vec::new();
        for edge in edges.range::<(&[u8], u8, &[u8])>(of_user)?.take(limit) {
            let (key, edge) = edge?;
            let (_, kind, product) = key.value();
            let (count, first, last, session) = edge.value();
            found.push(Relation {
                kind: Kind::of_number(kind)?,
                product: GraphId::of_key(product)?,
                count,
                first_at: time_out(first)?,
                last_at: time_out(last)?,
                last_session: session.map(str::to_owned),
            });
        }
        Ok(found)
    }

    /// A product, if it is known.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn product(&self, id: &GraphId) -> Result<Option<Product>, GraphError> {
        Ok(self.look_up(id)?)
    }

    fn look_up(&self, id: &GraphId) -> Result<Option<Product>, Trouble> {
        let txn = self.shared.database.begin_read()?;
        let products = txn.open_table(PRODUCTS)?;
        let Some(stored) = products.get(id.key().as_slice())? else {
            return Ok(None);
        };
        let stored = Stored::decode(stored.value())?;
        let properties = stored.properties.into_iter();
        let properties = properties.map(|(name, property)| Ok((name, property.value()?)));
        Ok(Some(Product {
            id: id.clone(),
            version: stored.version,
            deleted: stored.deleted,
            properties: properties.collect::<Result<_, Trouble>>()?,
        }))
    }

    /// The products with the most interactions of this kind, and how many. Reads all
    /// relationships.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn top_products(
        &self,
        kind: Kind,
        limit: usize,
    ) -> Result<Vec<(GraphId, u64)>, GraphError> {
        let wanted = kind.number();
        Ok(self.top(limit, |(_, kind, product)| {
            (kind == wanted).then_some(product)
        })?)
    }

    /// The users with the most interactions of any kind, and how many. Reads all
    /// relationships.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn top_users(&self, limit: usize) -> Result<Vec<(GraphId, u64)>, GraphError> {
        Ok(self.top(limit, |(user, _, _)| Some(user))?)
    }

    fn top(
        &self,
        limit: usize,
        by: impl for<'a> Fn((&'a [u8], u8, &'a [u8])) -> Option<&'a [u8]>,
    ) -> Result<Vec<(GraphId, u64)>, Trouble> {
        let txn = self.shared.database.begin_read()?;
        let mut sums: HashMap<Vec<u8>, u64> = HashMap::new();
        for edge in txn.open_table(EDGES)?.iter()? {
            let (key, edge) = edge?;
            if let Some(of) = by(key.value()) {
                let count = edge.value().0.unsigned_abs();
                match sums.get_mut(of) {
                    Some(sum) => *sum += count,
                    None => drop(sums.insert(of.to_owned(), count)),
                }
            }
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by(|(id, n), (other, m)| m.cmp(n).then_with(|| id.cmp(other)));
        sums.truncate(limit);
        let named = sums.into_iter();
        named
            .map(|(key, sum)| Ok((GraphId::of_key(&key)?, sum)))
            .collect()
    }
}
