//! Everything that a run found.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Area, Finding, Fix, Gap, Severity};

/// Everything that a run found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What is not as it should be, by area, the worst first.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub not_checked: Vec<Gap>,
}

impl Report {
    /// Adds findings and gaps, and puts them in order.
    pub fn extend(&mut self, findings: Vec<Finding>, gaps: Vec<Gap>) {
        self.findings.extend(findings);
        self.not_checked.extend(gaps);
        self.findings.sort_by(|a, b| {
            let key = |f: &Finding| (f.area, std::cmp::Reverse(f.severity));
            key(a)
                .cmp(&key(b))
                .then_with(|| (a.check, &a.subject).cmp(&(b.check, &b.subject)))
        });
        self.not_checked.sort_by_key(|gap| gap.area);
    }

    /// Leaves out what is not about these areas; none = all.
    #[must_use]
    pub fn only(mut self, areas: &BTreeSet<Area>) -> Self {
        let wanted = |area: Area| areas.is_empty() || areas.contains(&area);
        self.findings.retain(|finding| wanted(finding.area));
        self.not_checked.retain(|gap| wanted(gap.area));
        self
    }

    /// How many findings are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        let of = |finding: &&Finding| finding.severity == severity;
        self.findings.iter().filter(of).count()
    }

    /// Whether nothing is worse than a notice.
    pub fn is_healthy(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.severity == Severity::Notice)
    }

    /// What `--fix` would do, each once, in the order of the findings.
    pub fn fixes(&self) -> Vec<Fix> {
        let mut fixes: Vec<Fix> = Vec::new();
        for fix in self.findings.iter().filter_map(|f| f.fix.as_ref()) {
            if !fixes.contains(fix) {
                fixes.push(fix.clone());
            }
        }
        fixes
    }
}
