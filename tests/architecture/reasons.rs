//! Every stable code has a page, and every page a code.

use std::collections::{BTreeMap, BTreeSet};

use crate::repository::{Source, assert_none, files, shipped};

/// Text literals of a line, without escapes: codes have none.
fn literals(line: &str) -> Vec<&str> {
    line.split('"').skip(1).step_by(2).collect()
}

fn is_code(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Codes of a file: `ReasonCode::new("…")`, `const CODE: &str`, and what a `fn code() -> &'static str` answers.
fn codes(source: &Source) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut in_code_fn = false;
    let mut in_constructor = false;
    for (number, line) in source.shipped_code() {
        let constructs =
            in_constructor || line.contains("ReasonCode::new(") || line.contains("const CODE: &");
        in_code_fn |= line.contains("fn code(") && line.contains("&'static str");
        if constructs || in_code_fn {
            found.extend(
                literals(line)
                    .into_iter()
                    .filter(|text| is_code(text))
                    .map(|code| (code.to_owned(), source.at(number))),
            );
        }
        in_constructor = line.trim_end().ends_with("ReasonCode::new(");
        // rustfmt closes a method at four spaces and a free function at none.
        in_code_fn &= line != "    }" && line != "}";
    }
    found
}

fn codes_in_source() -> BTreeMap<String, String> {
    shipped()
        .iter()
        .filter(|f| !f.path.contains("/conformance/"))
        .flat_map(codes)
        .collect()
}

fn pages() -> BTreeMap<String, Source> {
    files()
        .into_iter()
        .filter_map(|f| {
            let page = f.path.strip_prefix("docs/errors/")?;
            let name = page.strip_suffix(".md")?.to_owned();
            (name != "README").then_some((name, f))
        })
        .collect()
}

#[test]
fn every_reason_code_has_a_page() {
    let (codes, pages) = (codes_in_source(), pages());
    assert!(codes.len() > 5, "the codes were not found in the source");
    let wrong: Vec<_> = codes
        .iter()
        .filter(|(code, _)| !pages.contains_key(*code))
        .map(|(code, place)| format!("docs/errors/{code}.md, for {place}"))
        .collect();
    assert_none(
        &wrong,
        "an operator looks the code up; docs/errors/README.md shows the form. Write:",
    );
}

#[test]
fn every_page_has_a_reason_code() {
    let codes = codes_in_source();
    let wrong: Vec<_> = pages()
        .into_keys()
        .filter(|page| !codes.contains_key(page))
        .map(|page| format!("docs/errors/{page}.md"))
        .collect();
    assert_none(
        &wrong,
        "no code in the source goes by these names; delete or rename the page:",
    );
}

#[test]
fn every_page_is_titled_by_its_code_and_says_what_to_do() {
    let wrong: Vec<_> = pages()
        .into_iter()
        .filter(|(code, page)| {
            !page.text.starts_with(&format!("# {code}\n"))
                || !page.text.contains("\n## What to do\n")
        })
        .map(|(_, page)| page.path)
        .collect();
    assert_none(
        &wrong,
        "begin with `# CODE` and have a section `## What to do`, as docs/errors/README.md shows:",
    );
}

#[test]
fn the_index_lists_every_page() {
    let index = crate::repository::read("docs/errors/README.md");
    let wrong: Vec<_> = pages()
        .into_keys()
        .filter(|code| !index.contains(&format!("[{code}]({code}.md)")))
        .collect();
    assert_none(&wrong, "add a row to docs/errors/README.md for:");
}

#[test]
fn codes_are_lower_case_words_joined_by_hyphens() {
    let all: BTreeSet<_> = shipped()
        .iter()
        .flat_map(|f| {
            f.shipped_code()
                .into_iter()
                .filter(|(_, line)| line.contains("ReasonCode::new(\""))
                .flat_map(|(number, line)| {
                    literals(line)
                        .into_iter()
                        .map(move |l| (l.to_owned(), number))
                        .collect::<Vec<_>>()
                })
                .map(|(literal, number)| (literal, f.at(number)))
                .collect::<Vec<_>>()
        })
        .collect();
    let wrong: Vec<_> = all
        .into_iter()
        .filter(|(code, _)| !is_code(code))
        .map(|(code, place)| format!("{place}: {code}"))
        .collect();
    assert_none(&wrong, "codes go to metrics and file names:");
}
