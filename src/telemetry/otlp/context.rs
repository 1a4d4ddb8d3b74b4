//! W3C Trace Context between spans and the header `traceparent`.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::MOST_LINKS;

/// The span goes on with the trace of this header, where it holds one.
pub(in super::super) fn continues(span: &Span, parent: Option<&str>) {
    if let Some(parent) = parent.and_then(parse) {
        let remote = Context::new().with_remote_span_context(parent);
        let _ = span.set_parent(remote);
    }
}

/// Links the span to each of these headers. Where all have one and it is the same it goes on
/// with that trace as well: an event that comes alone is one story from request to database.
pub(in super::super) fn link(span: &Span, parents: impl Iterator<Item = Option<impl AsRef<str>>>) {
    let most = usize::try_from(MOST_LINKS).unwrap_or(usize::MAX);
    let mut contexts: Vec<SpanContext> = Vec::new();
    let mut all = true;
    let mut last = None;
    for parent in parents {
        if contexts.len() == most {
            break;
        }
        let Some(parent) = parent else {
            all = false;
            continue;
        };
        // Events of one request come together.
        if last.as_ref().is_some_and(|last| same(last, &parent)) {
            continue;
        }
        match parse(parent.as_ref()) {
            Some(context) if !contexts.contains(&context) => contexts.push(context),
            Some(_) => {}
            None => all = false,
        }
        last = Some(parent);
    }
    if let ([only], true) = (contexts.as_slice(), all) {
        let remote = Context::new().with_remote_span_context(only.clone());
        let _ = span.set_parent(remote);
    }
    for context in contexts {
        span.add_link(context);
    }
}

fn same(one: &impl AsRef<str>, other: &impl AsRef<str>) -> bool {
    one.as_ref() == other.as_ref()
}

/// The header for what happens inside the span.
pub(in super::super) fn trace_parent(span: &Span) -> Option<String> {
    let context = span.context();
    let context = context.span().span_context().clone();
    let flags = context.trace_flags() & TraceFlags::SAMPLED;
    context.is_valid().then(|| {
        let (trace, span) = (context.trace_id(), context.span_id());
        format!("00-{trace}-{span}-{:02x}", flags.to_u8())
    })
}

/// `VERSION-TRACE-SPAN-FLAGS` in hexadecimal digits; a version to come may append to it.
fn parse(header: &str) -> Option<SpanContext> {
    let mut parts = header.split('-');
    let mut part = |length: usize| {
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        parts
            .next()
            .filter(|part| part.len() == length && part.bytes().all(lower))
    };
    let (version, trace, span, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    if version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_w3c_trace_context_says() {
        let given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = parse(given).unwrap();
        assert_eq!(
            context.trace_id().to_string(),
            "0af7651916cd43dd8448eb211c80319c"
        );
        assert_eq!(context.span_id().to_string(), "b7ad6b7169203331");
        assert!(context.is_sampled() && context.is_remote());
        assert!(parse(&given.replace("00-0", "42-0")).is_some());
        assert!(parse(&format!("42{}-more", &given[2..])).is_some());
        for bad in [
            "",
            "00-a-b-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333é-01",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
