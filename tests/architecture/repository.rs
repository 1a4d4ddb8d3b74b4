//! The repository as text: files, manifests, and Rust code without its comments.

use std::fs;
use std::path::{Path, PathBuf};

/// Made by tools, not by us.
const SKIPPED: [&str; 5] = ["target", ".git", ".cache", "bench-results", ".env"];

/// A text file of the repository.
pub(crate) struct Source {
    /// Path below the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// Lines of Rust without comments, with their number from 1.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, without_comment(line)))
    }

    /// The same without the items under `#[cfg(test)]`.
    pub(crate) fn shipped_code(&self) -> Vec<(usize, &str)> {
        let mut lines = self.code();
        let mut shipped = Vec::new();
        while let Some((number, line)) = lines.next() {
            if line.trim_start().starts_with("#[cfg(test)]") {
                skip_item(&mut lines);
            } else {
                shipped.push((number, line));
            }
        }
        shipped
    }

    /// `path:line`, to click on.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("//") {
        return "";
    }
    line.find(" // ").map_or(line, |start| &line[..start])
}

/// Consumes lines up to the end of the item that starts with the next one.
fn skip_item<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>) {
    let mut depth = 0usize;
    for (_, line) in lines {
        if line.trim_start().starts_with("#[") && depth == 0 {
            continue;
        }
        depth += line.matches(['{', '(']).count();
        depth = depth.saturating_sub(line.matches(['}', ')']).count());
        if depth == 0 && line.trim_end().ends_with([';', '}']) {
            return;
        }
    }
}

/// Root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file of the repository.
pub(crate) fn files() -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root(), &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(
        found.len() > 20,
        "the repository was not found under {}",
        root().display()
    );
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if SKIPPED.contains(&name.as_str()) || name.ends_with(".log") {
            continue;
        }
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            collect(&path, found);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root()).unwrap();
            let path = path.to_string_lossy().replace('\\', "/");
            found.push(Source { path, text });
        }
    }
}

/// Every Rust file whose path starts with one of these.
pub(crate) fn rust(below: &[&str]) -> Vec<Source> {
    let mut found = files();
    found.retain(|f| {
        f.path.ends_with(".rs") && below.iter().any(|prefix| f.path.starts_with(prefix))
    });
    found
}

/// Rust that is shipped: the root package, the packages below `workers` and `embedded`, without their tests.
pub(crate) fn shipped() -> Vec<Source> {
    let mut found = rust(&["src/", "workers/", "embedded/"]);
    found.retain(|f| !f.path.contains("/tests/") && !f.path.ends_with("tests.rs"));
    found
}

/// A file of the repository.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Fails with all of what is wrong, and with what to do instead.
#[track_caller]
pub(crate) fn assert_none(wrong: &[String], instead: &str) {
    assert!(wrong.is_empty(), "{instead}\n  {}", wrong.join("\n  "));
}
