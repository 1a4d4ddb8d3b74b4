//! Asks a worker whether it is ready: for health checks of containers without a shell.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A health check of Docker that takes longer than 5 s in our image has failed anyway.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// Far above any answer of `/ready`.
const LARGEST_ANSWER: u64 = 64 * 1024;

/// Asks `GET /ready` there. `Ok(None)` = ready; `Ok(Some(body))` = not ready, and why.
///
/// # Errors
/// Nobody answers there, or no HTTP.
pub async fn ready(addr: SocketAddr) -> io::Result<Option<String>> {
    let answer = timeout(ANSWER_WITHIN, get(reachable(addr), "/ready")).await;
    let (status, body) = answer.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok((status != 200).then_some(body))
}

async fn get(addr: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(addr).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LARGEST_ANSWER).read_to_end(&mut answer).await?;
    parse(&String::from_utf8_lossy(&answer))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no HTTP answer"))
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// An address to listen on as one to connect to: what listens everywhere listens here.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_asked_on_the_loopback() {
        let asked = |addr: &str| reachable(addr.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:8081"), "127.0.0.1:8081");
        assert_eq!(asked("[::]:8081"), "[::1]:8081");
        assert_eq!(asked("10.0.0.7:8081"), "10.0.0.7:8081");
    }

    #[test]
    fn an_answer_is_status_and_body() {
        let answer = "HTTP/1.1 503 Service Unavailable\r\nx: y\r\n\r\n{}";
        assert_eq!(parse(answer), Some((503, "{}".to_owned())));
        assert_eq!(parse("SSH-2.0-OpenSSH\r\n\r\n"), None);
    }
}
