//! What the packages of processors find at their destinations, as findings and gaps.

use fanout_contract::diagnosis::Diagnosis;

use super::{Area, Finding, Fix, Gap};

/// Findings and gaps of a destination; `processor` is the name under which it is registered.
pub fn of_destination(processor: &str, diagnosis: Diagnosis) -> (Vec<Finding>, Vec<Gap>) {
    let findings = diagnosis.symptoms.into_iter().map(|symptom| Finding {
        severity: symptom.severity,
        area: Area::Destinations,
        check: symptom.check.id,
        subject: symptom.subject,
        what: symptom.what,
        why: symptom.check.why,
        mend: symptom.mend,
        fix: symptom
            .prepare_mends
            .then(|| Fix::Prepare(processor.to_owned())),
    });
    let gaps = diagnosis.not_checked.into_iter();
    let gaps = gaps.map(|(what, mend)| Gap::new(Area::Destinations, what, mend));
    (findings.collect(), gaps.collect())
}
