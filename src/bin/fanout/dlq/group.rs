//! `fanout dlq group`

use fanout::operate::dlq::{Filter, Groups, Workbench};
use jiff::Timestamp;

use super::args::FilterArgs;
use super::failed;
use super::list::shortened;
use super::progress::Bar;
use crate::exit::{CommandError, Exit, complain};
use crate::output::{OutputArgs, figure, plain, table, text};

pub(super) async fn run(
    bench: &Workbench,
    filter: FilterArgs,
    output: OutputArgs,
) -> Result<Exit, CommandError> {
    let filter = bench.resolved(Filter::from(filter));
    let groups = bench
        .group(&filter, &mut Bar::new())
        .await
        .map_err(failed)?;
    output.print(&groups, render)?;
    if groups.incomplete {
        complain("warning: somebody else holds some of the dead letters: not all could be read");
    }
    Ok(Exit::Done)
}

/// The groups as a table.
pub(crate) fn render(all: &Groups) -> String {
    if all.groups.is_empty() {
        return "no dead letters".to_owned();
    }
    let mut table = table(&[
        "GROUP", "COUNT", "QUEUE", "KIND", "REASON", "OLDEST", "NEWEST", "ERROR", "EXAMPLE",
    ]);
    let time = |at: Option<Timestamp>| figure(at.map(|at| at.strftime("%F %T").to_string()));
    for group in &all.groups {
        table.add_row([
            group.id.clone(),
            group.count.to_string(),
            plain(group.queue.as_deref().unwrap_or("-")),
            plain(group.kind.as_deref().unwrap_or("-")),
            plain(&group.reason),
            time(group.oldest),
            time(group.newest),
            shortened(&group.error),
            plain(&group.example),
        ]);
    }
    let mut out = text(&table);
    if all.other > 0 {
        out.push_str(&format!("\n{} dead letters of further groups", all.other));
    }
    out
}
