//! Traces and where they go.

use std::fmt::Display;

use crate::telemetry::Told;

super::records! { "fanout::traces";
    /// A program starts that has a collector.
    pub(crate) fn traces_go_out(endpoint: &str)
        INFO "traces are exported" { endpoint = endpoint }

    /// It has a collector, and nothing to export with.
    pub(crate) fn traces_are_not_built(endpoint: &str)
        WARN "this program was built without traces, the endpoint is of no account" {
            endpoint = endpoint,
        }

    /// The collector does not take them.
    #[cfg_attr(not(feature = "otlp"), allow(dead_code))]
    pub(crate) fn traces_lost(endpoint: &str, error: &dyn Display, told: Told)
        WARN "traces cannot be delivered" {
            endpoint = endpoint,
            error = display(error),
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }

    /// It does.
    #[cfg_attr(not(feature = "otlp"), allow(dead_code))]
    pub(crate) fn traces_delivered(told: Told)
        INFO "traces are delivered again" {
            suppressed = told.suppressed,
            seconds = told.seconds(),
        }
}
