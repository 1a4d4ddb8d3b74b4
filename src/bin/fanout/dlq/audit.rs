//! `fanout dlq audit`

use fanout::config::Config;
use fanout::operate::dlq::{Audit, AuditEntry, Stage};

use crate::exit::{CommandError, Exit};
use crate::output::{OutputArgs, figure, plain, table, text};
use crate::who;

pub(super) fn run(config: &Config, limit: usize, output: OutputArgs) -> Result<Exit, CommandError> {
    let audit = Audit::new(&config.dlq.audit_file, who::am_i());
    let entries = audit.last(limit);
    let entries = entries.map_err(|error| CommandError::new(Exit::RunTime, error))?;
    output.print(&entries, |entries| render(entries))?;
    Ok(Exit::Done)
}

fn render(entries: &[AuditEntry]) -> String {
    let mut table = table(&["WHEN", "WHO", "ACTION", "RUN", "COUNT", "RESULT", "WHAT"]);
    for entry in entries {
        let result = match entry.stage {
            Stage::Started => "started",
            Stage::Ended => entry.result.as_deref().unwrap_or_default(),
        };
        table.add_row([
            entry.at.strftime("%F %T").to_string(),
            plain(&entry.who),
            entry.action.clone(),
            entry.run.clone(),
            figure(entry.count),
            plain(result),
            plain(&entry.what.to_string()),
        ]);
    }
    match entries.is_empty() {
        true => "nothing was changed yet".to_owned(),
        false => text(&table),
    }
}
