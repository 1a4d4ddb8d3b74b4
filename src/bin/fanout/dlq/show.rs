//! `fanout dlq show`

use fanout::operate::dlq::{DeadLetter, Detail, Workbench};
use serde_json::Value;

use super::failed;
use super::progress::Bar;
use crate::exit::{CommandError, Exit};
use crate::output::{OutputArgs, figure, plain, table, text};

pub(super) async fn run(
    bench: &Workbench,
    id: &str,
    redact: &[String],
    output: OutputArgs,
) -> Result<Exit, CommandError> {
    let looked = bench.show(id, &mut Bar::new()).await.map_err(failed)?;
    let letter = &looked.found;
    let known = bench.applied_among(std::slice::from_ref(letter)).await;
    let detail = letter.detail(known.first().copied().flatten(), redact);
    output.print(&detail, |detail| render(letter, detail))?;
    looked.give_back().await.map_err(failed)?;
    Ok(Exit::Done)
}

/// A dead letter with headers, history and body.
pub(crate) fn render(letter: &DeadLetter, detail: &Detail<'_>) -> String {
    let summary = &detail.summary;
    let option = |value: Option<&str>| plain(value.unwrap_or("-"));
    let mut rows = vec![
        ("id", plain(&letter.id)),
        ("group", summary.group.clone()),
        ("dead-letter queue", plain(&letter.dlq)),
        ("failed in", option(summary.queue)),
        ("kind", option(summary.kind)),
        ("key", option(summary.key)),
        ("reason", plain(&letter.reason)),
        ("error", plain(&letter.error)),
        ("attempt", letter.attempt.to_string()),
        ("first failed", figure(letter.first_failed_at)),
        ("dead-lettered", figure(letter.dead_lettered_at)),
        (
            "by the broker",
            if letter.by_broker { "yes" } else { "no" }.to_owned(),
        ),
        ("replayed by", option(summary.replayed_by)),
        ("applied", figure(summary.applied)),
        ("size", format!("{} bytes", letter.size)),
    ];
    for entry in &detail.history {
        let what = format!(
            "{} attempt {} {} {}",
            entry.at, entry.attempt, entry.reason, entry.queue
        );
        rows.push(("history", plain(&what)));
    }
    for (name, value) in &detail.properties {
        rows.push(("property", plain(&format!("{name}: {value}"))));
    }
    for (name, value) in &detail.headers {
        rows.push(("header", plain(&format!("{name}: {value}"))));
    }
    let mut all = table(&[]);
    for (name, value) in rows {
        all.add_row([name.to_owned(), value]);
    }
    format!("{}\n\n{}", text(&all), body(detail))
}

fn body(detail: &Detail<'_>) -> String {
    if let Some(raw) = &detail.body {
        let value: Option<Value> = serde_json::from_str(raw.get()).ok();
        let pretty = value.and_then(|value| serde_json::to_string_pretty(&value).ok());
        return pretty.unwrap_or_else(|| plain(raw.get()));
    }
    match &detail.body_base64 {
        Some(bytes) => format!("body, base64: {bytes}"),
        None => "the body is no JSON and dlq.redact is set: --unredacted shows it".to_owned(),
    }
}
