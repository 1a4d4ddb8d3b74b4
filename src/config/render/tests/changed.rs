//! A configuration of which nothing is as it is by default.

use std::time::Duration;

use super::super::super::*;
use super::CA;

/// Every field set to something else than its default, without `..`: a field that is added
/// to a type has to be added here.
pub(super) fn everything_changed() -> Config {
    let seconds = Duration::from_secs;
    Config {
        broker: changed_broker(),
        exchanges: vec![ExchangeConfig {
            name: "app.events".to_owned(),
            kind: ExchangeKind::Topic,
        }],
        queues: [("search".to_owned(), changed_queue())].into(),
        follow_ups: [("k".to_owned(), changed_route())].into(),
        codec: CodecConfig {
            id_fields: vec!["key".to_owned()],
            id_fields_by_kind: [("order.placed".to_owned(), vec!["order_id".to_owned()])].into(),
            missing_id: MissingId::Reject,
            unknown_kind: UnknownKind::DeadLetter,
        },
        publisher: changed_publisher(),
        spool: SpoolConfig {
            dir: "data/spool".into(),
            max_messages: 100_001,
            max_bytes: 257 << 20,
        },
        breaker: BreakerConfig {
            failures: 6,
            open_for: seconds(31),
        },
        flood_guard: FloodGuardConfig {
            enabled: false,
            window: 1001,
            share: 0.6,
            pause: seconds(301),
        },
        worker: WorkerConfig {
            lanes: 2,
            drain_deadline: seconds(31),
            consumer_timeout: seconds(1801),
            overtake_after: seconds(6),
        },
        http: changed_http(),
        gateway: changed_gateway(),
        dlq: changed_dlq(),
        log: LogConfig {
            filter: "debug".to_owned(),
            format: LogFormat::Json,
            dir: Some("logs".into()),
        },
        traces: TracesConfig::changed(),
        outbox: changed_outbox(),
        neo4j: Neo4jSettings {
            uri: "bolt+s://db:1".to_owned(),
            user: "app".to_owned(),
            password: Secret::new("pw"),
            database: Some("shop".to_owned()),
            writers: 2,
            query_timeout: seconds(26),
            ledger_retention: seconds(8_640_000),
            tls: changed_tls(None),
        },
        qdrant: changed_qdrant(),
        shadow: changed_shadow(),
    }
}

fn changed_qdrant() -> QdrantSettings {
    QdrantSettings {
        url: "https://vectors:1".to_owned(),
        api_key: Some(Secret::new("key")),
        collection_prefix: Some("shadow_".to_owned()),
        dimension: Some(768),
        derive_vectors: false,
        profiles: false,
        half_life: Duration::from_secs(3600),
        weights: ProfileWeights {
            view: 0.5,
            cart: 2.0,
            remove_from_cart: 0.0,
            purchase: 10.25,
        },
        in_flight: 2,
        query_timeout: Duration::from_secs(26),
        tls: changed_tls(Some("vectors.local")),
    }
}

fn changed_shadow() -> ShadowConfig {
    ShadowConfig {
        neo4j_uri: Some("bolt://shadow:1".to_owned()),
        neo4j_user: Some("other".to_owned()),
        neo4j_password: Some(Secret::new("pw2")),
        neo4j_database: Some("beside".to_owned()),
        qdrant_url: Some("http://beside:1".to_owned()),
        qdrant_api_key: Some(Secret::new("key2")),
        qdrant_collection_prefix: "beside_".to_owned(),
    }
}

fn changed_dlq() -> DlqConfig {
    DlqConfig {
        message_ttl: Some(Duration::from_secs(86_400)),
        audit_file: "/data/audit.ndjson".into(),
        redact: vec!["/payload/email".to_owned()],
    }
}

fn changed_outbox() -> OutboxConfig {
    OutboxConfig {
        url: Some(Secret::new("postgres://a:b@db:1/shop")),
        schema: "shop".to_owned(),
        table: "outbox".to_owned(),
        exchange: Some("app.events".to_owned()),
        batch: 501,
        poll_every: Duration::from_secs(2),
        keep: Duration::ZERO,
        connect_timeout: Duration::from_secs(6),
        call_timeout: Duration::from_secs(11),
        tls: changed_tls(None),
    }
}

fn changed_http() -> HttpConfig {
    HttpConfig {
        addr: ([0, 0, 0, 0], 9000).into(),
        explicit: true,
        api_token: Some(Secret::new("token")),
        api_token_events: true,
    }
}

fn changed_gateway() -> GatewayConfig {
    GatewayConfig {
        exchange: Some("app.events".to_owned()),
        schemas: Some("schemas".into()),
        max_body: 17 << 20,
        max_events: 10_001,
        max_requests: 513,
        max_connections: 4097,
        max_buffered: 257 << 20,
        body_timeout: Duration::from_secs(31),
        accept_timeout: Duration::from_secs(11),
    }
}

fn changed_tls(server_name: Option<&str>) -> TlsConfig {
    let ca = || Some(std::path::PathBuf::from(CA));
    TlsConfig {
        ca_file: ca(),
        cert_file: ca(),
        key_file: ca(),
        server_name: server_name.map(str::to_owned),
    }
}

fn changed_broker() -> BrokerConfig {
    let seconds = Duration::from_secs;
    BrokerConfig {
        use_rabbitmq: UseRabbitmq::False,
        local_dir: "/data/broker".into(),
        urls: vec![
            Secret::new("amqps://a:b@one:1/v"),
            Secret::new("amqps://c:d@two:2/w"),
        ],
        management_url: Some(Secret::new("https://a:b@one:15671")),
        required: true,
        backoff: BackoffPlan {
            delays: vec![seconds(5), seconds(60)],
            jitter: 0.5,
            max_attempts: None,
            failed_after: 6,
        },
        connect_timeout: seconds(6),
        heartbeat: seconds(11),
        call_timeout: seconds(12),
        confirm_timeout: seconds(31),
        confirm_window: 501,
        max_message_bytes: 17 << 20,
        topology: TopologyMode::None,
        tls: changed_tls(Some("rabbit")),
    }
}

fn changed_queue() -> QueueConfig {
    QueueConfig {
        name: "search.q".to_owned(),
        processor: "neo4j".to_owned(),
        bindings: vec![Binding {
            exchange: "app.events".to_owned(),
            keys: vec!["*.created".to_owned(), "payment.*".to_owned()],
        }],
        dead_letter: "search.dlq".to_owned(),
        retry_delays: [0, 1, 2, 4, 8].map(Duration::from_secs).to_vec(),
        queue_type: QueueType::Classic,
        message_ttl: None,
        max_length_bytes: None,
        batch: BatchConfig {
            max_events: 100,
            max_bytes: 1 << 20,
            max_wait: Duration::ZERO,
        },
        in_flight: 3,
        prefetch: Some(200),
        deadline: Duration::from_secs(31),
        suspect_after: 11,
        suspect_limit: 4,
    }
}

fn changed_publisher() -> PublisherConfig {
    PublisherConfig {
        source: "shop".to_owned(),
        connections: 2,
        spool_after: Duration::from_secs(6),
        first_kinds: vec!["order.paid".to_owned()],
        memory: 33 << 20,
    }
}

fn changed_route() -> FollowUpRoute {
    FollowUpRoute {
        exchange: "app.events".to_owned(),
        routing_key: Some("r".to_owned()),
    }
}
