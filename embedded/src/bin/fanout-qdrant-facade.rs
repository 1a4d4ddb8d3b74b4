//! The embedded vector store as a program: what stands in for a Qdrant server where its image
//! cannot be had.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use fanout_embedded::vectors::{VectorServer, VectorServerConfig, VectorStoreError};
use tokio::signal::unix::{SignalKind, signal};

/// A vector store that speaks Qdrant's gRPC protocol, over Qdrant Edge.
#[derive(Parser)]
#[command(version, name = "fanout-qdrant-facade")]
struct Args {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:6334")]
    addr: SocketAddr,
    /// Folder of its files
    #[arg(long)]
    data: PathBuf,
    /// Key that every call must carry
    #[arg(long, env = "QDRANT__SERVICE__API_KEY", hide_env_values = true)]
    api_key: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fanout-qdrant-facade: {error}");
            ExitCode::from(5)
        }
    }
}

async fn run(args: Args) -> Result<(), VectorStoreError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut server = VectorServer::start(VectorServerConfig {
        data: args.data,
        address: args.addr,
        api_key: args.api_key.filter(|key| !key.is_empty()),
    })
    .await?;
    // The real server says it in these words, and tests wait for them.
    println!("Qdrant gRPC listening on {}", server.address().port());
    tokio::select! {
        ended = server.ended() => return ended,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    server.stop().await
}
