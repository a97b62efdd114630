//! The engine's side of sessions: what spokes say goes into the core's state machine, what it answers goes out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use capstan_hub_core::session::{
    self, Close, CloseReason, Effect as Answer, Event as Happened, Hello, Known, Opened, Session,
};
use capstan_proto::state::{BundleState, states_digest};
use capstan_proto::wire::from_hub::Message;
use capstan_proto::{BundleName, ClusterName, Digest, Moment, Number, Snapshot, Triple, wire};

use super::cluster::{Cluster, Heard, Live, Member};
use super::effect::Effect;
use super::event::{Opening, Said, SessionId};
use super::memory::{Remembered, Which};
use super::out::{self, Out};
use super::{State, rename};
use crate::ledger::records::Registration;

/// When a spoke that was closed for a reason that only a person can end may ask again.
const RETRY_LATER_MS: u32 = 60_000;

/// How often it is kept over a restart when a cluster was heard: with 10,000 of them, 167 small rows a second.
const SEEN_EVERY_MS: u64 = 60_000;

impl State {
    /// A spoke said Hello: it takes the session over, unless a newer one has it.
    pub(super) fn session_opened(
        &mut self,
        opening: Opening,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let name = opening.cluster.clone();
        self.setting.metrics.sessions.inc();
        if !self.is_called(&name, &opening.registration, now, effects) {
            let close = ended(CloseReason::Replaced, rename::CALLED_OTHERWISE);
            drop(opening.outbox.put(out::close(&close)));
            return;
        }
        let cluster = self.clusters.entry(name.clone()).or_default();
        if let Some(live) = &cluster.live {
            if live.id >= opening.session {
                let close = ended(
                    CloseReason::Replaced,
                    "a newer session of this cluster is open",
                );
                drop(opening.outbox.put(out::close(&close)));
                return;
            }
            let retired = live.identity.serial != opening.identity.serial;
            let reason = if retired {
                CloseReason::Retired
            } else {
                CloseReason::Replaced
            };
            let close = ended(reason, "a newer session of this cluster took over");
            self.tell(&name, Happened::End(close), now, effects);
        }
        let cluster = self.clusters.entry(name.clone()).or_default();
        let banned = cluster.member.take().and_then(|member| member.banned);
        let member = Member::new(&opening.registration, banned);
        let uid = member.uid.clone();
        cluster.member = Some(member);
        cluster.opened(Opened {
            at: now,
            instance: opening.instance,
            cluster_uid: opening.cluster_uid.clone(),
        });
        if let Some(quarantine) =
            session::quarantine(Some(uid.as_str()), cluster.openings.make_contiguous())
        {
            self.quarantine(&name, &quarantine, effects);
        }
        self.begin(&name, opening, now, effects);
    }

    fn begin(
        &mut self,
        name: &ClusterName,
        opening: Opening,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let known = self.known(name, &opening.hello);
        let cluster = self.clusters.entry(name.clone()).or_default();
        let Opening {
            hello,
            outbox,
            identity,
            connection,
            session,
            facts,
            ..
        } = opening;
        if let Some(reason) = cluster
            .member
            .as_ref()
            .and_then(|member| member.quarantined.clone())
        {
            let close = Close {
                retry_after_ms: RETRY_LATER_MS,
                ..ended(CloseReason::Quarantined, &reason)
            };
            drop(outbox.put(out::close(&close)));
            effects.push(Effect::CloseConnection(connection));
            return;
        }
        let off_record = hello
            .accepted
            .is_some_and(|accepted| !known.recorded.contains(&accepted));
        cluster.observed.unreported = hello.states.is_none() || hello.states != known.states;
        cluster
            .observed
            .agent_version
            .clone_from(&hello.agent_version);
        cluster.observed.heard_at = Some(now);
        cluster.live = Some(Live {
            id: session,
            session: Session::new(known),
            outbox,
            identity,
            connection,
            report_wanted: false,
            off_record,
            recording: false,
            pending: VecDeque::new(),
        });
        self.setting.metrics.sessions_open.inc();
        cluster.remembered_at = None;
        let agent = hello.agent_version.clone();
        tracing::info!(cluster = %name, agent, accepted = ?hello.accepted.map(|t| t.to_string()), "a spoke connected");
        self.remember_seen(name, now, effects);
        self.facts_said(name, facts, now, effects);
        let nothing = hello.accepted.is_none();
        self.may_be_heard(name, nothing, now, effects);
        self.tell(name, Happened::Hello(hello), now, effects);
        self.aim(name, now, effects);
    }

    /// What a session that begins has to know.
    fn known(&mut self, name: &ClusterName, hello: &Hello) -> Known {
        let unkept = self.withheld();
        let cluster = self.clusters.entry(name.clone()).or_default();
        let held = hello.accepted.and_then(|triple| cluster.entries(triple));
        Known {
            incarnation: self.numbers.incarnation(),
            reserved: self.numbers.reserved(),
            issued: self.numbers.issued(),
            recorded: cluster.records().map(|known| known.triple).collect(),
            given_before: cluster.given_before(),
            unsettled: !self.settling.is_settled(cluster.removal),
            unkept,
            snapshot: held.map(|known| Arc::clone(&known.snapshot)),
            states: cluster.states(),
            recovering: cluster.recovering,
            refresh_wanted: cluster.refresh_wanted,
            refresh_done: cluster.refresh_done,
        }
    }

    /// A spoke said something; what an older session says is not heard.
    pub(super) fn spoke_said(
        &mut self,
        (name, session): (&ClusterName, SessionId),
        said: Said,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Some(cluster) = self.clusters.get_mut(name) else {
            return;
        };
        if cluster.live.as_ref().is_none_or(|live| live.id != session) {
            return;
        }
        cluster.observed.heard_at = Some(now);
        self.remember_seen(name, now, effects);
        let Some(cluster) = self.clusters.get_mut(name) else {
            return;
        };
        match said {
            Said::Accept(triple) => self.tell(name, Happened::Accept(triple), now, effects),
            Said::Refuse {
                snapshot,
                reason,
                detail,
            } => {
                self.setting.metrics.refused.inc();
                tracing::warn!(cluster = %name, snapshot = %snapshot, ?reason, detail, "a spoke refused a snapshot");
                self.tell(
                    name,
                    Happened::Refuse {
                        snapshot,
                        reason,
                        detail,
                    },
                    now,
                    effects,
                );
            }
            Said::RefreshDone(done) => {
                cluster.refresh_done = cluster.refresh_done.max(done);
                self.tell(name, Happened::RefreshDone(done), now, effects);
            }
            Said::Facts(facts) => self.facts_said(name, facts, now, effects),
            Said::Heartbeat => {}
            Said::Report {
                full,
                states,
                gone,
                digest,
            } => {
                self.setting.metrics.reports.inc();
                let said = states.len();
                let states = allowed(cluster, states);
                let whole = states.len() == said;
                let changes = report(cluster, full, states, &gone);
                if whole {
                    check_report(cluster, full, digest);
                } else {
                    tracing::warn!(cluster = %name, "a spoke reports bundles that it was never given; they are left out");
                    cluster.observed.unreported = false;
                }
                effects.push(Effect::RememberStates(name.clone(), changes));
                self.may_be_heard(name, false, now, effects);
            }
            Said::Nonsense(detail) => {
                tracing::warn!(cluster = %name, detail, "a spoke broke the protocol");
                let close = ended(CloseReason::Protocol, &detail);
                self.tell(name, Happened::End(close), now, effects);
            }
        }
    }

    /// A session's stream ended.
    pub(super) fn session_closed(
        &mut self,
        name: &ClusterName,
        session: SessionId,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Some(cluster) = self.clusters.get_mut(name) else {
            return;
        };
        if cluster.live.as_ref().is_some_and(|live| live.id == session) {
            tracing::info!(cluster = %name, "a spoke disconnected");
            cluster.live = None;
            cluster.observed.heard_at = Some(now);
            let agent = cluster.observed.agent_version.clone();
            effects.push(Effect::RememberSeen(name.clone(), now, agent));
            self.setting.metrics.sessions_open.dec();
        }
    }

    /// Keeps over a restart when a cluster was heard; not every time, because heartbeats come often.
    fn remember_seen(&mut self, name: &ClusterName, now: Moment, effects: &mut Vec<Effect>) {
        let Some(cluster) = self.clusters.get_mut(name) else {
            return;
        };
        if cluster
            .remembered_at
            .is_some_and(|at| now.since_ms(at) < SEEN_EVERY_MS)
        {
            return;
        }
        cluster.remembered_at = Some(now);
        let agent = cluster.observed.agent_version.clone();
        effects.push(Effect::RememberSeen(name.clone(), now, agent));
    }

    /// Gives an event to a cluster's session, and carries out what it answers.
    pub(super) fn tell(
        &mut self,
        name: &ClusterName,
        event: Happened,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Some(cluster) = self.clusters.get_mut(name) else {
            return;
        };
        if let Happened::Aim(session::Aim::Target(target, _)) = &event {
            note_aim(cluster, target.triple);
        }
        let Some(live) = &mut cluster.live else {
            return;
        };
        live.pending.extend(live.session.handle(event));
        self.say_pending(name, now, effects);
        if let Some(cluster) = self.clusters.get_mut(name) {
            forget_aims(cluster);
        }
    }

    /// What was recorded is durable: the session says what waited for it.
    pub(super) fn recorded(
        &mut self,
        (name, session): (&ClusterName, SessionId),
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(live) = self.live(name).filter(|live| live.id == session) {
            live.recording = false;
            self.say_pending(name, now, effects);
        }
    }

    /// Says what is to be said, up to what must be recorded first.
    fn say_pending(&mut self, name: &ClusterName, now: Moment, effects: &mut Vec<Effect>) {
        while let Some(live) = self.live(name).filter(|live| !live.recording)
            && let Some(answer) = live.pending.pop_front()
        {
            self.answer(name, answer, now, effects);
        }
    }

    fn answer(
        &mut self,
        name: &ClusterName,
        answer: Answer,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let metrics = self.setting.metrics.clone();
        let receipts = self.setting.receipts.clone();
        match answer {
            Answer::InSync(triple) => {
                metrics.in_sync.inc();
                self.holds(name, triple, effects);
                let mac = receipts.make(name, triple);
                self.put(name, out::in_sync(triple, mac), effects);
            }
            Answer::Offer(pieces) => {
                let objects: usize = pieces
                    .iter()
                    .map(|piece| piece.part.set_objects.len())
                    .sum();
                metrics.offers_sent.inc();
                metrics.objects_offered.inc_by(objects as u64);
                self.put(name, Out::Offer(pieces), effects);
            }
            Answer::Receipt(triple) => {
                metrics.accepted.inc();
                self.holds(name, triple, effects);
                let mac = receipts.make(name, triple);
                self.put(name, out::receipt(triple, mac), effects);
            }
            Answer::PrunePermit(triple) => self.put(name, out::prune_permit(triple), effects),
            Answer::NoOpinion(reason) => {
                metrics.no_opinion.inc();
                self.put(name, out::no_opinion(reason), effects);
            }
            Answer::UpgradeNeeded(features) => {
                let features = features.into_iter().collect();
                let message = Message::UpgradeNeeded(wire::UpgradeNeeded { features });
                self.put(name, Out::Message(message), effects);
            }
            Answer::ReportWanted => {
                if let Some(live) = self.live(name) {
                    live.report_wanted = true;
                }
                self.put(
                    name,
                    Out::Message(Message::ReportWanted(wire::ReportWanted {})),
                    effects,
                );
            }
            Answer::RefreshWanted(wanted) => {
                let message = Message::RefreshWanted(wire::RefreshWanted { wanted });
                self.put(name, Out::Message(message), effects);
            }
            Answer::Close(close) => self.close(name, &close, effects),
            Answer::Recovering(claimed) => self.recovering(name, claimed, effects),
            Answer::Confirmed => self.certain(name, now, effects),
            Answer::RaiseNumbers(above) => self.raise(name, above, now, effects),
        }
    }

    /// Numbers what a cluster is given above what it claims.
    fn raise(&mut self, name: &ClusterName, above: Number, now: Moment, effects: &mut Vec<Effect>) {
        match self.numbers.skip(above) {
            Ok(true) => {}
            Ok(false) => {
                effects.push(Effect::Raise(above));
                return;
            }
            Err(error) => {
                tracing::error!(cluster = %name, %error, "numbers stay as they are");
                return;
            }
        }
        let low = |cluster: &Cluster| {
            let given = cluster.given.as_ref();
            given.is_some_and(|given| given.triple.number <= above)
        };
        if self.clusters.get(name).is_some_and(low)
            && let Some(number) = self.number(effects)
        {
            self.number_anew(name, number, effects);
            self.aim(name, now, effects);
        }
    }

    /// A cluster's recovery begins or ends; its session waits until that is durable.
    fn recovering(
        &mut self,
        name: &ClusterName,
        claimed: Option<Digest>,
        effects: &mut Vec<Effect>,
    ) {
        let cluster = self.clusters.entry(name.clone()).or_default();
        if cluster.recovering == claimed {
            return;
        }
        tracing::warn!(cluster = %name, recovering = claimed.is_some(), "recovery");
        cluster.recovering = claimed;
        let waits = cluster.live.as_mut().map(|live| {
            live.recording = true;
            live.id
        });
        effects.push(Effect::Recovering(name.clone(), claimed, waits));
    }

    /// What the cluster was given is certain again.
    fn certain(&mut self, name: &ClusterName, now: Moment, effects: &mut Vec<Effect>) {
        let given = self
            .clusters
            .get_mut(name)
            .and_then(|cluster| cluster.given.as_mut());
        if let Some(given) = given.filter(|given| !given.certain) {
            given.certain = true;
            effects.push(Effect::Remember(Which::Given, name.clone(), given.clone()));
            self.pass_is_due(now, effects);
        }
    }

    fn live(&mut self, name: &ClusterName) -> Option<&mut Live> {
        self.clusters.get_mut(name)?.live.as_mut()
    }

    /// Puts something into a spoke's outbox; a spoke that does not read is dropped.
    fn put(&mut self, name: &ClusterName, out: Out, effects: &mut Vec<Effect>) {
        let Some(cluster) = self.clusters.get_mut(name) else {
            return;
        };
        let Some(live) = &cluster.live else {
            return;
        };
        if live.outbox.put(out).is_err() {
            tracing::warn!(cluster = %name, "a spoke does not read what it is sent; its session ends");
            effects.push(Effect::CloseConnection(live.connection));
            cluster.live = None;
            self.setting.metrics.sessions_open.dec();
        }
    }

    /// Ends a session after its last words.
    pub(super) fn close(&mut self, name: &ClusterName, close: &Close, effects: &mut Vec<Effect>) {
        self.put(name, out::close(close), effects);
        let Some(live) = self
            .clusters
            .get_mut(name)
            .and_then(|cluster| cluster.live.take())
        else {
            return;
        };
        self.setting.metrics.sessions_open.dec();
        if close.reason != CloseReason::ShuttingDown {
            effects.push(Effect::CloseConnection(live.connection));
        }
    }

    /// A spoke proved to hold a snapshot.
    fn holds(&mut self, name: &ClusterName, triple: Triple, effects: &mut Vec<Effect>) {
        let Some(cluster) = self.clusters.get_mut(name) else {
            return;
        };
        let Some(known) = cluster.entries(triple) else {
            return;
        };
        let held = Remembered {
            triple,
            certain: true,
            ..known.clone()
        };
        if cluster.held.as_ref() != Some(&held) {
            cluster.held = Some(held.clone());
            effects.push(Effect::Remember(Which::Held, name.clone(), held));
        }
    }

    // === membership ===

    /// A cluster enrolled, or has another certificate.
    pub(super) fn enrolled(
        &mut self,
        name: ClusterName,
        registration: &Registration,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        if !self.is_called(&name, registration, now, effects) {
            return;
        }
        let known = self.clusters.entry(name).or_default();
        let banned = known.member.take().and_then(|member| member.banned);
        known.member = Some(Member::new(registration, banned));
        // A new identity begins without the old one's suspicions.
        known.openings.clear();
        // Enrolling is being heard.
        known.observed.heard_at = Some(now);
        known.observed.admitted_at = Some(now);
    }

    /// A cluster was banned, or its ban taken back.
    pub(super) fn standing(
        &mut self,
        name: &ClusterName,
        banned: Option<String>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Some(cluster) = self.clusters.get_mut(name) else {
            return;
        };
        let Some(member) = cluster.member.as_mut() else {
            return;
        };
        if banned.is_none() && member.banned.is_some() {
            cluster.observed.admitted_at = Some(now);
        }
        member.banned.clone_from(&banned);
        let id = member.id;
        if let Some(reason) = banned {
            let detail = format!("cluster {name} is banned: {reason}");
            self.close(name, &ended(CloseReason::Banned, &detail), effects);
            effects.push(Effect::CloseCluster(id));
        }
    }

    fn quarantine(
        &mut self,
        name: &ClusterName,
        quarantine: &session::Quarantine,
        effects: &mut Vec<Effect>,
    ) {
        let Some(member) = self
            .clusters
            .get_mut(name)
            .and_then(|cluster| cluster.member.as_mut())
        else {
            return;
        };
        let what = match quarantine {
            session::Quarantine::TwoInstances => {
                "two agents use its identity and take the session from each other".to_owned()
            }
            session::Quarantine::TwoClusters { known, now } => {
                format!("its identity is used by the cluster {now}, and belongs to {known}")
            }
        };
        let reason = format!(
            "{what} (stop the wrong agent, then give the right one a new identity with `hub token \
             create {name} --re-enrol`)"
        );
        tracing::error!(cluster = %name, reason, "quarantined");
        member.quarantined = Some(reason.clone());
        effects.push(Effect::Quarantine(name.clone(), reason));
    }

    /// A person says that what clusters run is right.
    pub(super) fn confirmed(
        &mut self,
        cluster: Option<&ClusterName>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Vec<ClusterName> {
        let concerned = |name: &ClusterName, known: &Cluster| {
            let uncertain = known.given.as_ref().is_some_and(|given| !given.certain);
            let unknown = known.recovering.is_some() || known.heard == Heard::Awaited;
            cluster.is_none_or(|one| one == name) && (unknown || uncertain)
        };
        let names: Vec<ClusterName> = self
            .clusters
            .iter()
            .filter(|(name, known)| concerned(name, known))
            .map(|(name, _)| name.clone())
            .collect();
        for name in &names {
            self.tell(name, Happened::Confirm, now, effects);
            // One that is not connected is confirmed all the same.
            self.recovering(name, None, effects);
            self.certain(name, now, effects);
            self.may_be_heard(name, true, now, effects);
        }
        names
    }

    /// Ends the sessions whose certificates ended.
    pub(super) fn expire(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let ended_now = |cluster: &Cluster| {
            cluster
                .live
                .as_ref()
                .is_some_and(|live| now >= live.identity.not_after)
        };
        let names: Vec<ClusterName> = self
            .clusters
            .iter()
            .filter(|(_, cluster)| ended_now(cluster))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            let close = ended(
                CloseReason::Expired,
                "the certificate ended while the session was open",
            );
            self.close(&name, &close, effects);
        }
    }

    /// Says good-bye to everybody.
    pub(super) fn stop(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        self.stopping = true;
        let names: Vec<ClusterName> = self.clusters.keys().cloned().collect();
        for name in names {
            if let Some(cluster) = self.clusters.get_mut(&name).filter(|it| it.live.is_some()) {
                // It is there until now.
                cluster.remembered_at = None;
                self.remember_seen(&name, now, effects);
            }
            let close = Close {
                retry_after_ms: 1_000,
                ..ended(CloseReason::ShuttingDown, "the hub stops")
            };
            self.close(&name, &close, effects);
        }
    }
}

pub(super) fn ended(reason: CloseReason, detail: &str) -> Close {
    Close {
        reason,
        detail: detail.to_owned(),
        retry_after_ms: 0,
    }
}

/// Keeps what a target consists of while the spoke may still answer to it.
fn note_aim(cluster: &mut Cluster, triple: Triple) {
    let Some(given) = cluster.given.clone().filter(|given| given.triple == triple) else {
        return;
    };
    if cluster.live.is_some() {
        cluster.aimed.insert(triple, given);
    }
}

/// Forgets targets that the session does not speak of any more.
fn forget_aims(cluster: &mut Cluster) {
    let latest = cluster.given.as_ref().map(|given| given.triple);
    if let Some(live) = &cluster.live {
        let spoken_of: Vec<Arc<Snapshot>> = live.session.readable().cloned().collect();
        cluster.aimed.retain(|triple, aimed| {
            let spoken = spoken_of
                .iter()
                .any(|snapshot| Arc::ptr_eq(snapshot, &aimed.snapshot));
            spoken || latest == Some(*triple)
        });
    }
}

/// What is to be remembered of a report: new states, and bundles that are gone.
pub(super) type Changes = BTreeMap<BundleName, Option<BundleState>>;

/// The states of bundles that the cluster can have anything to say of.
pub(super) fn allowed(cluster: &Cluster, states: Vec<BundleState>) -> Vec<BundleState> {
    let known = cluster.observed.states.len();
    // One report may not name more than all of them may be.
    let mut unknown = 0;
    let mut may = |state: &BundleState| {
        let fresh = !cluster.observed.states.contains_key(&state.bundle);
        unknown += usize::from(fresh);
        cluster.may_report(&state.bundle, known + unknown)
    };
    states.into_iter().filter(|state| may(state)).collect()
}

/// Takes a report in.
fn report(
    cluster: &mut Cluster,
    full: bool,
    states: Vec<BundleState>,
    gone: &[BundleName],
) -> Changes {
    let mut changes = Changes::new();
    if full {
        let known = cluster.observed.states.keys();
        changes.extend(known.map(|bundle| (bundle.clone(), None)));
    }
    changes.extend(gone.iter().map(|bundle| (bundle.clone(), None)));
    let said = states.iter();
    changes.extend(said.map(|state| (state.bundle.clone(), Some(state.clone()))));
    cluster.observed.take(full, states, gone);
    cluster.shown = None;
    changes
}

/// Asks for everything when the sum of what was reported is not what the spoke says it is; once until it came.
fn check_report(cluster: &mut Cluster, full: bool, digest: Option<Digest>) {
    let ours = states_digest(cluster.observed.states.values());
    if full || digest.is_none_or(|digest| digest == ours) {
        cluster.observed.unreported = false;
    }
    let Some(live) = &mut cluster.live else {
        return;
    };
    if full {
        live.report_wanted = false;
        return;
    }
    if digest.is_some_and(|digest| digest != ours) && !live.report_wanted {
        live.report_wanted = true;
        let wanted = Message::ReportWanted(wire::ReportWanted {});
        if live.outbox.put(Out::Message(wanted)).is_err() {
            tracing::debug!("a spoke that does not read is dropped at the next message");
        }
    }
}
