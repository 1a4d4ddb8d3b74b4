//! Settings of the dead-letter queues.

use super::super::Config;
use super::super::form::Form;
use super::{Field, LONGEST_TTL, SECOND};

type Setting = Field<Config>;

pub(super) static DLQ: &[Setting] = &[
    Setting::new(
        "dlq.message_ttl",
        Form::OrWord(&Form::Time(SECOND, LONGEST_TTL), "never"),
        |c| &mut c.dlq.message_ttl,
        "dead letters that wait longer are deleted by the broker",
    ),
    Setting::new(
        "dlq.audit_file",
        Form::Path,
        |c| &mut c.dlq.audit_file,
        "file that says who changed what in a dead-letter queue; only appended to",
    ),
    Setting::new(
        "dlq.redact",
        Form::List(&Form::Text),
        |c| &mut c.dlq.redact,
        "JSON pointers into a body, such as /payload/email: what stands there is masked where a body is shown",
    ),
];
