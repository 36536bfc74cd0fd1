//! The way of exports to a studio through a network that can be told to behave badly.
//!
//! What goes wrong goes wrong in a relay of bytes, which knows nothing of what passes. Where the studio speaks TLS, the
//! proxy stands behind it, the one that `capture` listens by: the connection on this side is plain, what the relay lets
//! through is encrypted anew.

use anyhow::Context;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    proxy::{self, Bounds},
    relay::{Relay, Weather},
    target::Target,
    transport::Transport,
};
use crate::base::memory::Memory;

/// A way that ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Route {
    relay: Relay,
    encrypting: Option<JoinHandle<()>>,
}

impl Route {
    /// From a loopback port to a target.
    pub(crate) async fn start(target: &Target, transport: &Transport) -> anyhow::Result<Self> {
        if !target.uses_tls() {
            let relay = Relay::start(target.address().to_owned()).await.context("cannot start a relay")?;
            return Ok(Self { relay, encrypting: None });
        }
        // So that a wrong file is named before anything is sent.
        transport.tls(target)?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot start a proxy")?;
        let relay = Relay::start(listener.local_addr()?.to_string()).await.context("cannot start a relay")?;
        let (target, transport) = (target.clone(), transport.clone());
        let encrypting = tokio::spawn(async move {
            let bounds = Bounds::of(Memory::default());
            let for_ever = std::future::pending();
            proxy::serve(listener, &target, &transport, None, bounds, for_ever).await.ok();
        });
        Ok(Self { relay, encrypting: Some(encrypting) })
    }

    /// Where it begins.
    pub(crate) fn entrance(&self) -> anyhow::Result<Target> {
        Ok(self.relay.address.to_string().parse()?)
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.relay.set(weather);
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        if let Some(encrypting) = &self.encrypting {
            encrypting.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use tonic::transport::{Identity, ServerTlsConfig};

    use super::*;
    use crate::wire::{certificates::Certificates, exporter::Exporter, fake_studio, outcome::ExportOutcome};

    #[tokio::test]
    async fn a_bad_network_lies_before_an_encrypted_studio_too() {
        let certificates = Certificates::make();
        let read = |name| fs::read(certificates.file(name)).unwrap();
        let identity = Identity::from_pem(read("server.pem"), read("server.key"));
        let tls = Some(ServerTlsConfig::new().identity(identity));
        let studio = fake_studio::Setup { tls, ..Default::default() }.start().await;
        let target = studio.target().or_tls(true);
        let plain = Transport::plain(Duration::from_millis(500));
        assert!(
            Route::start(&target, &Transport { ca_cert: Some("absent".into()), ..plain.clone() })
                .await
                .is_err()
        );

        let trusting = Transport { ca_cert: Some(certificates.file("ca.pem")), ..plain.clone() };
        let route = Route::start(&target, &trusting).await.unwrap();
        let mut exporter = Exporter::connect(&route.entrance().unwrap(), "a-key", &plain).await.unwrap();
        let mut sent = async || exporter.export(Vec::new().into()).await.outcome;
        assert_eq!(sent().await, ExportOutcome::Acked);
        route.set(Weather::HalfOpen);
        assert!(matches!(sent().await, ExportOutcome::Indeterminate { .. }));
        route.set(Weather::Fair);
        while sent().await != ExportOutcome::Acked {}
        assert_eq!(studio.seen().last().unwrap().get("x-junjo-api-key").unwrap(), "a-key");
    }
}
