//! Which cluster an audit runs on.

use std::{fmt, str::FromStr, time::Duration};

use tokio::{net::TcpStream, time::timeout};

use crate::base::problem::Problem;

const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClusterAddress {
    /// A scheduler.
    Scheduler { host: String, port: u16 },
    /// A scheduler and an executor within this process, to try it out.
    Standalone,
}

impl FromStr for ClusterAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "standalone" {
            return Ok(Self::Standalone);
        }
        let parts = text.rsplit_once(':').filter(|(host, _)| !host.is_empty() && !host.contains('/'));
        let port = parts.and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = port.ok_or("a cluster is HOST:PORT of its scheduler, or `standalone`")?;
        Ok(Self::Scheduler { host: host.to_owned(), port })
    }
}

impl fmt::Display for ClusterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheduler { host, port } => write!(f, "{host}:{port}"),
            Self::Standalone => f.write_str("standalone"),
        }
    }
}

/// Fails where nobody listens.
pub(super) async fn reach((host, port): &(String, u16)) -> Result<(), Problem> {
    let why = match timeout(PATIENCE, TcpStream::connect((host.trim_matches(['[', ']']), *port))).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(err)) => err.to_string(),
        Err(_) => "no answer".to_owned(),
    };
    let what = format!("cannot reach a scheduler at {host}:{port}: {why}");
    Err(Problem::new(what, "`e2e-store cluster scheduler --bind ADDRESS:PORT` starts one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_or_standalone() {
        for text in ["localhost:50050", "[::1]:1", "standalone"] {
            assert_eq!(text.parse::<ClusterAddress>().unwrap().to_string(), text);
        }
        for text in ["", "localhost", ":1", "a:b", "df://a:1", "a:65536"] {
            text.parse::<ClusterAddress>().unwrap_err();
        }
    }
}
