//! The table: its name, and the statements that make it.

use crate::config::OutboxConfig;

/// The outbox table of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    schema: String,
    name: String,
}

impl Table {
    /// The table that the configuration names.
    pub fn of(config: &OutboxConfig) -> Self {
        Self {
            schema: config.schema.clone(),
            name: config.table.clone(),
        }
    }

    /// Schema and table, quoted for SQL.
    pub(super) fn quoted(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }

    /// Channel of the notifications, quoted.
    pub(super) fn channel(&self) -> String {
        quoted(&self.name)
    }

    /// What all relays of this table have in common, and no other table's.
    pub(super) fn lock_name(&self) -> String {
        format!("fanout-outbox {}", self.quoted())
    }

    /// SQL that makes table, indexes and trigger, or completes them. Without `notify` the
    /// trigger is removed where it is there.
    pub fn migration(&self, notify: bool) -> String {
        let (table, name) = (self.quoted(), &self.name);
        let index = |ending: &str| quoted(&format!("{name}_{ending}"));
        let (waiting, published, refused) =
            (index("waiting"), index("published"), index("refused"));
        let trigger = match notify {
            true => self.trigger(),
            false => self.no_trigger(),
        };
        format!(
            "\
-- Transactional outbox of fanout, for PostgreSQL 14 or later. May be applied again.
CREATE TABLE IF NOT EXISTS {table} (
    id           uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    position     bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    aggregate    text        NOT NULL,
    kind         text,
    payload      jsonb       NOT NULL,
    headers      jsonb       NOT NULL DEFAULT '{{}}' CHECK (jsonb_typeof(headers) = 'object'),
    routing_key  text,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz,
    refused_at   timestamptz,
    reason       text,
    error        text
);

-- Rows that wait, in their order.
CREATE INDEX IF NOT EXISTS {waiting} ON {table} (position)
    WHERE published_at IS NULL AND refused_at IS NULL;
-- Rows to be deleted after a while.
CREATE INDEX IF NOT EXISTS {published} ON {table} (published_at)
    WHERE published_at IS NOT NULL;
-- Rows set aside.
CREATE INDEX IF NOT EXISTS {refused} ON {table} (refused_at)
    WHERE refused_at IS NOT NULL;

-- Every row is updated and deleted once: vacuum by count, not by share of the table.
ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

{trigger}"
        )
    }

    fn trigger(&self) -> String {
        let (table, channel) = (self.quoted(), self.channel());
        let trigger = quoted(&format!("{}_notify", self.name));
        let schema = quoted(&self.schema);
        format!(
            "\
-- Wakes the relay at commit, once per statement.
CREATE OR REPLACE FUNCTION {schema}.{trigger}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY {channel};
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER {trigger} AFTER INSERT ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.{trigger}();
"
        )
    }

    fn no_trigger(&self) -> String {
        let trigger = quoted(&format!("{}_notify", self.name));
        let (table, schema) = (self.quoted(), quoted(&self.schema));
        format!(
            "\
-- The relay looks by itself.
DROP TRIGGER IF EXISTS {trigger} ON {table};
DROP FUNCTION IF EXISTS {schema}.{trigger}();
"
        )
    }
}

/// An identifier in quotes. The configuration lets plain names through only; this holds for
/// any.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(schema: &str, name: &str) -> Table {
        Table {
            schema: schema.to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn the_migration_names_schema_and_table_everywhere_and_may_be_repeated() {
        let sql = table("shop", "outgoing").migration(true);
        assert!(!sql.contains("fanout_outbox"), "{sql}");
        assert!(sql.contains("CREATE TABLE IF NOT EXISTS \"shop\".\"outgoing\" ("));
        for statement in sql.split("CREATE ").skip(1) {
            let repeatable = ["TABLE IF NOT", "INDEX IF NOT", "OR REPLACE"];
            assert!(
                repeatable.iter().any(|start| statement.starts_with(start)),
                "{statement}"
            );
        }
    }

    #[test]
    fn without_notifications_the_trigger_goes() {
        let sql = table("public", "fanout_outbox").migration(false);
        assert!(!sql.contains("NOTIFY"), "{sql}");
        assert!(sql.contains("DROP TRIGGER IF EXISTS \"fanout_outbox_notify\""));
    }

    #[test]
    fn no_name_ends_its_quotes() {
        let name = "a\"; DROP TABLE users; --";
        assert_eq!(quoted(name), "\"a\"\"; DROP TABLE users; --\"");
    }
}
