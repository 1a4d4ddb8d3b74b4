//! The environment of a program: its process's variables over those of a `.env` file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::{ConfigErrors, Origin, Problem};

/// The variables of `process` over those of the file, which need not exist. Variables that
/// are not UTF-8 are left out.
///
/// A `$` in an unquoted or double-quoted value of the file stands for another variable:
/// passwords belong in single quotes.
///
/// # Errors
/// The file cannot be read or understood. The problem does not quote the line, which may hold
/// a secret.
pub fn environment(
    file: &Path,
    process: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, String>, ConfigErrors> {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(problem(file, &dotenvy::Error::Io(error))),
    };
    // what Windows' editors put in front
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text);
    let entries = dotenvy::from_read_iter(text);
    let mut env = entries
        .collect::<Result<BTreeMap<_, _>, _>>()
        .map_err(|error| problem(file, &error))?;
    env.extend(
        process.into_iter().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }),
    );
    Ok(env)
}

fn problem(file: &Path, error: &dotenvy::Error) -> ConfigErrors {
    let rule = match error {
        dotenvy::Error::LineParse(_, column) => {
            format!(
                "has a line that cannot be understood, at column {}",
                column + 1
            )
        }
        dotenvy::Error::Io(error) => format!("cannot be read: {error}"),
        _ => "cannot be understood".to_owned(),
    };
    let origin = Origin::File {
        path: file.to_owned(),
        line: 0,
    };
    let hint = "each line is NAME=value; values with blanks or $ stand in single quotes";
    ConfigErrors::one(Problem::new("environment file", origin, rule).hint(hint))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(
        text: &str,
        process: &[(&str, &str)],
    ) -> Result<BTreeMap<String, String>, ConfigErrors> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        std::fs::write(&path, text).unwrap();
        environment(&path, process.iter().map(|(n, v)| (n.into(), v.into())))
    }

    #[test]
    fn the_process_is_above_the_file() {
        let env = read("A=1\nB='x $y z'\n", &[("A", "2"), ("C", "3")]).unwrap();
        let pairs: Vec<_> = env.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(pairs, ["A=2", "B=x $y z", "C=3"]);
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_are_no_part_of_it() {
        let env = read("\u{feff}A=1\r\nexport B=\"x y\" # why\r\n", &[]).unwrap();
        let pairs: Vec<_> = env.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(pairs, ["A=1", "B=x y"]);
    }

    #[test]
    fn a_missing_file_is_an_empty_one() {
        let env = environment(Path::new("/nonexistent/.env"), []).unwrap();
        assert!(env.is_empty());
    }

    #[test]
    fn a_line_that_cannot_be_understood_is_not_quoted() {
        let text = read("NEO4J_PASSWORD=two s3cret words\n", &[])
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("has a line that cannot be understood"),
            "{text}"
        );
        assert!(!text.contains("s3cret"), "{text}");
    }
}
