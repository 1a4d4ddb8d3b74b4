//! The gateway over HTTP: answers at an offered load, with the broker there and away, and
//! batches as fast as they are taken.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use fanout::broker::amqp::AmqpBroker;
use fanout::config::Config;
use fanout::operate;
use fanout::publish::gateway::Gateway;
use fanout::publish::{LinkState, Publisher};
use fanout::topology::Topology;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::event::interactions;
use crate::publish;
use crate::report::Measured;

/// Connections of the offered load: at 1,000 events a second one each in 64 ms.
const CLIENTS: usize = 64;
/// Connections of the batches.
const BATCHERS: usize = 8;
/// Events of a batch.
const BATCH: usize = 100;
/// Nobody listens there.
const ABSENT: &str = "amqp://guest:guest@127.0.0.1:9/%2f";

/// A gateway in this process, and what answers for it.
struct Served {
    address: SocketAddr,
    publisher: Arc<Publisher>,
    spool: std::path::PathBuf,
    _serving: AbortOnDropHandle<()>,
}

impl Served {
    async fn start(mut config: Config, name: &str) -> Result<Self, Box<dyn Error>> {
        config.spool.dir = format!("{}/{name}-{}", publish::SPOOLS, std::process::id()).into();
        let spool = config.spool.dir.clone();
        let topology = Topology::from_config(&config);
        let broker = Arc::new(AmqpBroker::start(config.broker.clone(), topology));
        let publisher = Arc::new(Publisher::with_broker(broker.clone(), &config).await?);
        let intake = publisher.clone();
        let gateway = Arc::new(Gateway::new(config, "bench", intake, broker));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (limits, drain) = (gateway.connection_limits(), gateway.draining().clone());
        let serving = operate::serve_until(listener, gateway.router(), limits, drain);
        Ok(Self {
            address,
            publisher,
            spool,
            _serving: AbortOnDropHandle::new(tokio::spawn(serving)),
        })
    }

    async fn ready(&self) {
        while self.publisher.status().link != LinkState::Ready {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn end(self) -> Result<(), Box<dyn Error>> {
        self.publisher.shut_down(Duration::from_secs(10)).await;
        std::fs::remove_dir_all(&self.spool)?;
        Ok(())
    }
}

/// One connection that is kept.
struct Client {
    sender: SendRequest<Body>,
    _connection: AbortOnDropHandle<()>,
}

impl Client {
    async fn connect(address: SocketAddr) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(async move { drop(connection.await) });
        Ok(Self {
            sender,
            _connection: AbortOnDropHandle::new(connection),
        })
    }

    async fn post(&mut self, body: String) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.sender.ready().await?;
        let request = Request::post("/events")
            .header("host", "bench")
            .header("content-type", "application/json")
            .body(Body::from(body))?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let text = axum::body::to_bytes(Body::new(answer.into_body()), 1 << 20).await?;
        match status {
            StatusCode::ACCEPTED => Ok(()),
            _ => Err(format!("{status}: {}", String::from_utf8_lossy(&text)).into()),
        }
    }
}

/// Single events at `rate` a second, each timed from the moment it was due to its answer.
pub async fn latency(
    url: Option<&str>,
    seed: u64,
    events: usize,
    rate: u32,
) -> Result<Measured, Box<dyn Error>> {
    let served = match url {
        Some(url) => {
            publish::prepare(url).await?;
            let served = Served::start(publish::config(url), "gateway").await?;
            served.ready().await;
            served
        }
        None => Served::start(publish::config(ABSENT), "gateway-alone").await?,
    };
    let (due, taken) = mpsc::unbounded_channel::<(Instant, String)>();
    let taken = Arc::new(Mutex::new(taken));
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let (client, taken) = (Client::connect(served.address), taken.clone());
        let client = client.await.map_err(|e| e.to_string())?;
        clients.push(tokio::spawn(answers(client, taken)));
    }
    let started = std::time::Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    for event in interactions(seed, events) {
        due.send((ticks.tick().await, event.body()))?;
    }
    drop(due);
    let mut late = Vec::with_capacity(events);
    for client in clients {
        late.extend(client.await?.map_err(|e| e.to_string())?);
    }
    let mut measured = Measured::since(started, late.len());
    measured.latency_ms = crate::report::percentiles(late);
    served.end().await?;
    Ok(measured)
}

/// Milliseconds from due to answered of each event that this connection took.
async fn answers(
    mut client: Client,
    taken: Arc<Mutex<mpsc::UnboundedReceiver<(Instant, String)>>>,
) -> Result<Vec<f64>, Box<dyn Error + Send + Sync>> {
    let mut late = Vec::new();
    loop {
        let next = taken.lock().await.recv().await;
        let Some((due, body)) = next else {
            return Ok(late);
        };
        client.post(body).await?;
        late.push(due.elapsed().as_secs_f64() * 1_000.0);
    }
}

/// Arrays of 100 events on eight connections, as fast as they are answered.
pub async fn batches(url: &str, seed: u64, events: usize) -> Result<Measured, Box<dyn Error>> {
    publish::prepare(url).await?;
    let served = Served::start(publish::config(url), "gateway-batches").await?;
    served.ready().await;
    let bodies: Vec<String> = interactions(seed, events).map(|e| e.body()).collect();
    let bodies: Vec<String> = bodies
        .chunks(BATCH)
        .map(|batch| format!("[{}]", batch.join(",")))
        .collect();
    let bodies = Arc::new(Mutex::new(bodies.into_iter()));
    let mut clients = Vec::new();
    for _ in 0..BATCHERS {
        clients.push(
            Client::connect(served.address)
                .await
                .map_err(|e| e.to_string())?,
        );
    }
    let started = std::time::Instant::now();
    let posting = clients.into_iter().map(|mut client| {
        let bodies = bodies.clone();
        tokio::spawn(async move {
            loop {
                let next = bodies.lock().await.next();
                match next {
                    Some(body) => client.post(body).await?,
                    None => return Ok::<_, Box<dyn Error + Send + Sync>>(()),
                }
            }
        })
    });
    for posted in futures::future::join_all(posting).await {
        posted?.map_err(|e| e.to_string())?;
    }
    // What went by way of the spool is not with the broker yet.
    while served.publisher.status().backlog.messages > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let measured = Measured::since(started, events);
    served.end().await?;
    Ok(measured)
}
