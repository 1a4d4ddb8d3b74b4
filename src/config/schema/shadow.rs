//! Settings of the shadow of parallel mode.

use super::super::Config;
use super::super::form::Form;
use super::super::urls::Kind;
use super::{Field, Secrecy};

type Setting = Field<Config>;

pub(super) static SHADOW: &[Setting] = &[
    Setting::new(
        "shadow.neo4j_uri",
        Form::Url(Kind::Bolt),
        |c| &mut c.shadow.neo4j_uri,
        "Neo4j server that run-worker --shadow projects into and fanout verify compares with; \
         unset = that of neo4j.uri",
    ),
    Setting::new(
        "shadow.neo4j_user",
        Form::Text,
        |c| &mut c.shadow.neo4j_user,
        "its user name; unset = neo4j.user",
    ),
    Setting::new(
        "shadow.neo4j_password",
        Form::Text,
        |c| &mut c.shadow.neo4j_password,
        "its password; unset = neo4j.password",
    )
    .secret(Secrecy::Hidden),
    Setting::new(
        "shadow.neo4j_database",
        Form::Text,
        |c| &mut c.shadow.neo4j_database,
        "its database; unset = neo4j.database",
    ),
    Setting::new(
        "shadow.qdrant_url",
        Form::Url(Kind::Grpc),
        |c| &mut c.shadow.qdrant_url,
        "the same for Qdrant; unset = qdrant.url",
    ),
    Setting::new(
        "shadow.qdrant_api_key",
        Form::Text,
        |c| &mut c.shadow.qdrant_api_key,
        "its API key; unset = qdrant.api_key",
    )
    .secret(Secrecy::Hidden),
    Setting::new(
        "shadow.qdrant_collection_prefix",
        Form::Text,
        |c| &mut c.shadow.qdrant_collection_prefix,
        "put before the names of the shadow's collections",
    ),
];
