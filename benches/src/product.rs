//! Products with their vectors, as a shop's embedding service publishes them.

use fanout::broker::{Message, Properties};

/// What small sentence embeddings have.
pub const DIMENSION: usize = 384;

/// One version of a product.
pub struct Product {
    /// Event id.
    pub id: String,
    /// The product.
    pub product: u32,
    /// Its vector.
    pub vector: Vec<f32>,
}

/// The products that [`crate::event::interactions`] of the same seed speak of, and on from
/// there: the same ones for the same seed.
pub fn products(first: u32, seed: u64, number: usize) -> impl Iterator<Item = Product> {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x5eed);
    (first..).take(number).map(move |product| Product {
        id: format!("{:016x}{product:016x}", random.u64(..)),
        product,
        vector: (0..DIMENSION).map(|_| random.f32() * 2.0 - 1.0).collect(),
    })
}

impl Product {
    /// The v1 envelope, about 4.5 KiB.
    pub fn body(&self) -> String {
        let vector: Vec<_> = self.vector.iter().map(f32::to_string).collect();
        format!(
            r#"{{"eventId":"{}","version":"v1","eventType":"product.upserted","timestamp":"2026-01-01T00:00:00Z","payload":{{"productId":{},"name":"product {}","category":"c{}","price":9.5,"vector":[{}]}}}}"#,
            self.id,
            self.product,
            self.product,
            self.product % 50,
            vector.join(","),
        )
    }

    /// As our publisher sends it.
    pub fn message(&self, exchange: &str) -> Message {
        let properties = Properties {
            message_id: Some(self.id.clone()),
            kind: Some("product.upserted".to_owned()),
            content_type: Some("application/json".to_owned()),
            persistent: true,
            ..Properties::default()
        };
        Message {
            exchange: exchange.to_owned(),
            routing_key: "product.upserted".to_owned(),
            properties,
            body: self.body().into(),
        }
    }
}
