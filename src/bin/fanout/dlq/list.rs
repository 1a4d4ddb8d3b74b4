//! `fanout dlq list`

use fanout::operate::dlq::{DeadLetter, Filter, Listing, Page, Summary, Workbench};
use serde::Serialize;

use super::args::FilterArgs;
use super::failed;
use super::progress::Bar;
use crate::exit::{CommandError, Exit, complain};
use crate::output::{OutputArgs, figure, plain, table, text};

/// Characters of an error in a table.
const ERROR: usize = 60;

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    listing: &'a Listing,
    dead_letters: Vec<Summary<'a>>,
}

pub(super) async fn run(
    bench: &Workbench,
    filter: FilterArgs,
    (offset, limit): (u64, usize),
    output: OutputArgs,
) -> Result<Exit, CommandError> {
    let filter = bench.resolved(Filter::from(filter));
    let page = Page { offset, limit };
    let looked = bench
        .list(&filter, page, &mut Bar::new())
        .await
        .map_err(failed)?;
    let listing = &looked.found;
    let known = bench.applied_among(&listing.letters).await;
    let letters = listing.letters.iter().zip(known);
    let answer = Answer {
        listing,
        dead_letters: letters
            .map(|(letter, known)| letter.summary(known))
            .collect(),
    };
    output.print(&answer, |_| render(&listing.letters))?;
    if listing.incomplete {
        complain("warning: somebody else holds some of the dead letters: not all could be read");
    }
    if listing.more && !output.is_json() {
        let next = offset + u64::try_from(listing.letters.len()).unwrap_or(0);
        complain(&format!(
            "more: --offset {next}   ({} in all, before filters)",
            listing.ready
        ));
    }
    looked.give_back().await.map_err(failed)?;
    Ok(Exit::Done)
}

fn render(letters: &[DeadLetter]) -> String {
    let mut table = table(&[
        "ID", "GROUP", "KIND", "QUEUE", "REASON", "ATTEMPT", "SINCE", "ERROR",
    ]);
    for letter in letters {
        table.add_row([
            plain(&letter.id),
            letter.group(),
            plain(letter.kind.as_deref().unwrap_or("-")),
            plain(letter.origin.as_deref().unwrap_or("-")),
            plain(&letter.reason),
            letter.attempt.to_string(),
            figure(
                letter
                    .dead_lettered_at
                    .map(|at| at.strftime("%F %T").to_string()),
            ),
            shortened(&letter.error),
        ]);
    }
    match letters.is_empty() {
        true => "no dead letters".to_owned(),
        false => text(&table),
    }
}

/// The beginning of an error, on one line.
pub(super) fn shortened(error: &str) -> String {
    let line = plain(error);
    match line.char_indices().nth(ERROR) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
