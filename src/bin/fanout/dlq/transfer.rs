//! `fanout dlq export` and `fanout dlq import`

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use fanout::config::Config;
use fanout::operate::dlq::{Filter, ImportReport, Stop, Workbench};

use super::args::FilterArgs;
use super::edit::io_error;
use super::failed;
use super::progress::Bar;
use crate::exit::{CommandError, Exit, complain};
use crate::output::{OutputArgs, plain};
use crate::signals;

/// A line is a message in base64 with its headers, which take 1 MiB at most.
const HEADERS: u64 = 2 << 20;

pub(super) async fn export(
    bench: &Workbench,
    filter: FilterArgs,
    path: &Path,
) -> Result<Exit, CommandError> {
    let filter = bench.resolved(Filter::from(filter));
    let written = if path == Path::new("-") {
        let mut out = BufWriter::new(io::stdout());
        bench
            .export(&filter, &mut out, &mut Bar::new())
            .await
            .map_err(failed)?
    } else {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let file = file.map_err(|error| io_error(path, &error))?;
        let mut out = BufWriter::new(&file);
        let written = bench
            .export(&filter, &mut out, &mut Bar::new())
            .await
            .map_err(failed)?;
        // Who exports may purge next.
        out.flush()
            .and_then(|()| file.sync_all())
            .map_err(|error| io_error(path, &error))?;
        written
    };
    complain(&format!("exported {written} dead letters"));
    Ok(Exit::Done)
}

pub(super) async fn import(
    bench: &Workbench,
    config: &Config,
    path: &Path,
    dry_run: bool,
    output: OutputArgs,
) -> Result<Exit, CommandError> {
    let input: Box<dyn Read + Send> = match path == Path::new("-") {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(path).map_err(|error| io_error(path, &error))?),
    };
    let largest = u64::try_from(config.broker.max_message_bytes).unwrap_or(u64::MAX);
    let mut lines = Lines {
        input: BufReader::new(input),
        longest: largest.saturating_mul(2).saturating_add(HEADERS),
    };
    let stop = signals::stop();
    let report = bench
        .import(&mut lines, dry_run, &stop)
        .await
        .map_err(failed)?;
    output.print(&report, render)?;
    Ok(match &report.stopped {
        Some(Stop::Broker(_)) => Exit::RunTime,
        None if report.refused == 0 => Exit::Done,
        _ => Exit::Findings,
    })
}

fn render(report: &ImportReport) -> String {
    let would = if report.dry_run { "would be " } else { "" };
    let mut lines = vec![format!(
        "{} {would}imported, {} there already, {} refused, run {}",
        report.done, report.known, report.refused, report.run
    )];
    for (line, problem) in &report.problems {
        lines.push(format!("  line {line}: {}", plain(problem)));
    }
    match &report.stopped {
        Some(Stop::Broker(why)) => lines.push(format!("stopped by the broker: {why}")),
        Some(_) => lines.push("stopped; import the file again to go on".to_owned()),
        None => {}
    }
    lines.join("\n")
}

/// Lines of bounded length; empty ones are left out.
struct Lines {
    input: BufReader<Box<dyn Read + Send>>,
    longest: u64,
}

impl Iterator for Lines {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut line = Vec::new();
            let mut bounded = (&mut self.input).take(self.longest);
            match bounded.read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(_) if line.trim_ascii().is_empty() => {}
                Ok(_) => return Some(Ok(line)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
