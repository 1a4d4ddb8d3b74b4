//! JSON Schemas for the payloads of kinds, from a folder: a file `KIND.json` each.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;

/// Reason code of a payload that does not fit.
const CODE: &str = "schema-mismatch";
/// Places of a payload that are named, and characters each is told in.
const NAMED: usize = 3;
const LONGEST: usize = 200;

/// Why a folder of schemas cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The folder or a file cannot be read.
    #[error("'{}' cannot be read: {error}", .path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// A file is no JSON Schema, or refers to another document.
    #[error("'{}' is no JSON Schema that can be used: {reason}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The schemas, by kind.
#[derive(Debug, Default)]
pub struct Schemas(BTreeMap<String, Validator>);

/// Why a payload does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mismatch(String);

impl Schemas {
    /// Reads all `*.json` files of a folder. The draft is the one that `$schema` names, else
    /// 2020-12; nothing is fetched.
    ///
    /// # Errors
    /// See [`SchemaError`].
    pub fn read(dir: &Path) -> Result<Self, SchemaError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            |error| SchemaError::Unreadable { path, error }
        };
        let mut schemas = BTreeMap::new();
        for entry in fs::read_dir(dir).map_err(unreadable(dir))? {
            let path = entry.map_err(unreadable(dir))?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
            let validator = compiled(&text).map_err(|reason| {
                let path = path.clone();
                SchemaError::Invalid { path, reason }
            })?;
            let kind = path.file_stem().unwrap_or_default().to_string_lossy();
            schemas.insert(kind.into_owned(), validator);
        }
        Ok(Self(schemas))
    }

    /// The kinds that have one.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether this payload of this kind fits.
    ///
    /// # Errors
    /// The places that do not, for people.
    pub fn fits(&self, kind: &str, payload: &[u8]) -> Result<(), String> {
        self.check(kind, payload).map_err(|mismatch| mismatch.0)
    }

    /// Whether this payload of this kind fits; a kind without a schema always does.
    pub(super) fn check(&self, kind: &str, payload: &[u8]) -> Result<(), Mismatch> {
        let Some(validator) = self.0.get(kind) else {
            return Ok(());
        };
        let payload: Value = serde_json::from_slice(payload)
            .map_err(|error| Mismatch(format!("the payload is no JSON: {error}")))?;
        let errors = validator.iter_errors(&payload).take(NAMED);
        let told: Vec<String> = errors
            .map(|error| {
                let told = format!("at '{}': {error}", error.instance_path());
                told.chars().take(LONGEST).collect()
            })
            .collect();
        match told.is_empty() {
            true => Ok(()),
            false => Err(Mismatch(told.join("; "))),
        }
    }
}

fn compiled(text: &str) -> Result<Validator, String> {
    let schema: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    jsonschema::validator_for(&schema).map_err(|error| error.to_string())
}

impl Mismatch {
    /// Stable code.
    pub(super) fn code(&self) -> &'static str {
        CODE
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the payload does not fit the schema of its kind: {}",
            self.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Schemas, SchemaError> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        Schemas::read(dir.path())
    }

    #[test]
    fn files_are_named_by_kind_and_others_are_passed_over() {
        let schemas = read(&[("order.placed.json", "{}"), ("README.md", "x")]).unwrap();
        assert_eq!(schemas.kinds().collect::<Vec<_>>(), ["order.placed"]);
    }

    #[test]
    fn a_payload_is_held_to_the_schema_of_its_kind_only() {
        let schema = r#"{"required":["a"],"properties":{"a":{"type":"integer","minimum":1}}}"#;
        let schemas = read(&[("k.json", schema)]).unwrap();
        assert_eq!(schemas.check("k", br#"{"a":1}"#), Ok(()));
        assert_eq!(schemas.check("other", b"{}"), Ok(()));
        let mismatch = schemas.check("k", br#"{"a":0}"#).unwrap_err().to_string();
        assert!(mismatch.contains("at '/a'"), "{mismatch}");
        assert!(schemas.check("k", b"\xff").is_err());
    }

    #[test]
    fn what_is_no_schema_or_needs_the_network_is_refused_by_its_path() {
        let remote = r#"{"$ref":"https://example.com/schema.json"}"#;
        for text in ["{", r#"{"type":"nothing"}"#, remote] {
            let error = read(&[("k.json", text)]).unwrap_err().to_string();
            assert!(error.contains("k.json"), "{error}");
        }
        assert!(Schemas::read(Path::new("/nonexistent")).is_err());
    }
}
