//! Every statement text, constant and public: what measures this processor against a bare
//! writer runs the same ones.
//!
//! Shape of all of them: `UNWIND` over a list parameter, `MERGE` on the uniquely constrained
//! key alone, everything else in `SET`, one record as answer (see [`Statement`]). Rows are
//! lists, not maps: a third fewer bytes, so more of them fit below 8 KiB.

use std::borrow::Cow;

use crate::statement::{Fold, Statement};

/// Enters ids into the ledger and answers which were there before.
///
/// `$ids`, `$nonce` (fresh for each attempt, so that what a lost attempt committed cannot
/// look new), `$at`. `repeated` holds `[number, stored follow-ups]`.
pub const LEDGER: &str = "\
UNWIND range(0, size($ids) - 1) AS i
MERGE (e:AppliedEvent {id: $ids[i]})
ON CREATE SET e.nonce = $nonce, e.at = $at
RETURN count(*) AS done,
  collect(CASE WHEN e.nonce <> $nonce THEN [i, e.follow_ups] END) AS repeated";

/// [`LEDGER`] for events with follow-ups: `$rows` of `[id, follow-ups as JSON]`.
pub const LEDGER_WITH_FOLLOW_UPS: &str = "\
UNWIND range(0, size($rows) - 1) AS i
WITH i, $rows[i] AS r
MERGE (e:AppliedEvent {id: r[0]})
ON CREATE SET e.nonce = $nonce, e.at = $at, e.follow_ups = r[1]
RETURN count(*) AS done,
  collect(CASE WHEN e.nonce <> $nonce THEN [i, e.follow_ups] END) AS repeated";

/// Which of `$ids` are in the ledger: their number in the list, and when they were entered.
pub const LEDGER_LOOK_UP: &str = "\
UNWIND range(0, size($ids) - 1) AS i
MATCH (e:AppliedEvent {id: $ids[i]})
RETURN i AS number, e.at AS at";

/// Removes at most `$limit` ledger entries older than `$before`; answers `removed`.
pub const PRUNE_LEDGER: &str = "\
MATCH (e:AppliedEvent) WHERE e.at < $before
WITH e LIMIT $limit
DELETE e
RETURN count(*) AS removed";

/// How many ledger entries there are, and how many of them are `older` than `$before`.
pub const LEDGER_SIZE: &str = "\
MATCH (e:AppliedEvent) WITH count(e) AS entries
OPTIONAL MATCH (o:AppliedEvent) WHERE o.at < $before
RETURN entries, count(o) AS older";

/// When the `oldest` and the `newest` ledger entry were made; no record where there is none.
pub const LEDGER_ENDS: &str = "\
CALL { MATCH (e:AppliedEvent) WHERE e.at IS NOT NULL RETURN e.at AS oldest ORDER BY oldest LIMIT 1 }
CALL { MATCH (e:AppliedEvent) WHERE e.at IS NOT NULL RETURN e.at AS newest ORDER BY newest DESC LIMIT 1 }
RETURN oldest, newest";

macro_rules! interaction {
    ($relationship:literal) => {
        concat!(
            "UNWIND range(0, size($rows) - 1) AS i\n",
            "WITH i, $rows[i] AS r\n",
            "MERGE (u:User {id: r[0]})\n",
            "MERGE (p:Product {id: r[1]})\n",
            "MERGE (u)-[x:", $relationship, "]->(p)\n",
            "ON CREATE SET x.count = r[2], x.first_at = r[3], x.last_at = r[4], x.last_session = r[5]\n",
            // count first: it takes the relationship's lock, and what follows reads under it
            "ON MATCH SET x.count = x.count + r[2],\n",
            "  x.first_at = CASE WHEN r[3] < x.first_at THEN r[3] ELSE x.first_at END,\n",
            "  x.last_session = CASE WHEN r[4] > x.last_at OR (r[4] = x.last_at AND ",
            "coalesce(r[5], '') > coalesce(x.last_session, '')) THEN r[5] ELSE x.last_session END,\n",
            "  x.last_at = CASE WHEN r[4] > x.last_at THEN r[4] ELSE x.last_at END\n",
            "RETURN count(*) AS done, collect(CASE WHEN u:Deleted THEN i END) AS skipped"
        )
    };
}

/// Rows `[user, product, count, first_at, last_at, last_session]` into `VIEWED`.
pub const VIEWED: &str = interaction!("VIEWED");
/// The same into `CARTED`.
pub const CARTED: &str = interaction!("CARTED");
/// The same into `UNCARTED`.
pub const UNCARTED: &str = interaction!("UNCARTED");
/// The same into `PURCHASED`.
pub const PURCHASED: &str = interaction!("PURCHASED");

/// Takes back what an interaction wrote for a user who had been deleted. The check stands
/// behind the write, since only then the user is locked.
pub const ERASE_DELETED_USERS: &str = "\
UNWIND $rows AS r
MATCH (u:User {id: r[0]}) WHERE u:Deleted
MATCH (u)-[x]-()
DELETE x";

/// Rows `[product, version, properties]`; properties null = deleted. A product is only
/// overwritten by a newer version; `_lock` makes the version be read under the node's lock.
pub const PRODUCT: &str = "\
UNWIND range(0, size($rows) - 1) AS i
WITH i, $rows[i] AS r
MERGE (p:Product {id: r[0]})
SET p._lock = true
WITH i, r, p, coalesce(p._version < r[1], true) AS newer
FOREACH (_ IN CASE WHEN newer AND r[2] IS NOT NULL THEN [1] ELSE [] END |
  SET p = r[2] SET p.id = r[0], p._version = r[1] REMOVE p:Deleted)
FOREACH (_ IN CASE WHEN newer AND r[2] IS NULL THEN [1] ELSE [] END |
  SET p = {id: r[0], _version: r[1]} SET p:Deleted)
REMOVE p._lock
RETURN count(*) AS done, collect(CASE WHEN NOT newer THEN i END) AS skipped";

/// Rows `[product, mark, price, category_id, category_code, brand, marks]`: what interactions
/// say of a product that no `product.upserted` or `product.deleted` has spoken of. Of each
/// property the value with the greatest mark stands; `marks` is null, or a list with a mark
/// for each where they are not all `mark`. `_seen` keeps the marks of what stands, `_lock`
/// makes them be read under the node's lock.
pub const PRODUCT_SEEN: &str = "\
UNWIND range(0, size($rows) - 1) AS i
WITH i, $rows[i] AS r
MERGE (p:Product {id: r[0]})
SET p._lock = true
WITH i, r, p, coalesce(p._seen, ['', '', '', '']) AS seen, p._version IS NULL AS open
WITH i, r, p, seen, [k IN range(0, 3) |
  open AND r[k + 2] IS NOT NULL AND coalesce(r[6][k], r[1]) > seen[k]] AS newer
FOREACH (_ IN CASE WHEN any(n IN newer WHERE n) THEN [1] ELSE [] END |
  SET p.price = CASE WHEN newer[0] THEN r[2] ELSE p.price END,
    p.category_id = CASE WHEN newer[1] THEN r[3] ELSE p.category_id END,
    p.category_code = CASE WHEN newer[2] THEN r[4] ELSE p.category_code END,
    p.brand = CASE WHEN newer[3] THEN r[5] ELSE p.brand END,
    p._seen = [k IN range(0, 3) | CASE WHEN newer[k] THEN coalesce(r[6][k], r[1]) ELSE seen[k] END])
REMOVE p._lock
RETURN count(*) AS done, collect(CASE WHEN none(n IN newer WHERE n) THEN i END) AS skipped";

/// The properties of [`PRODUCT_SEEN`], in the order of its columns.
pub const SEEN_PROPERTIES: [&str; 4] = ["price", "category_id", "category_code", "brand"];

/// Rows `[user]`: erases the user and their relationships, and leaves a node with nothing
/// but its id and the label `Deleted`.
pub const USER_DELETED: &str = "\
UNWIND $rows AS r
MERGE (u:User {id: r[0]})
SET u:Deleted
SET u = {id: r[0]}
WITH u
CALL { WITH u MATCH (u)-[x]-() DELETE x RETURN count(*) AS erased }
RETURN count(*) AS done, [] AS skipped";

/// What the user `$id` did, the latest first; a user who did nothing has one record without a
/// relationship.
pub const RELATIONS_OF_USER: &str = "\
MATCH (u:User {id: $id})
OPTIONAL MATCH (u)-[x]->(p:Product)
WITH u, x, p ORDER BY x.last_at DESC, type(x), toString(p.id) LIMIT $limit
RETURN u:Deleted AS deleted, type(x) AS relationship, p.id AS product, p.name AS name,
  x.count AS count, x.first_at AS first_at, x.last_at AS last_at, x.last_session AS last_session";

/// Pairs and events of each kind of relationship between users and products.
pub const INTERACTION_TOTALS: &str = "\
MATCH (:User)-[x]->(:Product)
RETURN type(x) AS relationship, count(x) AS pairs, sum(x.count) AS events";

/// Ids of users from `$from` on, those of its type, in their order.
pub const USERS_FROM: &str = "\
MATCH (u:User) WHERE u.id >= $from
RETURN u.id AS user ORDER BY user LIMIT $limit";

/// Ids of users by chance.
pub const SOME_USERS: &str = "\
MATCH (u:User) WITH u ORDER BY rand() LIMIT $limit
RETURN u.id AS user";

/// What the users `$ids` did; one who did nothing has one record without a relationship.
pub const USERS_WITH_RELATIONS: &str = "\
UNWIND $ids AS id
MATCH (u:User {id: id})
OPTIONAL MATCH (u)-[x]->(p:Product)
RETURN u.id AS user, u:Deleted AS deleted, type(x) AS relationship, p.id AS product,
  x.count AS count";

const fn interaction(name: &'static str, cypher: &'static str) -> Statement {
    Statement {
        name: Cow::Borrowed(name),
        cypher: Cow::Borrowed(cypher),
        key_columns: 2,
        fold: Fold::Count,
        after_skip: Some(Cow::Borrowed(ERASE_DELETED_USERS)),
    }
}

/// The statements of the default mapping, in the order in which a transaction runs them.
pub static INTERACTIONS: [Statement; 7] = [
    interaction("viewed", VIEWED),
    interaction("carted", CARTED),
    interaction("uncarted", UNCARTED),
    interaction("purchased", PURCHASED),
    Statement {
        name: Cow::Borrowed("product"),
        cypher: Cow::Borrowed(PRODUCT),
        key_columns: 1,
        fold: Fold::Newest,
        after_skip: None,
    },
    Statement {
        name: Cow::Borrowed("user-deleted"),
        cypher: Cow::Borrowed(USER_DELETED),
        key_columns: 1,
        fold: Fold::Same,
        after_skip: None,
    },
    Statement {
        name: Cow::Borrowed("product-seen"),
        cypher: Cow::Borrowed(PRODUCT_SEEN),
        key_columns: 1,
        fold: Fold::NewestOfEach,
        after_skip: None,
    },
];
