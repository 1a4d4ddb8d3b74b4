//! Settings of a worker process, the codec, HTTP, the log, and the Neo4j server.

use std::time::Duration;

use super::super::Config;
use super::super::form::Form;
use super::super::urls::Kind;
use super::super::value::{LOG_FORMATS, MISSING_IDS, UNKNOWN_KINDS};
use super::{Field, HOUR, MS, SECOND, SHORTEST_CALL, Secrecy, TEN_YEARS};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

type Setting = Field<Config>;

pub(super) static SETTINGS: &[Setting] = &[
    Setting::new(
        "codec.id_fields",
        Form::List(&Form::Text),
        |c| &mut c.codec.id_fields,
        "top-level fields of the body that may hold the id, in order",
    ),
    Setting::new(
        "codec.missing_id",
        Form::Word(MISSING_IDS),
        |c| &mut c.codec.missing_id,
        "an event without any id: each delivery is an event of its own, or dead-lettered as missing-id",
    ),
    Setting::new(
        "codec.unknown_kind",
        Form::Word(UNKNOWN_KINDS),
        |c| &mut c.codec.unknown_kind,
        "an event whose kind no projection knows: acknowledged and counted, or dead-lettered as unknown-kind",
    ),
    Setting::new(
        "breaker.failures",
        Form::Whole(1, 1_000_000),
        |c| &mut c.breaker.failures,
        "unavailable answers in a row that open the circuit breaker of a destination",
    ),
    Setting::new(
        "breaker.open_for",
        Form::Time(MS, HOUR),
        |c| &mut c.breaker.open_for,
        "how long it stays open before a probe",
    ),
    Setting::new(
        "flood_guard.enabled",
        Form::Flag,
        |c| &mut c.flood_guard.enabled,
        "pause instead of pouring a queue into the dead-letter queue after a bad deploy",
    ),
    Setting::new(
        "flood_guard.window",
        Form::Whole(10, 1_000_000),
        |c| &mut c.flood_guard.window,
        "events looked at, the last ones",
    ),
    Setting::new(
        "flood_guard.share",
        Form::Share,
        |c| &mut c.flood_guard.share,
        "share of them, dead-lettered with one code, above which it pauses",
    ),
    Setting::new(
        "flood_guard.pause",
        Form::Time(MS, DAY),
        |c| &mut c.flood_guard.pause,
        "how long it pauses before it looks again",
    ),
    Setting::new(
        "worker.lanes",
        Form::Whole(1, 256),
        |c| &mut c.worker.lanes,
        "lanes of a worker process, each with its own channel and prefetch; flag --workers",
    )
    .variable("FANOUT_WORKERS"),
    Setting::new(
        "worker.drain_deadline",
        Form::Time(MS, HOUR),
        |c| &mut c.worker.drain_deadline,
        "longest drain after SIGTERM; beyond it exit 6",
    ),
    Setting::new(
        "worker.consumer_timeout",
        Form::Time(SECOND, DAY),
        |c| &mut c.worker.consumer_timeout,
        "the broker's consumer_timeout; nothing is held longer than a third of it",
    ),
    Setting::new(
        "worker.overtake_after",
        Form::Time(MS, HOUR),
        |c| &mut c.worker.overtake_after,
        "what settles longer than this is overtaken by single acknowledgements",
    ),
    Setting::new(
        "http.addr",
        Form::Address,
        |c| &mut c.http.addr,
        "health and metrics, or the gateway (default there 127.0.0.1:8080), listen here; a set address that is taken is an error, the default gives way to a free port",
    ),
    Setting::new(
        "http.api_token",
        Form::Text,
        |c| &mut c.http.api_token,
        "calls that change something need it; unset = such calls work on loopback only",
    )
    .secret(Secrecy::Hidden)
    .variable("FANOUT_API_TOKEN"),
    Setting::new(
        "http.api_token_events",
        Form::Flag,
        |c| &mut c.http.api_token_events,
        "whether posting events needs the token, too",
    )
    .variable("FANOUT_API_TOKEN_EVENTS"),
    Setting::new(
        "log.filter",
        Form::Text,
        |c| &mut c.log.filter,
        "filter directives: a level, or target=level, comma-separated",
    )
    .variable("FANOUT_LOG"),
    Setting::new(
        "log.format",
        Form::Word(LOG_FORMATS),
        |c| &mut c.log.format,
        "form of the lines on standard error and in the file; flag --log-format",
    ),
    Setting::new(
        "log.dir",
        Form::Path,
        |c| &mut c.log.dir,
        "folder of the daily rolling log file; unset = no file; flag --log-dir",
    ),
];

pub(super) static NEO4J: &[Setting] = &[
    Setting::new(
        "neo4j.uri",
        Form::Url(Kind::Bolt),
        |c| &mut c.neo4j.uri,
        "the server; bolt+s:// or neo4j+s:// for TLS, +ssc for TLS without checking the certificate",
    )
    .variable("NEO4J_URI"),
    Setting::new(
        "neo4j.user",
        Form::Text,
        |c| &mut c.neo4j.user,
        "user name",
    )
    .variable("NEO4J_USER"),
    Setting::new(
        "neo4j.password",
        Form::Text,
        |c| &mut c.neo4j.password,
        "password; unset = empty",
    )
    .secret(Secrecy::Hidden)
    .variable("NEO4J_PASSWORD"),
    Setting::new(
        "neo4j.database",
        Form::Text,
        |c| &mut c.neo4j.database,
        "database; unset = the server's default",
    )
    .variable("NEO4J_DATABASE"),
    Setting::new(
        "neo4j.writers",
        Form::Whole(1, 64),
        |c| &mut c.neo4j.writers,
        "batches written at once; parallel writers wait for each other's locks",
    ),
    Setting::new(
        "neo4j.query_timeout",
        Form::Time(SHORTEST_CALL, HOUR),
        |c| &mut c.neo4j.query_timeout,
        "deadline of one query, below the queue's deadline; where it is not set and the deadline \
         is shorter, five sixths of the deadline",
    ),
    Setting::new(
        "neo4j.ledger_retention",
        Form::Time(DAY, TEN_YEARS),
        |c| &mut c.neo4j.ledger_retention,
        "fanout ledger prune removes what is older; an event that comes again after its entry is \
         gone is applied twice; where it is not set and an event may take longer to come again, \
         so long",
    ),
    Setting::new(
        "neo4j.tls.ca_file",
        Form::Path,
        |c| &mut c.neo4j.tls.ca_file,
        "PEM file with the certificate authorities to trust instead of the system's",
    ),
    Setting::new(
        "neo4j.tls.cert_file",
        Form::Path,
        |c| &mut c.neo4j.tls.cert_file,
        "PEM file with the client certificate chain; needs key_file",
    ),
    Setting::new(
        "neo4j.tls.key_file",
        Form::Path,
        |c| &mut c.neo4j.tls.key_file,
        "PEM file with the client's private key; needs cert_file",
    ),
];
