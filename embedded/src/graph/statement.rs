//! From the text of a statement to what it does.

use fanout_neo4j::store::{Parameters, Record};
use fanout_neo4j::{Value, cypher};
use redb::WriteTransaction;

use super::error::Trouble;
use super::interaction::Kind;
use super::table::Nanoseconds;
use super::{entity, interaction, ledger, relations};

/// A statement that is known here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known {
    Ledger,
    LedgerWithFollowUps,
    LedgerLookUp,
    PruneLedger,
    LedgerSize,
    LedgerEnds,
    Interaction(Kind),
    EraseDeletedUsers,
    Product,
    ProductSeen,
    UserDeleted,
    RelationsOfUser,
}

impl Known {
    pub(super) fn of(text: &str) -> Result<Self, Trouble> {
        Ok(match text {
            cypher::LEDGER => Self::Ledger,
            cypher::LEDGER_WITH_FOLLOW_UPS => Self::LedgerWithFollowUps,
            cypher::LEDGER_LOOK_UP => Self::LedgerLookUp,
            cypher::PRUNE_LEDGER => Self::PruneLedger,
            cypher::LEDGER_SIZE => Self::LedgerSize,
            cypher::LEDGER_ENDS => Self::LedgerEnds,
            cypher::VIEWED => Self::Interaction(Kind::Viewed),
            cypher::CARTED => Self::Interaction(Kind::Carted),
            cypher::UNCARTED => Self::Interaction(Kind::Uncarted),
            cypher::PURCHASED => Self::Interaction(Kind::Purchased),
            cypher::ERASE_DELETED_USERS => Self::EraseDeletedUsers,
            cypher::PRODUCT => Self::Product,
            cypher::PRODUCT_SEEN => Self::ProductSeen,
            cypher::USER_DELETED => Self::UserDeleted,
            cypher::RELATIONS_OF_USER => Self::RelationsOfUser,
            _ => return Err(Trouble::Unknown),
        })
    }

    /// Does it within the transaction. After an error the transaction must not be committed.
    pub(super) fn run(
        self,
        txn: &WriteTransaction,
        parameters: Parameters,
    ) -> Result<Vec<Record>, Trouble> {
        let given = Given(parameters);
        let record = match self {
            Self::Ledger => ledger::enter(txn, given)?,
            Self::LedgerWithFollowUps => ledger::enter_with_follow_ups(txn, given)?,
            Self::PruneLedger => ledger::prune(txn, given)?,
            Self::LedgerSize => ledger::size(txn, given)?,
            Self::Interaction(kind) => interaction::merge(txn, kind, given)?,
            Self::Product => entity::product(txn, given)?,
            Self::ProductSeen => entity::product_seen(txn, given)?,
            Self::UserDeleted => entity::user_deleted(txn, given)?,
            Self::LedgerEnds => return ledger::ends(txn),
            Self::LedgerLookUp => return ledger::look_up(txn, given),
            Self::RelationsOfUser => return relations::of_user(txn, given),
            Self::EraseDeletedUsers => {
                interaction::erase_deleted(txn, given)?;
                return Ok(Vec::new());
            }
        };
        Ok(vec![record])
    }
}

/// The parameters of a call.
pub(super) struct Given(Parameters);

impl Given {
    pub(super) fn take(&mut self, name: &str) -> Result<Value, Trouble> {
        let place = self.0.iter().position(|(given, _)| *given == name);
        let place = place.ok_or(Trouble::Type)?;
        Ok(self.0.swap_remove(place).1)
    }

    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Value>, Trouble> {
        match self.take(name)? {
            Value::List(items) => Ok(items),
            _ => Err(Trouble::Type),
        }
    }

    pub(super) fn int(&mut self, name: &str) -> Result<i64, Trouble> {
        match self.take(name)? {
            Value::Int(number) => Ok(number),
            _ => Err(Trouble::Type),
        }
    }

    pub(super) fn time(&mut self, name: &str) -> Result<Nanoseconds, Trouble> {
        match self.take(name)? {
            Value::Time(at) => Ok(at.as_nanosecond()),
            _ => Err(Trouble::Type),
        }
    }
}

/// What statements over rows answer: how many they handled, and which had no effect.
pub(super) fn answer(done: usize, skipped: &[usize]) -> Record {
    let skipped = skipped.iter().copied().map(counted).collect();
    Record::new(vec![
        ("done".to_owned(), counted(done)),
        ("skipped".to_owned(), Value::List(skipped)),
    ])
}

pub(super) fn counted(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
