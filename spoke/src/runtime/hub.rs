//! The agent's side of the hub: enrols, connects, renews, and comes back for ever.

mod enrolment;
mod session;
mod story;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Context;
use super::owner::Input;
use super::translate::Myself;
use crate::kube::identity::{Bootstrap, Held, Identities};
use crate::kube::progress::Phase;
use crate::kube::secret::{SecretError, Secrets};
use crate::link::{Backoff, DialError, Ended, EnrollError, dial};
use crate::metrics::Metrics;
use crate::telemetry::chain;
use crate::tls::{KeyError, Trust};
use session::Over;
use story::Story;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
enum HubError {
    #[error("the agent's identity cannot be read or stored")]
    Secret(#[from] SecretError),
    #[error("there is no session with the hub")]
    Dial(#[from] DialError),
    #[error("the cluster is not enrolled")]
    Enroll(#[from] EnrollError),
    #[error("no key can be made")]
    Key(#[from] KeyError),
    #[error("this cluster was not bootstrapped; run `spoke bootstrap` on it")]
    NotBootstrapped,
    #[error("this cluster has no identity and no token; run `spoke bootstrap` with a new token")]
    NeedsToken,
    #[error("{0}")]
    Ended(Ended),
}

/// One tenure's connection to the hub.
pub(super) struct Hub {
    identities: Identities,
    inputs: mpsc::Sender<Input>,
    metrics: Arc<Metrics>,
    kube: crate::kube::Kube,
    instance: [u8; 16],
    cluster_uid: String,
    story: Story,
    backoff: Backoff,
}

impl Hub {
    pub(super) fn new(
        context: &Context,
        secrets: Secrets,
        cluster_uid: String,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        Self {
            identities: Identities::new(secrets),
            inputs,
            metrics: context.metrics.clone(),
            kube: context.kube.clone(),
            instance: *context.instance.as_bytes(),
            cluster_uid,
            story: Story::start(context),
            backoff: Backoff::default(),
        }
    }

    /// Connects for ever; dropping the future ends it.
    pub(super) async fn run(mut self) {
        self.story.reached(Phase::Started);
        loop {
            let wait = match self.attempt().await {
                // A new identity is tried at once: only its session makes it count.
                Ok(Over::Renewed) => continue,
                Ok(Over::Ended(ended)) | Err(HubError::Ended(ended)) => {
                    self.say(with_hint(ended.to_string(), ended.hint()));
                    wait_after(&mut self.backoff, &ended, rand::random())
                }
                Err(error) => {
                    self.complain(&error);
                    self.backoff.failed(rand::random(), None)
                }
            };
            tracing::debug!(
                wait_ms = wait.as_millis(),
                "waiting before the hub is dialled again"
            );
            tokio::time::sleep(wait).await;
        }
    }

    fn complain(&mut self, error: &HubError) {
        let sentence = chain(error);
        let hint = match error {
            HubError::Dial(error) => error.hint(),
            HubError::Enroll(error) => error.hint(),
            _ => "",
        };
        self.say(with_hint(sentence, hint));
    }

    /// Tells a problem once for as long as it stays.
    fn say(&self, sentence: String) {
        if self.story.problem(sentence.clone()) {
            tracing::warn!("{sentence}");
        } else {
            tracing::debug!("{sentence}");
        }
    }

    /// Reads who we are anew, so that a restored or re-bootstrapped identity counts, and runs one session.
    async fn attempt(&mut self) -> Result<Over, HubError> {
        let bootstrap = self.identities.bootstrap().await?;
        let bootstrap = bootstrap.ok_or(HubError::NotBootstrapped)?;
        let mut held = self.identities.load().await?;
        if let Some(token) = &bootstrap.token {
            self.enrol(&bootstrap, token, &mut held).await?;
        }
        self.connect(&bootstrap, &mut held).await
    }

    /// Dials as who we are, and runs a session until it is over.
    async fn connect(&mut self, bootstrap: &Bootstrap, held: &mut Held) -> Result<Over, HubError> {
        let Some(identity) = &held.current else {
            return Err(HubError::NeedsToken);
        };
        let trust = Trust::Bundle {
            roots: identity.roots().to_vec(),
            fleet: identity.leaf().fleet,
        };
        let ends = identity.leaf().not_after.unix_ms() / 1000;
        self.metrics.certificate_end.set(ends);
        let hub = dial(&bootstrap.hub, trust, Some(identity)).await?;
        let name = held.cluster.as_ref().map(ToString::to_string);
        self.story.cluster(name.unwrap_or_default());
        let myself = Myself {
            instance: self.instance,
            cluster_uid: self.cluster_uid.clone(),
            ca_bundle: identity.bundle_digest(),
            facts: self.facts().await,
        };
        self.serve(&hub, &myself, held).await
    }

    /// What the cluster says of itself; what cannot be read now is left out.
    async fn facts(&self) -> std::collections::BTreeMap<String, String> {
        let call = crate::kube::Call::get("/version").deadline(Duration::from_secs(5));
        let answer = self.kube.call(call).await;
        let body = answer.ok().and_then(|answer| answer.success().ok());
        let text = |key: &str| Some(body.as_ref()?.get(key)?.as_str()?.to_owned());
        [
            ("kubernetesVersion", text("gitVersion")),
            ("platform", text("platform")),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
    }
}

fn with_hint(sentence: String, hint: &str) -> String {
    match hint {
        "" => sentence,
        hint => format!("{sentence} ({hint})"),
    }
}

/// How long to wait after a session that ended.
fn wait_after(backoff: &mut Backoff, ended: &Ended, random: f64) -> Duration {
    match ended.can_be_lifted() {
        true => backoff.refused(random),
        false => backoff.failed(random, ended.retry_after()),
    }
}

#[cfg(test)]
mod tests;
