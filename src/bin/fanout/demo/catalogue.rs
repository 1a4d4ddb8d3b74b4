//! What the shop sells, and where its products lie in the space of tastes.

/// Dimension of the vectors: enough to keep the categories apart, small enough to read.
pub(super) const DIMENSION: usize = 32;
/// How far a product lies from the middle of its category, for each dimension.
const SPREAD: f64 = 0.12;

const ADJECTIVES: [&str; 12] = [
    "Classic", "Light", "Sturdy", "Quiet", "Bright", "Compact", "Warm", "Swift", "Plain", "Bold",
    "Northern", "Evening",
];

/// Categories, each with what is sold in it.
const CATEGORIES: [(&str, [&str; 6]); 8] = [
    (
        "kitchen",
        ["kettle", "mug", "pan", "knife", "teapot", "scale"],
    ),
    (
        "outdoor",
        ["tent", "stove", "lantern", "hammock", "bottle", "compass"],
    ),
    (
        "shoes",
        ["boot", "sneaker", "sandal", "clog", "loafer", "slipper"],
    ),
    (
        "light",
        [
            "desk lamp",
            "candle",
            "torch",
            "ceiling lamp",
            "fairy light",
            "night light",
        ],
    ),
    (
        "sound",
        [
            "headphones",
            "speaker",
            "turntable",
            "radio",
            "microphone",
            "soundbar",
        ],
    ),
    (
        "books",
        [
            "novel",
            "atlas",
            "cookbook",
            "biography",
            "comic",
            "dictionary",
        ],
    ),
    (
        "bicycles",
        ["saddle", "helmet", "lock", "pump", "bell", "pannier"],
    ),
    (
        "garden",
        ["spade", "rake", "planter", "hose", "shears", "bench"],
    ),
];

/// How many categories there are.
pub(super) const COUNT: usize = CATEGORIES.len();

/// A product.
#[derive(Clone, Debug)]
pub(super) struct Product {
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) category: usize,
    pub(super) price: f64,
    pub(super) vector: Vec<f64>,
}

impl Product {
    /// Name of its category.
    pub(super) fn category(&self) -> &'static str {
        CATEGORIES.get(self.category).map_or("", |(name, _)| name)
    }
}

/// So many products, their categories in turn.
pub(super) fn products(count: u32, random: &mut fastrand::Rng) -> Vec<Product> {
    let middles: Vec<Vec<f64>> = (0..COUNT).map(|_| direction(random)).collect();
    (0..count)
        .map(|number| {
            let category = number as usize % COUNT;
            let middle = middles.get(category).map_or(&[][..], Vec::as_slice);
            let vector = middle
                .iter()
                .map(|x| x + SPREAD * (random.f64() - 0.5))
                .collect();
            Product {
                id: 1_000 + number,
                name: name(number as usize, category),
                category,
                price: f64::from(random.u32(300..20_000)) / 100.0,
                vector,
            }
        })
        .collect()
}

/// A name of its own for each: noun and adjective run through, then a number.
fn name(number: usize, category: usize) -> String {
    let place = number / COUNT;
    let (_, nouns) = CATEGORIES.get(category).copied().unwrap_or_default();
    let noun = nouns.get(place % nouns.len()).copied().unwrap_or_default();
    let place = place / nouns.len();
    let adjective = ADJECTIVES
        .get(place % ADJECTIVES.len())
        .copied()
        .unwrap_or_default();
    match place / ADJECTIVES.len() {
        0 => format!("{adjective} {noun}"),
        mark => format!("{adjective} {noun} Mk {}", mark + 1),
    }
}

/// A random direction of length one.
fn direction(random: &mut fastrand::Rng) -> Vec<f64> {
    let raw: Vec<f64> = (0..DIMENSION).map(|_| random.f64() - 0.5).collect();
    let length = raw.iter().map(|x| x * x).sum::<f64>().sqrt();
    raw.into_iter().map(|x| x / length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_product_has_a_name_of_its_own_and_lies_near_its_category() {
        let products = products(1_000, &mut fastrand::Rng::with_seed(1));
        let names: BTreeSet<_> = products.iter().map(|p| &p.name).collect();
        assert_eq!(names.len(), 1_000);
        let cosine = |a: &Product, b: &Product| {
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
            dot(&a.vector, &b.vector)
                / (dot(&a.vector, &a.vector) * dot(&b.vector, &b.vector)).sqrt()
        };
        let (first, same, other) = (&products[0], &products[COUNT], &products[1]);
        assert_eq!(first.category(), same.category());
        assert!(cosine(first, same) > 0.9, "{}", cosine(first, same));
        assert!(cosine(first, other) < cosine(first, same));
    }
}
