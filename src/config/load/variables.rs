//! The environment, as a map.

use std::collections::BTreeMap;
use std::path::Path;

use ::url::Url;

use super::super::form::Fault;
use super::super::raw::{Raw, quoted};
use super::super::schema::{Field, QUEUE, Secrecy, settings};
use super::super::urls::Part;
use super::super::{Config, Origin, Problem, Secret};
use super::Report;
use super::entries::quoted_key;
use super::file::read_text;

type Env = BTreeMap<String, String>;

/// Far above any real secret.
const LARGEST_SECRET: u64 = 64 << 10;

/// A variable that is set; the empty text counts as unset, as Compose writes it for
/// `${NAME:-}`.
pub(super) fn value<'e>(env: &'e Env, name: &str) -> Option<&'e str> {
    env.get(name).map(String::as_str).filter(|v| !v.is_empty())
}

/// Writes the variables over the configuration.
pub(super) fn apply(config: &mut Config, report: &mut Report, env: &Env) {
    for field in settings() {
        let name = field.variable_name();
        if let Some(text) = given(report, env, &name, field.secrecy) {
            report.assign(field, config, field.key, &Raw::Loose(text.0), text.1);
        }
    }
    for field in QUEUE {
        for_every_queue(config, report, env, field);
    }
    parts(config, report, env);
}

fn for_every_queue(
    config: &mut Config,
    report: &mut Report,
    env: &Env,
    field: &Field<super::super::QueueConfig>,
) {
    let Some((name, text)) = field
        .variable_for_all()
        .and_then(|name| Some((name, value(env, name)?)))
    else {
        return;
    };
    let origin = Origin::Variable(name.to_owned());
    let raw = Raw::Loose(text.to_owned());
    if let Err(fault) = field.form.read(&raw) {
        report.refuse(name, origin, fault, raw.shown());
        for key in config.queues.keys() {
            report.distrust(&format!("queues.{}.{}", quoted_key(key), field.key));
        }
        return;
    }
    for (key, queue) in &mut config.queues {
        let key = format!("queues.{}.{}", quoted_key(key), field.key);
        report.assign(field, queue, &key, &raw, origin.clone());
    }
}

/// The text of a variable, or for a secret that of the file which `NAME_FILE` names.
fn given(report: &mut Report, env: &Env, name: &str, secrecy: Secrecy) -> Option<(String, Origin)> {
    let direct = value(env, name);
    let file_variable = format!("{name}_FILE");
    let path = value(env, &file_variable).filter(|_| secrecy != Secrecy::Open);
    let origin = Origin::Variable(file_variable.clone());
    match (direct, path) {
        (Some(text), None) => Some((text.to_owned(), Origin::Variable(name.to_owned()))),
        (None, None) => None,
        (Some(_), Some(path)) => {
            report.problems.push(
                Problem::new(
                    &file_variable,
                    origin,
                    format!("must not be set beside {name}"),
                )
                .value(quoted(path))
                .hint("keep one of the two"),
            );
            None
        }
        (None, Some(path)) => match read_text(Path::new(path), LARGEST_SECRET) {
            Ok(text) => {
                let text = text.trim_end_matches(['\r', '\n']).to_owned();
                (!text.is_empty()).then_some((text, origin))
            }
            Err(error) => {
                report.problems.push(
                    Problem::new(&file_variable, origin, error.rule)
                        .value(quoted(path))
                        .hint(format!(
                            "the file holds the value of {name}, and this user may read it"
                        )),
                );
                None
            }
        },
    }
}

const PARTS: [(&str, Part, Secrecy); 5] = [
    ("RABBITMQ_HOSTNAME", Part::Hostname, Secrecy::Open),
    ("RABBITMQ_PORT", Part::Port, Secrecy::Open),
    ("RABBITMQ_USER", Part::User, Secrecy::Open),
    ("RABBITMQ_PASSWORD", Part::Password, Secrecy::Hidden),
    ("RABBITMQ_VHOST", Part::Vhost, Secrecy::Open),
];

/// The parts of the broker's URL replace those of the configured URLs, unless `RABBITMQ_URL`
/// is set: it wins, and what Kubernetes injects as `RABBITMQ_PORT` is then of no account.
fn parts(config: &mut Config, report: &mut Report, env: &Env) {
    let whole = ["RABBITMQ_URL", "RABBITMQ_URL_FILE"]
        .iter()
        .any(|name| value(env, name).is_some());
    let whole_is_good =
        whole && report.origins.is_explicit("broker.urls") && report.trusts(&["broker.urls"]);
    let mut used = Vec::new();
    for (name, part, secrecy) in PARTS {
        let Some((text, origin)) = given(report, env, name, secrecy) else {
            continue;
        };
        if whole_is_good && text.starts_with("tcp://") {
            continue;
        }
        match part.check(&text) {
            Ok(()) => used.push((name, part, text)),
            Err(fault) => {
                report.refuse(name, origin, fault, quoted(&secrecy.mask(&text)));
                report.distrust("broker.urls");
            }
        }
    }
    if whole || used.is_empty() {
        return;
    }
    match replaced(&config.broker.urls, &used) {
        Ok(urls) => {
            config.broker.urls = urls;
            let names: Vec<_> = used.iter().map(|(name, ..)| *name).collect();
            report
                .origins
                .set("broker.urls", Origin::Variable(names.join(", ")));
        }
        Err(fault) => {
            let origin = report.origins.of("broker.urls");
            report.refuse("broker.urls", origin, fault, "***".to_owned());
        }
    }
}

/// The URLs with these parts replaced; those that become the same are one.
fn replaced(urls: &[Secret], parts: &[(&str, Part, String)]) -> Result<Vec<Secret>, Fault> {
    let mut replaced: Vec<Secret> = Vec::new();
    for secret in urls {
        let mut url = Url::parse(secret.expose())
            .map_err(|error| Fault::new(format!("must be a URL: {error}"), ""))?;
        for (_, part, text) in parts {
            part.apply(&mut url, text)?;
        }
        let secret = Secret::new(url);
        if !replaced.contains(&secret) {
            replaced.push(secret);
        }
    }
    Ok(replaced)
}
