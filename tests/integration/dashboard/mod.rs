//! The page at `/` in Chromium, in front of RabbitMQ.

mod browser;

use std::time::Duration;

use serde_json::json;

use self::browser::{Browser, ENTER, ESCAPE};
use crate::gateway_program::Gateway;
use crate::support::eventually;
use crate::support::rabbitmq::{RabbitMq, Vhost};

const SOON: Duration = Duration::from_secs(60);
const TOKEN: &str = "s3cret";

async fn shows(browser: &Browser, id: &str, text: &str) {
    eventually(&format!("{id} shows {text:?}"), SOON, async || {
        browser.text(id).contains(text).then_some(())
    })
    .await;
}

/// A dead letter that would be a script where the page took it for one.
async fn dead_letter(vhost: &Vhost, id: &str) {
    let properties = json!({
        "delivery_mode": 2, "message_id": id, "type": "product.viewed",
        "headers": {
            "fanout-reason": "payload-invalid", "fanout-attempt": 1,
            "fanout-error": "<img src=x onerror=\"document.title='broken'\"> is no user",
            "fanout-origin-queue": "events.neo4j",
        },
    });
    vhost.publish_raw("events.dlq", properties, "{}").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Docker: run scripts/test"]
async fn an_operator_with_a_keyboard_pauses_looks_into_dead_letters_and_replays_them() {
    let (rabbit, browser) = tokio::join!(RabbitMq::shared(), Browser::start());
    let vhost = rabbit.vhost("dashboard").await;
    let gateway = Gateway::with(vec![
        ("RABBITMQ_URL".to_owned(), vhost.url().expose().to_owned()),
        ("FANOUT_API_TOKEN".to_owned(), TOKEN.to_owned()),
    ]);
    gateway.connected().await;
    dead_letter(&vhost, "one").await;
    browser.open(&format!("http://{}/", gateway.addr().await));
    shows(&browser, "state", "healthy").await;
    shows(&browser, "queues", "events.qdrant").await;
    shows(&browser, "dead-state", "this needs the API token").await;

    browser.tab_to("token");
    browser.write(TOKEN);
    browser.tab_to("Pause events.neo4j");
    browser.press(&[ENTER]);
    shows(&browser, "queues", "paused").await;
    browser.tab_to("Resume events.neo4j");
    shows(&browser, "dead-state", "1 dead letters in one group").await;

    let name = "payload-invalid, product.viewed";
    browser.tab_to(&format!("Preview {name}"));
    browser.press(&[ENTER]);
    shows(&browser, "ask", "\"id\": \"one\"").await;
    browser.press(&[ESCAPE]);
    browser.tab_to(&format!("Replay {name}"));
    browser.press(&[ENTER]);
    shows(&browser, "ask", "1 events go back to events.neo4j").await;
    let focused = browser.run("return document.activeElement.id");
    assert_eq!(focused, "ask-close", "Enter by accident changes nothing");
    browser.tab_to("ask-do");
    browser.press(&[ENTER]);
    eventually("it is back in its queue", SOON, async || {
        let path = vhost.path("queues", "events.neo4j");
        (vhost.management().get(&path).await["messages"] == 1).then_some(())
    })
    .await;
    assert_eq!(browser.run("return document.title"), "fanout");

    // As narrow as a telephone: what is wide scrolls by itself, not the page.
    browser.resize(380, 800);
    let fits = "return document.documentElement.scrollWidth <= window.innerWidth";
    assert_eq!(browser.run(fits), true);
}
