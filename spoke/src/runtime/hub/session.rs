//! One session: opened with the core's Hello, served until it ends or the identity is renewed.

use std::time::Duration;

use capstan_proto::{limits, wire};
use capstan_spoke_core::event::FromHub;
use capstan_spoke_core::{Event, ToHub};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::super::owner::{Input, Up, now};
use super::super::translate::{Myself, from_wire, to_wire};
use super::{Hub, HubError};
use crate::kube::identity::Held;
use crate::kube::progress::Phase;
use crate::link::{Dialled, Ended, Inbound, Outbound, Session, renew};
use crate::telemetry::chain;

/// Messages of the core on their way to the hub: every bundle of a large cluster in one report each.
const MESSAGES_MAX: usize = 256;

/// After a renewal that failed; half a certificate's life is left then, twelve hours.
const RENEW_AGAIN: Duration = Duration::from_secs(300);

/// A session counts as taken with the hub's first message, or when so long nothing was said against it.
const TAKEN_AFTER: Duration = Duration::from_secs(1);

/// How a session is over.
pub(super) enum Over {
    /// There is a new identity, which is to be used at once.
    Renewed,
    /// It ended.
    Ended(Ended),
}

impl Hub {
    /// Serves a session. The owner is told of its beginning and of its end, in that order, always.
    pub(super) async fn serve(
        &mut self,
        hub: &Dialled,
        myself: &Myself,
        held: &mut Held,
    ) -> Result<Over, HubError> {
        let (outbound, mut queue) = mpsc::channel(MESSAGES_MAX);
        let up = Up {
            outbound,
            channel: hub.channel.clone(),
        };
        self.tell(Input::HubUp(up)).await;
        let over = self.opened(hub, myself, held, &mut queue).await;
        self.metrics.connected.set(0);
        self.tell(Input::HubDown).await;
        over
    }

    async fn opened(
        &mut self,
        hub: &Dialled,
        myself: &Myself,
        held: &mut Held,
        queue: &mut mpsc::Receiver<ToHub>,
    ) -> Result<Over, HubError> {
        let Some(ToHub::Hello(hello)) = queue.recv().await else {
            return Ok(Over::Ended(given_up()));
        };
        let wire::from_spoke::Message::Hello(hello) = to_wire(ToHub::Hello(hello), myself) else {
            unreachable!("a Hello is written as a Hello");
        };
        let session = Session::open(hub.channel.clone(), hello)
            .await
            .map_err(HubError::Ended)?;
        self.pump(session, (hub, myself), held, queue).await
    }

    /// Both directions, the heartbeat and the renewal, until something ends.
    async fn pump(
        &mut self,
        mut session: Session,
        (hub, myself): (&Dialled, &Myself),
        held: &mut Held,
        queue: &mut mpsc::Receiver<ToHub>,
    ) -> Result<Over, HubError> {
        let outbound = session.outbound();
        let mut heartbeat = tokio::time::interval(Duration::from_millis(limits::HEARTBEAT_MS));
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renew_at = Instant::now() + until_renewal(held);
        let taken = tokio::time::sleep(TAKEN_AFTER);
        tokio::pin!(taken);
        let mut connected = false;
        loop {
            tokio::select! {
                message = session.next() => match message {
                    Ok(message) => {
                        if !std::mem::replace(&mut connected, true) {
                            self.connected();
                        }
                        if let Some(ended) = self.hear(message).await {
                            return Ok(Over::Ended(ended));
                        }
                    }
                    Err(ended) => return Ok(Over::Ended(ended)),
                },
                message = queue.recv() => match message {
                    Some(message) => send(&outbound, to_wire(message, myself)).await,
                    None => return Ok(Over::Ended(given_up())),
                },
                _ = heartbeat.tick() => {
                    send(&outbound, wire::from_spoke::Message::Heartbeat(wire::Heartbeat {})).await;
                }
                () = &mut taken, if !connected => {
                    connected = true;
                    self.connected();
                }
                () = tokio::time::sleep_until(renew_at) => match self.renew(hub, held).await {
                    Ok(()) => return Ok(Over::Renewed),
                    Err(error) => {
                        tracing::warn!(error = %chain(&error), "the certificate was not renewed; it is tried again in 5 minutes");
                        renew_at = Instant::now() + RENEW_AGAIN;
                    }
                },
            }
        }
    }

    /// The hub took the session: only now the next wait is short again. One that accepts and drops us does not count.
    fn connected(&mut self) {
        self.backoff.succeeded();
        self.metrics.sessions.inc();
        self.metrics.connected.set(1);
        self.story.reached(Phase::Connected);
        tracing::info!(cluster = self.story.name(), "connected to the hub");
    }

    async fn tell(&self, input: Input) {
        // The owner is gone only when this task is about to be dropped.
        drop(self.inputs.send(input).await);
    }

    /// Hands a message to the core; a message that breaks the protocol ends the session.
    async fn hear(&mut self, message: Inbound) -> Option<Ended> {
        match from_wire(message) {
            Ok(Some(said)) => {
                if matches!(said, FromHub::InSync { .. } | FromHub::Receipt { .. }) {
                    self.story.reached(Phase::InSync);
                }
                self.tell(Event::FromHub(said).into()).await;
                None
            }
            Ok(None) => None,
            Err(malformed) => Some(Ended::Lost {
                reason: format!("the hub broke the protocol: {}", chain(&malformed)),
            }),
        }
    }

    /// A new key and a new certificate over the present session; the next session uses them.
    async fn renew(&self, hub: &Dialled, held: &mut Held) -> Result<(), HubError> {
        let key = self.pending_key(held).await?;
        let identity = renew(hub.channel.clone(), key, hub.fleet).await?;
        tracing::info!(until = %identity.leaf().not_after, "the agent's certificate is renewed");
        self.identities.store_current(held, identity, None).await?;
        Ok(())
    }
}

async fn send(outbound: &Outbound, message: wire::from_spoke::Message) {
    // A session that is over says so in `next`.
    outbound.send(message).await;
}

/// A pending key at the beginning of a session is a renewal whose answer was lost: it is asked for at once.
fn until_renewal(held: &Held) -> Duration {
    if held.pending.is_some() {
        return Duration::ZERO;
    }
    let at = held
        .current
        .as_ref()
        .map_or(now(), |identity| identity.renew_at(rand::random()));
    Duration::from_millis(at.since_ms(now()))
}

fn given_up() -> Ended {
    Ended::Lost {
        reason: "the hub did not read what we sent".to_owned(),
    }
}
