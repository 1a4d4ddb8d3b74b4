//! The configuration as text: resolved with origins, the documented defaults, the reference.
//!
//! All of it comes from the table of settings, so that documentation and code cannot drift
//! apart. Secrets are masked in what is resolved; the defaults hold none.

mod print;
mod reference;
mod view;

#[cfg(test)]
mod tests;

pub use print::{defaults, json, toml};
pub use reference::reference;
