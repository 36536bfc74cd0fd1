//! Which cluster an audit runs on.

use std::{fmt, str::FromStr, time::Duration};

use tokio::{net::TcpStream, time::timeout};

use crate::base::problem::Problem;

const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClusterAddress {
    Scheduler(SchedulerAddress),
    /// A scheduler and an executor within this process, to try it out.
    Standalone,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchedulerAddress {
    /// A name or an address; one of IPv6 in brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl SchedulerAddress {
    /// Fails where nobody listens.
    pub(super) async fn reach(&self) -> Result<(), Problem> {
        let host = self.host.trim_matches(['[', ']']);
        let why = match timeout(PATIENCE, TcpStream::connect((host, self.port))).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(err)) => err.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        let what = format!("cannot reach a scheduler at {self}: {why}");
        Err(Problem::new(what, "`e2e-store cluster scheduler --bind ADDRESS:PORT` starts one"))
    }
}

impl FromStr for SchedulerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once(':').filter(|(host, _)| !host.is_empty() && !host.contains('/'));
        let parsed =
            parts.and_then(|(host, port)| Some(Self { host: host.to_owned(), port: port.parse().ok()? }));
        parsed.ok_or_else(|| "a scheduler is HOST:PORT".to_owned())
    }
}

impl fmt::Display for SchedulerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for ClusterAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "standalone" {
            return Ok(Self::Standalone);
        }
        let scheduler = text.parse().map(Self::Scheduler);
        scheduler.map_err(|_| "a cluster is HOST:PORT of its scheduler, or `standalone`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_or_standalone() {
        for text in ["localhost:50050", "[::1]:1"] {
            let scheduler: SchedulerAddress = text.parse().unwrap();
            assert_eq!(scheduler.to_string(), text);
            assert_eq!(text.parse(), Ok(ClusterAddress::Scheduler(scheduler)));
        }
        assert_eq!("standalone".parse(), Ok(ClusterAddress::Standalone));
        for text in ["", "localhost", ":1", "a:b", "df://a:1", "a:65536"] {
            text.parse::<ClusterAddress>().unwrap_err();
        }
    }
}
