//! What must not be in the repository.

use crate::repository::{Source, assert_none, files, read, rust};

/// Hosts that anybody can reach, or that mean the reader's own machine.
const KNOWN_HOSTS: [&str; 25] = [
    "127.0.0.1",
    "0.0.0.0",
    "localhost",
    "crates.io",
    "datatracker.ietf.org",
    "deb.debian.org",
    "doc.rust-lang.org",
    "docs.docker.com",
    "docs.rs",
    "example.com",
    "example.org",
    "github.com",
    "json.schemastore.org",
    "keepachangelog.com",
    "maven.apache.org",
    "neo4j.com",
    "opentelemetry.io",
    "prometheus.io",
    "qdrant.tech",
    "repo.maven.apache.org",
    "semver.org",
    "toml.io",
    "www.apache.org",
    "www.rabbitmq.com",
    "www.w3.org",
];

/// Names that can be nobody's: of examples (RFC 2606), and of services inside a cluster.
fn made_up(host: &str) -> bool {
    host.ends_with(".example.com") || host.ends_with(".svc")
}

/// Where a path below a home or a work folder of one machine starts.
const MACHINE_PATHS: [&str; 4] = ["/home/", "/root/", "/Users/", "/work/"];

/// This file names what it looks for.
fn all_but_this() -> Vec<Source> {
    let mut found = files();
    found.retain(|f| f.path != "tests/architecture/hygiene.rs" && f.path != "Cargo.lock");
    found
}

fn lines_where(sources: &[Source], wrong: impl Fn(&str) -> bool) -> Vec<String> {
    sources
        .iter()
        .flat_map(|f| {
            f.text
                .lines()
                .enumerate()
                .filter(|(_, line)| wrong(line))
                .map(|(index, line)| format!("{}: {}", f.at(index + 1), line.trim()))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Whether `word` stands in `line` between characters that are no letters.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !letter(line[..start].chars().next_back())
            && !letter(line[start + word.len()..].chars().next())
    })
}

#[test]
fn nothing_is_left_for_later() {
    let words = ["TODO", "FIXME", "XXX", "todo!", "unimplemented!"];
    let wrong = lines_where(&all_but_this(), |line| {
        words.iter().any(|word| has_word(line, word))
    });
    assert_none(&wrong, "do it, or open an issue and remove the note:");
}

/// Whether all tests of a file run on a paused clock, where a sleep moves time and waits for nothing.
fn only_paused_tests(text: &str) -> bool {
    let tests = text.matches("#[tokio::test").count();
    tests > 0 && tests == text.matches("start_paused = true").count()
}

#[test]
fn no_test_sleeps_to_wait() {
    let mut wrong = Vec::new();
    for source in rust(&["tests/", "examples/", "workers/", "src/"]) {
        let in_tests = source.path.starts_with("tests/") || source.path.contains("/tests");
        if !in_tests || only_paused_tests(&source.text) {
            continue;
        }
        let mut before = "";
        for (index, line) in source.text.lines().enumerate() {
            let explained = line.contains("// sleep: ") || before.contains("// sleep: ");
            let sleeps = line.contains("sleep(") && !line.trim_start().starts_with("//");
            if sleeps && !explained && !source.path.ends_with("hygiene.rs") {
                wrong.push(format!("{}: {}", source.at(index + 1), line.trim()));
            }
            if !line.trim_start().starts_with("#[") {
                before = line;
            }
        }
    }
    assert_none(
        &wrong,
        "poll with a deadline (`eventually`), wait for a signal, or pause the clock. Where a \
         sleep is the thing itself, say why in a comment `// sleep: REASON` above it:",
    );
}

#[test]
fn no_path_of_one_machine_is_in_the_repository() {
    let wrong = lines_where(&all_but_this(), |line| {
        MACHINE_PATHS.iter().any(|path| {
            line.match_indices(path).any(|(start, _)| {
                let before = line[..start].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || "._-}*".contains(c))
            })
        })
    });
    assert_none(
        &wrong,
        "use a path below the repository, or one from the environment:",
    );
}

#[test]
fn every_address_is_one_that_anybody_can_reach() {
    let wrong = lines_where(&all_but_this(), |line| {
        ["http://", "https://"].iter().any(|scheme| {
            line.match_indices(scheme).any(|(start, _)| {
                let host: String = line[start + scheme.len()..]
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || ".-".contains(*c))
                    .collect();
                // Without a dot it is a service of the compose file or a variable.
                host.contains('.') && !KNOWN_HOSTS.contains(&host.as_str()) && !made_up(&host)
            })
        })
    });
    assert_none(
        &wrong,
        "a mirror or a private host does not belong here; a public one goes into KNOWN_HOSTS:",
    );
}

#[test]
fn packages_come_from_the_public_registries() {
    let wrong: Vec<_> = read("Cargo.lock")
        .lines()
        .filter(|line| line.starts_with("source = "))
        .filter(|line| {
            *line != "source = \"registry+https://github.com/rust-lang/crates.io-index\""
        })
        .map(str::to_owned)
        .collect();
    assert_none(
        &wrong,
        "every dependency comes from crates.io, these do not:",
    );
    let words = ["replace-with", "index-url", "GOPROXY=", "registry-mirrors"];
    let wrong = lines_where(&all_but_this(), |line| {
        words.iter().any(|word| line.contains(word))
    });
    assert_none(
        &wrong,
        "a mirror is the business of one machine, not of the project:",
    );
}

/// Where the records of the catalogue are emitted.
const TELLERS: &str = "src/telemetry/";

#[test]
fn what_an_operator_reads_is_told_by_the_catalogue_only() {
    let levels = ["info!(", "warn!(", "error!("];
    let mut wrong = Vec::new();
    for source in rust(&["src/"]) {
        if source.path.starts_with(TELLERS) {
            continue;
        }
        for (number, line) in source.shipped_code() {
            if line.contains("tracing::") && levels.iter().any(|level| line.contains(level)) {
                wrong.push(format!("{}: {}", source.at(number), line.trim()));
            }
        }
    }
    assert_none(
        &wrong,
        "put the record into src/telemetry/log and its row into docs/operations/logs.md, and \
         call that:",
    );
}

/// Messages of the records that a package emits by `tracing`, from info upwards.
fn messages(package: &str) -> Vec<String> {
    let mut found = Vec::new();
    for source in rust(&[package]) {
        let code: String = source.shipped_code().iter().map(|(_, l)| *l).collect();
        for level in ["tracing::info!(", "tracing::warn!(", "tracing::error!("] {
            for call in code.split(level).skip(1) {
                let call = call.split(");").next().unwrap_or_default();
                found.extend(call.rsplit('"').nth(1).map(str::to_owned));
            }
        }
    }
    found
}

#[test]
fn the_records_of_the_processors_are_promised_too() {
    let page = read("docs/operations/logs.md");
    let mut wrong = Vec::new();
    for (package, target) in [
        ("workers/neo4j/src/", "fanout_neo4j"),
        ("workers/qdrant/src/", "fanout_qdrant"),
    ] {
        let section = page.split(&format!("\n## `{target}`\n")).nth(1);
        let section = section.unwrap_or_default().split("\n## ").next();
        let rows: Vec<_> = section
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(message, _)| message.to_owned())
            .collect();
        let emitted = messages(package);
        assert!(!emitted.is_empty(), "{package}: no records were found");
        let missing = emitted.iter().filter(|m| !rows.contains(m));
        wrong.extend(missing.map(|m| format!("{target}: lacks {m}")));
        let invented = rows.iter().filter(|m| !emitted.contains(m));
        wrong.extend(invented.map(|m| format!("{target}: invents {m}")));
    }
    assert_none(&wrong, "docs/operations/logs.md:");
}
