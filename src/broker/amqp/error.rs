//! lapin's errors and AMQP reply codes in our own words.

use std::future::Future;
use std::time::Duration;

use lapin::ErrorKind;
use tokio::time::timeout;

use crate::broker::{BrokerError, PublishError};

/// Awaits a call to the broker for at most `deadline`; lapin itself waits for ever.
pub(super) async fn within<T>(
    deadline: Duration,
    call: impl Future<Output = lapin::Result<T>>,
) -> Result<T, BrokerError> {
    match timeout(deadline, call).await {
        Ok(result) => result.map_err(|e| broker(&e)),
        Err(_) => Err(BrokerError::TimedOut(deadline)),
    }
}

/// The AMQP reply code and text, where the broker said why.
pub(super) fn reply(error: &lapin::Error) -> Option<(u16, &str)> {
    match error.kind() {
        ErrorKind::ProtocolError(e) => Some((e.get_id(), e.get_message().as_str())),
        _ => None,
    }
}

/// What an error of a call or a consumer means.
pub(super) fn broker(error: &lapin::Error) -> BrokerError {
    let Some((code, text)) = reply(error) else {
        return match error.kind() {
            ErrorKind::InvalidChannelState(..) | ErrorKind::InvalidChannel(_) => {
                BrokerError::ChannelClosed(error.to_string())
            }
            _ => BrokerError::NotConnected(error.to_string()),
        };
    };
    match code {
        // A limit on connections is no refusal of the user: it passes.
        403 | 530 if text.contains("limit") => BrokerError::NotConnected(text.to_owned()),
        403 | 530 => BrokerError::AccessRefused(text.to_owned()),
        404 => BrokerError::NotFound(text.to_owned()),
        501 if text.contains("frame too large") => BrokerError::NotConnected(format!(
            "{text}: the headers of a message in a queue are larger than the frame_max agreed \
             with the broker; raise frame_max there"
        )),
        _ if error.is_amqp_soft_error() => BrokerError::ChannelClosed(format!("{code} {text}")),
        _ => BrokerError::NotConnected(format!("{code} {text}")),
    }
}

/// What the end of the confirm channel means for one message that was on it. Only one message
/// caused it; for the others the outcome is unknown.
pub(super) fn publish(error: &lapin::Error, exchange: &str, bytes: usize) -> PublishError {
    let Some((code, text)) = reply(error) else {
        return PublishError::NotConnected(error.to_string());
    };
    let ours = text.contains(&format!("exchange '{exchange}'"));
    match code {
        404 if ours => PublishError::NoExchange(exchange.to_owned()),
        403 if ours => PublishError::AccessRefused(text.to_owned()),
        406 if text.contains(&format!("message size {bytes} is larger")) => {
            PublishError::TooLarge { bytes }
        }
        _ => PublishError::NotConnected(format!("{code} {text}")),
    }
}
