//! A vhost with a topology that may have been tampered with, and the doctor looking at it.

use std::collections::{BTreeMap, BTreeSet};

use fanout::config::{Config, LoadOptions, Overrides, Secret};
use fanout::operate::doctor::{Area, Examination, Finding, Kinds, Report};
use fanout::topology::{Topology, definitions};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::rabbitmq::{RabbitMq, Vhost};
use crate::support::unique;

/// One queue with one retry stage: quorum queues are not for free.
pub const ONE_QUEUE: &str = "[queues.neo4j]\nretry_delays = [\"5s\"]\n\
                             [codec]\nmissing_id = \"reject\"\n";

const KINDS: Kinds = &[&["product.viewed", "view"], &["user.deleted"]];

pub struct Rig {
    pub vhost: Vhost,
    pub config: Config,
    _folder: TempDir,
}

impl Rig {
    /// A vhost of its own, configured by this text, with nothing in it.
    pub async fn empty(name: &str, text: &str) -> Self {
        Self::at(RabbitMq::shared().await, name, text).await
    }

    /// The same at another broker.
    pub async fn at(rabbitmq: &RabbitMq, name: &str, text: &str) -> Self {
        let vhost = rabbitmq.vhost(&format!("doctor-{name}")).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("fanout.toml");
        std::fs::write(&file, text).unwrap();
        let loaded = Config::load(LoadOptions {
            file: Some(&file),
            env: &BTreeMap::new(),
            overrides: Overrides::default(),
        });
        let mut config = loaded.unwrap_or_else(|errors| panic!("{errors}")).config;
        config.broker.urls = vec![vhost.url()];
        config.broker.management_url = Some(Secret::new(management_of(rabbitmq).await));
        config.spool.dir = folder.path().join("spool");
        Self {
            vhost,
            config,
            _folder: folder,
        }
    }

    /// With the configured topology, once `tamper` is through with its definitions.
    pub async fn with(name: &str, text: &str, tamper: impl FnOnce(&mut Value)) -> Self {
        let rig = Self::empty(name, text).await;
        let topology = Topology::from_config(&rig.config);
        let mut document = definitions(&topology, rig.vhost.name());
        tamper(&mut document);
        let path = format!("/api/definitions/{}", rig.vhost.name());
        rig.vhost.management().post(&path, &document).await;
        rig
    }

    /// From now on programs log in as a user without tags, who may this in the vhost.
    pub async fn add_user(&mut self, configure: &str, write: &str, read: &str) -> String {
        let user = unique("doctor");
        let management = self.vhost.management();
        let body = json!({"password": "pass", "tags": ""});
        management.put(&format!("/api/users/{user}"), &body).await;
        let path = self.vhost.path("permissions", &user);
        let body = json!({"configure": configure, "write": write, "read": read});
        management.put(&path, &body).await;
        let url = self
            .vhost
            .url()
            .expose()
            .replace("guest:guest", &format!("{user}:pass"));
        self.config.broker.urls = vec![Secret::new(url)];
        user
    }

    /// Everything but destinations.
    pub async fn examine(&self) -> Report {
        let kinds = BTreeMap::from([("neo4j".to_owned(), KINDS)]);
        let examination = Examination {
            config: &self.config,
            env: &BTreeMap::new(),
            files: &[],
            kinds: &kinds,
            areas: &BTreeSet::new(),
        };
        examination.run().await
    }

    /// What was found by this check.
    pub async fn of(&self, check: &str) -> Option<Finding> {
        let mut found = self.examine().await.findings.into_iter();
        found.find(|found| found.check == check)
    }

    /// What was found about this subject by this check.
    pub async fn find(&self, check: &str, subject: &str) -> Option<Finding> {
        let mut found = self.examine().await.findings.into_iter();
        found.find(|found| found.check == check && found.subject == subject)
    }
}

/// URL of the management API, with credentials of an administrator.
pub async fn management() -> String {
    management_of(RabbitMq::shared().await).await
}

async fn management_of(rabbitmq: &RabbitMq) -> String {
    let port = rabbitmq.container().host_port(15672).await;
    format!("http://guest:guest@127.0.0.1:{port}")
}

/// Ids of what is worse than a notice, and of the others.
pub fn ids(report: &Report) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let of = |notice: bool| {
        let severe = move |f: &&Finding| (f.severity.as_str() == "notice") == notice;
        report
            .findings
            .iter()
            .filter(severe)
            .map(|f| f.check)
            .collect()
    };
    (of(false), of(true))
}

/// Areas that the command is asked about where destinations are not meant.
pub fn at_the_broker() -> Vec<&'static str> {
    let areas = [Area::Queues, Area::Bindings];
    areas
        .iter()
        .flat_map(|area| ["--only", area.as_str()])
        .collect()
}
