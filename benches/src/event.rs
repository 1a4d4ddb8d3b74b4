//! The events that every side of a comparison works on.

use fanout::broker::{Message, Properties};

/// Users of a sample; each pair with a product is uniform, as in the reference figures.
const USERS: u32 = 5_000;
/// Products of a sample.
pub const PRODUCTS: u32 = 2_000;
/// Events of a user at most: a larger sample has more users, as a shop does.
const PER_USER: usize = 20;
/// Samples that share no user and no product.
const SAMPLES: u32 = 40_000;

/// One interaction.
pub struct Interaction {
    /// Event id.
    pub id: String,
    /// User.
    pub user: u32,
    /// Product.
    pub product: u32,
    /// Milliseconds since the epoch.
    pub at: i64,
}

/// Interactions that are the same for the same seed. Users and products are the seed's own:
/// merging a relationship takes the longer the more its nodes have, so that every
/// measurement has to start without any.
pub fn interactions(seed: u64, events: usize) -> impl Iterator<Item = Interaction> {
    let mut random = fastrand::Rng::with_seed(seed);
    let users = u32::try_from(events / PER_USER).map_or(USERS, |users| users.max(USERS));
    let sample = random.u32(..SAMPLES);
    let (first_user, first_product) = (sample * users, sample * PRODUCTS);
    (0..events).map(move |n| Interaction {
        id: format!("{:016x}{n:016x}", random.u64(..)),
        user: first_user + random.u32(..users),
        product: first_product + random.u32(..PRODUCTS),
        at: 1_760_000_000_000 + i64::from(random.u32(..86_400_000)),
    })
}

/// The first of the products that interactions of this seed speak of.
pub fn first_product(seed: u64) -> u32 {
    fastrand::Rng::with_seed(seed).u32(..SAMPLES) * PRODUCTS
}

impl Interaction {
    /// The v1 envelope, about 200 bytes.
    pub fn body(&self) -> String {
        let at = jiff::Timestamp::from_millisecond(self.at).unwrap_or_default();
        format!(
            r#"{{"eventId":"{}","version":"v1","eventType":"product.viewed","timestamp":"{at}","payload":{{"userId":{},"productId":{},"session":"s{}"}}}}"#,
            self.id, self.user, self.product, self.user,
        )
    }

    /// As our publisher sends it.
    pub fn message(&self, exchange: &str) -> Message {
        let properties = Properties {
            message_id: Some(self.id.clone()),
            kind: Some("product.viewed".to_owned()),
            content_type: Some("application/json".to_owned()),
            persistent: true,
            ..Properties::default()
        };
        Message {
            exchange: exchange.to_owned(),
            routing_key: "product.viewed".to_owned(),
            properties,
            body: self.body().into(),
        }
    }
}
