//! A service that publishes, and answers its own callers whether RabbitMQ is there or not.
//!
//! ```text
//! cargo run --example publisher --no-default-features
//! ```
//!
//! Stop the broker meanwhile: the answers become `spooled`, and nothing else changes.

use std::collections::BTreeMap;
use std::time::Duration;

use fanout::config::{Config, LoadOptions, Overrides};
use fanout::publish::{Draft, Intake, Publisher};
use serde_json::json;

/// How long the end waits for confirms.
const FLUSH: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let env: BTreeMap<_, _> = std::env::vars().collect();
    let loaded = Config::load(LoadOptions {
        file: None,
        env: &env,
        overrides: Overrides::default(),
    })?;
    let publisher = Publisher::start(&loaded.config).await?;
    for number in 1..=20 {
        let order = json!({"orderId": number, "items": [{"productId": 7, "quantity": 1}]});
        let event = Draft::new("order.placed", &order)?.subject(format!("order-{number}"));
        match publisher.publish(event).await {
            Ok((id, accepted)) => println!("{id} {}", accepted.as_str()),
            Err(refused) => println!("refused: {refused} ({})", refused.code()),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let waiting = publisher.backlog().messages;
    let left = publisher.shut_down(FLUSH).await;
    println!(
        "{waiting} waited in the spool, {} are left there",
        left.messages
    );
    Ok(())
}
