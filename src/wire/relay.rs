//! A relay of bytes between an exporter and a studio, which can be told to behave badly.
//!
//! It knows nothing of what passes: what a bad network does to a connection, it does to all calls on it. A connection
//! that lost bytes is never healed, it is reset when the trouble is over.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What happens to bytes on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    Fair,
    /// Bytes to the studio come so much later.
    Delay(Duration),
    /// Nothing passes to the studio, and nobody is told.
    Drop,
    /// The connection is reset before a request reaches the studio.
    ResetBefore,
    /// The connection is reset when the studio answers.
    ResetAfter,
    /// Requests pass and answers do not.
    HalfOpen,
    /// Bytes to the studio trickle.
    Slow,
}

const CHUNK: usize = 64 << 10;

/// Bytes of a trickle, one after the other.
const TRICKLE: usize = 64;
const TRICKLE_EVERY: Duration = Duration::from_millis(2);

/// A running relay; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    weather: watch::Sender<Weather>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Listens on a loopback port that the system chooses; `target` is `host:port`.
    pub(crate) async fn start(target: String) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (weather, seen) = watch::channel(Weather::Fair);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, seen) = (target.clone(), seen.clone());
                tokio::spawn(async move {
                    // A studio that is not there is for its client to find out.
                    let Ok(studio) = TcpStream::connect(&target).await else { return };
                    client.set_nodelay(true).ok();
                    studio.set_nodelay(true).ok();
                    pass(client, studio, seen).await;
                });
            }
        });
        Ok(Self { address, weather, task })
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes bytes both ways until a side is done or the weather ends the connection.
async fn pass(mut client: TcpStream, mut studio: TcpStream, mut seen: watch::Receiver<Weather>) {
    let (mut up, mut down) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut is_lossy = false;
    loop {
        let weather = *seen.borrow_and_update();
        let has_cleared = !matches!(weather, Weather::Drop | Weather::HalfOpen);
        if is_lossy && has_cleared {
            break;
        }
        let passed = tokio::select! {
            read = client.read(&mut up) => match (read, weather) {
                (Ok(0) | Err(_), _) => return,
                (Ok(_), Weather::ResetBefore) => break,
                (Ok(_), Weather::Drop) => {
                    is_lossy = true;
                    Ok(())
                }
                (Ok(bytes), Weather::Slow) => trickle(&mut studio, &up[..bytes], &mut seen).await,
                (Ok(bytes), Weather::Delay(delay)) => {
                    tokio::time::sleep(delay).await;
                    studio.write_all(&up[..bytes]).await
                }
                (Ok(bytes), Weather::Fair | Weather::ResetAfter | Weather::HalfOpen) => {
                    studio.write_all(&up[..bytes]).await
                }
            },
            read = studio.read(&mut down) => match (read, weather) {
                (Ok(0) | Err(_), _) => return,
                (Ok(_), Weather::ResetAfter) => break,
                (Ok(_), Weather::HalfOpen) => {
                    is_lossy = true;
                    Ok(())
                }
                (Ok(bytes), _) => client.write_all(&down[..bytes]).await,
            },
            changed = seen.changed() => changed.map_err(io::Error::other),
        };
        if passed.is_err() {
            return;
        }
    }
    client.set_zero_linger().ok();
    studio.set_zero_linger().ok();
}

/// Lets bytes trickle until the weather changes; what is left then goes at once.
async fn trickle(
    studio: &mut TcpStream,
    mut bytes: &[u8],
    seen: &mut watch::Receiver<Weather>,
) -> io::Result<()> {
    while *seen.borrow() == Weather::Slow && !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(bytes.len().min(TRICKLE));
        studio.write_all(piece).await?;
        bytes = rest;
        tokio::select! {
            () = tokio::time::sleep(TRICKLE_EVERY) => {}
            _ = seen.wait_for(|weather| *weather != Weather::Slow) => {}
        }
    }
    studio.write_all(bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{
        exporter::Exporter,
        fake_studio::{Answer, FakeStudio},
        outcome::ExportOutcome,
        target::Target,
        transport::Transport,
    };

    /// What becomes of an export in such weather, and of the next when it is fair again.
    async fn weathered(weather: Weather) -> [ExportOutcome; 2] {
        let studio = FakeStudio::answering([Answer::Ack, Answer::Ack, Answer::Ack]).await;
        let relay = Relay::start(studio.target().address().to_owned()).await.unwrap();
        let target: Target = relay.address.to_string().parse().unwrap();
        let transport = Transport::plain(Duration::from_millis(300));
        let mut exporter = Exporter::connect(&target, "a-key", &transport).await.unwrap();
        relay.set(weather);
        let stormy = exporter.export(Vec::new().into()).await.outcome;
        relay.set(Weather::Fair);
        let mut fair = exporter.export(Vec::new().into()).await.outcome;
        if fair != ExportOutcome::Acked {
            fair = exporter.export(Vec::new().into()).await.outcome;
        }
        [stormy, fair]
    }

    #[tokio::test]
    async fn weather_decides_who_hears_of_an_export() {
        let lost = |outcome| matches!(outcome, ExportOutcome::Indeterminate { .. });
        for (weather, is_lost) in [
            (Weather::Fair, false),
            (Weather::Delay(Duration::from_millis(50)), false),
            (Weather::Slow, false),
            (Weather::Drop, true),
            (Weather::ResetBefore, true),
            (Weather::ResetAfter, true),
            (Weather::HalfOpen, true),
        ] {
            let [stormy, fair] = weathered(weather).await;
            assert_eq!(lost(stormy), is_lost, "{weather:?}: {stormy:?}");
            assert_eq!(fair, ExportOutcome::Acked, "{weather:?}");
        }
    }

    #[tokio::test]
    async fn what_trickles_comes_at_once_when_the_weather_clears() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut to = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut from, _) = listener.accept().await.unwrap();
        let (weather, mut seen) = watch::channel(Weather::Slow);
        // A minute of trickling.
        let bytes = vec![7; 30_000 * TRICKLE];
        let length = bytes.len();
        tokio::spawn(async move { trickle(&mut to, &bytes, &mut seen).await });
        let mut first = [0; TRICKLE];
        from.read_exact(&mut first).await.unwrap();
        weather.send_replace(Weather::Fair);
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), from.read_to_end(&mut rest)).await;
        assert_eq!(read.expect("it came at once").unwrap(), length - TRICKLE);
    }
}
