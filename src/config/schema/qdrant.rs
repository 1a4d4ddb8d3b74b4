//! Settings of the Qdrant server.

use super::super::Config;
use super::super::form::Form;
use super::super::urls::Kind;
use super::{Field, HOUR, SECOND, SHORTEST_CALL, Secrecy, TEN_YEARS};

type Setting = Field<Config>;

/// Far beyond any proportion that is meant.
const HEAVIEST: f64 = 1000.0;

pub(super) static QDRANT: &[Setting] = &[
    Setting::new(
        "qdrant.url",
        Form::Url(Kind::Grpc),
        |c| &mut c.qdrant.url,
        "the server's gRPC port; https:// for TLS",
    )
    .variable("QDRANT_URL"),
    Setting::new(
        "qdrant.api_key",
        Form::Text,
        |c| &mut c.qdrant.api_key,
        "API key; unset = none",
    )
    .secret(Secrecy::Hidden)
    .variable("QDRANT_API_KEY"),
    Setting::new(
        "qdrant.collection_prefix",
        Form::Text,
        |c| &mut c.qdrant.collection_prefix,
        "put before the names of the collections products, interactions, profiles, tombstones; \
         unset = nothing",
    ),
    Setting::new(
        "qdrant.dimension",
        // the largest that Qdrant takes
        Form::Whole(1, 65_536),
        |c| &mut c.qdrant.dimension,
        "dimension of the vectors; unset = that of the collection where it exists, else of the \
         first product, 384 where that has no vector",
    ),
    Setting::new(
        "qdrant.derive_vectors",
        Form::Flag,
        |c| &mut c.qdrant.derive_vectors,
        "a product without a vector gets one from its text, by feature hashing; false: it is \
         dead-lettered as qdrant-vector-missing",
    ),
    Setting::new(
        "qdrant.profiles",
        Form::Flag,
        |c| &mut c.qdrant.profiles,
        "whether the profiles of users are kept up to date",
    ),
    Setting::new(
        "qdrant.half_life",
        Form::Time(SECOND, TEN_YEARS),
        |c| &mut c.qdrant.half_life,
        "after this time an interaction counts half in a profile, from the newest one of its user",
    ),
    Setting::new(
        "qdrant.weights.view",
        Form::Number(0.0, HEAVIEST),
        |c| &mut c.qdrant.weights.view,
        "what a view weighs in a profile; only the proportions of the weights matter",
    ),
    Setting::new(
        "qdrant.weights.cart",
        Form::Number(0.0, HEAVIEST),
        |c| &mut c.qdrant.weights.cart,
        "what putting into the cart weighs",
    ),
    Setting::new(
        "qdrant.weights.remove_from_cart",
        Form::Number(-HEAVIEST, HEAVIEST),
        |c| &mut c.qdrant.weights.remove_from_cart,
        "what taking out of the cart weighs; below zero it takes back what was put in",
    ),
    Setting::new(
        "qdrant.weights.purchase",
        Form::Number(0.0, HEAVIEST),
        |c| &mut c.qdrant.weights.purchase,
        "what a purchase weighs",
    ),
    Setting::new(
        "qdrant.in_flight",
        Form::Whole(1, 64),
        |c| &mut c.qdrant.in_flight,
        "requests at once, of all lanes together; one shard takes updates one after the other",
    ),
    Setting::new(
        "qdrant.query_timeout",
        Form::Time(SHORTEST_CALL, HOUR),
        |c| &mut c.qdrant.query_timeout,
        "deadline of all requests for one batch, below the queue's deadline; where it is not set \
         and the deadline is shorter, five sixths of the deadline",
    ),
    Setting::new(
        "qdrant.tls.ca_file",
        Form::Path,
        |c| &mut c.qdrant.tls.ca_file,
        "PEM file with the certificate authorities to trust instead of the system's",
    ),
    Setting::new(
        "qdrant.tls.cert_file",
        Form::Path,
        |c| &mut c.qdrant.tls.cert_file,
        "PEM file with the client certificate chain; needs key_file",
    ),
    Setting::new(
        "qdrant.tls.key_file",
        Form::Path,
        |c| &mut c.qdrant.tls.key_file,
        "PEM file with the client's private key; needs cert_file",
    ),
    Setting::new(
        "qdrant.tls.server_name",
        Form::Text,
        |c| &mut c.qdrant.tls.server_name,
        "name to expect in the server's certificate, where it is not the URL's host",
    ),
];
