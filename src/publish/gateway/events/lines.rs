//! A body of lines, an event each, taken as they arrive.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use super::super::budget::Held;
use super::super::{Gateway, STREAM_WITHIN};
use super::body::{broken, no_room, too_large, too_slow};
use crate::operate::HttpProblem;

/// An event and the memory it takes, or why there is none. After a problem of the stream
/// itself nothing more comes; a line that is too long is passed over.
pub(super) type Line = Result<(Bytes, Held), HttpProblem>;

/// The lines of `body` that are not empty.
pub(super) fn split(gateway: &Gateway, body: Body) -> BoxStream<'_, Line> {
    let limits = &gateway.config.gateway;
    let lines = Lines {
        gateway,
        body: body.into_data_stream(),
        buffer: BytesMut::new(),
        held: Held::default(),
        searched: 0,
        skipping: false,
        ended: false,
        events: 0,
        longest: gateway
            .config
            .broker
            .max_message_bytes
            .min(limits.max_buffered),
        pause: limits.body_timeout,
        until: Instant::now() + STREAM_WITHIN,
    };
    stream::unfold(lines, |mut lines| async move {
        let line = lines.next().await?;
        Some((line, lines))
    })
    .boxed()
}

struct Lines<'g> {
    gateway: &'g Gateway,
    body: BodyDataStream,
    buffer: BytesMut,
    held: Held,
    /// Bytes of the buffer known to hold no line end.
    searched: usize,
    /// The rest of a line that is too long is being passed over.
    skipping: bool,
    ended: bool,
    events: usize,
    longest: usize,
    pause: Duration,
    until: Instant,
}

impl Lines<'_> {
    async fn next(&mut self) -> Option<Line> {
        loop {
            while let Some(line) = self.buffered() {
                if self.skipping {
                    self.skipping = false;
                } else if !line.trim_ascii().is_empty() {
                    return Some(self.event(line).await);
                }
            }
            if self.ended {
                return None;
            }
            // What is left holds no line end.
            if self.buffer.len() > self.longest {
                self.buffer.clear();
                self.searched = 0;
                if !std::mem::replace(&mut self.skipping, true) {
                    self.events += 1;
                    return Some(Err(too_large(self.longest)));
                }
            }
            if let Err(problem) = self.fill().await {
                (self.ended, self.buffer) = (true, BytesMut::new());
                return Some(Err(problem));
            }
        }
    }

    /// A line that is there as a whole, without its end.
    fn buffered(&mut self) -> Option<Bytes> {
        let unseen = self.buffer.get(self.searched..).unwrap_or_default();
        if let Some(found) = unseen.iter().position(|byte| *byte == b'\n') {
            let line = self.buffer.split_to(self.searched + found + 1).freeze();
            self.searched = 0;
            return Some(line.slice(..line.len() - 1));
        }
        self.searched = self.buffer.len();
        if self.ended && !self.buffer.is_empty() {
            self.searched = 0;
            return Some(self.buffer.split().freeze());
        }
        None
    }

    async fn event(&mut self, line: Bytes) -> Line {
        let most = self.gateway.config.gateway.max_events;
        if self.events == most {
            (self.ended, self.buffer) = (true, BytesMut::new());
            let detail = format!("more than {most} events; go on with this one in another request");
            return Err(HttpProblem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        self.events += 1;
        let _ = self
            .gateway
            .budget
            .resize(&mut self.held, self.buffer.len());
        let room = self.gateway.budget.wait_for(line.len());
        match timeout_at(Instant::now() + self.pause, room).await {
            Ok(held) => Ok((line.slice_ref(line.trim_ascii()), held)),
            Err(_) => {
                (self.ended, self.buffer) = (true, BytesMut::new());
                Err(no_room())
            }
        }
    }

    /// The next piece of the body into the buffer.
    async fn fill(&mut self) -> Result<(), HttpProblem> {
        let until = self.until.min(Instant::now() + self.pause);
        match timeout_at(until, self.body.next()).await {
            Err(_) if until == self.until => Err(too_slow(STREAM_WITHIN)),
            Err(_) => Err(too_slow(self.pause)),
            Ok(None) => {
                self.ended = true;
                Ok(())
            }
            Ok(Some(Err(error))) => Err(broken(&error)),
            Ok(Some(Ok(chunk))) => {
                let length = self.buffer.len().saturating_add(chunk.len());
                if !self.gateway.budget.resize(&mut self.held, length) {
                    return Err(no_room());
                }
                self.buffer.extend_from_slice(&chunk);
                Ok(())
            }
        }
    }
}
