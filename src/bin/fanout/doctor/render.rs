//! The report for people: by area, the worst first, a line of counts at the end.

use std::fmt::Write;
use std::io;

use fanout::operate::doctor::{Area, Finding, Gap, Report, Severity};
use serde::Serialize;

use super::mending::Step;
use crate::output::coloured;

/// How many findings there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    errors: usize,
    warnings: usize,
    notices: usize,
    not_checked: usize,
}

impl Counts {
    pub(super) fn of(report: &Report) -> Self {
        Self {
            errors: report.count(Severity::Error),
            warnings: report.count(Severity::Warning),
            notices: report.count(Severity::Notice),
            not_checked: report.not_checked.len(),
        }
    }
}

/// A symbol in a colour at a terminal, else the plain word.
fn mark(severity: Severity, colours: bool) -> String {
    let word = severity.as_str();
    if !colours {
        return word.to_owned();
    }
    let (colour, symbol) = match severity {
        Severity::Error => ("31", '✗'),
        Severity::Warning => ("33", '⚠'),
        Severity::Notice => ("36", 'ℹ'),
    };
    format!("\u{1b}[{colour}m{symbol} {word}\u{1b}[0m")
}

/// The whole report.
pub(super) fn text(report: &Report, mended: &[Step], quiet: bool) -> String {
    let colours = coloured(&io::stdout());
    let mut out = String::new();
    for area in Area::ALL {
        let findings: Vec<_> = report
            .findings
            .iter()
            .filter(|f| f.area == area && !(quiet && f.severity == Severity::Notice))
            .collect();
        let gaps: Vec<_> = report
            .not_checked
            .iter()
            .filter(|gap| gap.area == area && !quiet)
            .collect();
        if findings.is_empty() && gaps.is_empty() {
            continue;
        }
        line(&mut out, format_args!("{area}"));
        // Many queues may have one fault.
        for found in findings.chunk_by(|a, b| alike(a, b)) {
            group(&mut out, found, quiet, colours);
        }
        for gap in gaps {
            not_checked(&mut out, gap);
        }
        out.push('\n');
    }
    for step in mended {
        line(&mut out, format_args!("{step}"));
    }
    line(&mut out, format_args!("{}", last_line(report)));
    out
}

fn alike(a: &Finding, b: &Finding) -> bool {
    (a.check, a.severity, &a.mend) == (b.check, b.severity, &b.mend)
}

fn group(out: &mut String, found: &[&Finding], quiet: bool, colours: bool) {
    let Some(first) = found.first() else { return };
    let mark = mark(first.severity, colours);
    line(out, format_args!("  {mark} {}", first.check));
    for one in found {
        line(out, format_args!("      {}: {}", one.subject, one.what));
    }
    if !quiet {
        line(out, format_args!("      why:  {}", first.why));
    }
    let by_us = if first.fix.is_some() {
        " (--fix does)"
    } else {
        ""
    };
    line(out, format_args!("      mend: {}{by_us}", first.mend));
}

fn not_checked(out: &mut String, gap: &Gap) {
    line(out, format_args!("  not checked: {}", gap.what));
    line(out, format_args!("      mend: {}", gap.mend));
}

fn last_line(report: &Report) -> String {
    let counts = Counts::of(report);
    let plural = |count: usize, one: &str| {
        let s = if count == 1 { "" } else { "s" };
        format!("{count} {one}{s}")
    };
    let mut text = [
        plural(counts.errors, "error"),
        plural(counts.warnings, "warning"),
        plural(counts.notices, "notice"),
    ]
    .join(", ");
    if counts.not_checked > 0 {
        let _ = write!(text, ", {} not checked", counts.not_checked);
    }
    text
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
