//! `Admin`: the little that operators may change; every call is written down before it is carried out.

use capstan_hub_core::desired::Hold;
use capstan_proto::wire::admin_server::Admin;
use capstan_proto::wire::{self, Recorded};
use capstan_proto::{ClusterName, Moment, Revision, SourceName};
use tokio::sync::oneshot;
use tonic::transport::server::UdsConnectInfo;
use tonic::{Request, Response, Status};

use super::{Shared, query, status};
use crate::audit::Entry;
use crate::ca::enrolment::NewToken;
use crate::clock;
use crate::engine::event::Event;
use crate::ledger::records::{self, RecordError, TokenRight, Update, keys};

/// A token's life unless asked otherwise: long enough to paste a line, too short to be found in a history.
const TOKEN_TTL_S: u32 = 15 * 60;

/// Digits of a digest that name it, at least: 32 bits, among the few that are held.
const DIGEST_DIGITS_MIN: usize = 8;

/// Bytes of a reason.
const REASON_BYTES_MAX: usize = 1024;

/// The outcome of a call that is about to be carried out.
const ASKED: &str = "asked";

/// How a caller is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// By the socket: the system says who it is, and its file's permissions say who may.
    Socket,
    /// Not at all.
    Tcp,
}

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    shared: Shared,
    door: Door,
}

/// Who calls, for the audit log.
#[derive(Clone, Debug)]
struct Caller {
    who: String,
    from: String,
}

/// What is written down of a call.
struct Call<'a> {
    caller: Caller,
    name: &'static str,
    subject: &'a str,
    reason: &'a str,
}

type Answer<T> = Result<Response<T>, Status>;

impl Service {
    /// For callers over TCP: every call is refused in words.
    pub(crate) const fn over_tcp(shared: Shared) -> Self {
        Self {
            shared,
            door: Door::Tcp,
        }
    }

    /// For callers over the socket.
    pub(crate) const fn over_socket(shared: Shared) -> Self {
        Self {
            shared,
            door: Door::Socket,
        }
    }

    fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        if self.door == Door::Tcp {
            return Err(status::denied(
                "changes are taken over the hub's Unix socket only, because TCP does not say who \
                 calls (use --hub unix:PATH, or the hub's hub.yaml)",
            ));
        }
        let credentials = request
            .extensions()
            .get::<UdsConnectInfo>()
            .and_then(|info| info.peer_cred);
        let Some(credentials) = credentials else {
            return Ok(Caller {
                who: "unknown".to_owned(),
                from: "unix socket".to_owned(),
            });
        };
        let from = match credentials.pid() {
            Some(pid) => format!("unix socket, process {pid}"),
            None => "unix socket".to_owned(),
        };
        Ok(Caller {
            who: format!("uid {}", credentials.uid()),
            from,
        })
    }

    /// Carries a call out. It is written down before, and not carried out when that is impossible; and what came of it
    /// is written down after.
    async fn carried<T>(
        &self,
        call: Call<'_>,
        deed: impl Future<Output = Result<T, Status>> + Send,
    ) -> Answer<T> {
        self.note(&call, ASKED)
            .map_err(|error| status::unrecorded(&error))?;
        let outcome = deed.await;
        let words = match &outcome {
            Ok(_) => "done".to_owned(),
            Err(status) => format!("refused: {}", status.message()),
        };
        if let Err(error) = self.note(&call, &words) {
            // It is done, and that it was asked for is written down: the caller is to know what came of it.
            tracing::error!(
                call = call.name,
                subject = call.subject,
                outcome = words,
                error = crate::telemetry::chain(&error),
                "what came of a call is not in the audit log"
            );
        }
        tracing::info!(
            who = call.caller.who,
            call = call.name,
            subject = call.subject,
            outcome = words,
            "an operator's call"
        );
        outcome.map(Response::new)
    }

    fn note(&self, call: &Call<'_>, outcome: &str) -> std::io::Result<()> {
        self.shared.audit.record(&Entry {
            at: clock::now().to_string(),
            who: &call.caller.who,
            from: &call.caller.from,
            call: call.name,
            subject: call.subject,
            reason: call.reason,
            outcome,
        })
    }

    async fn send(&self, event: Event) -> Result<(), Status> {
        self.shared
            .events
            .send(event)
            .await
            .map_err(|_| status::stopping())
    }

    async fn make_token(
        &self,
        request: &wire::CreateTokenRequest,
        by: String,
    ) -> Result<wire::Token, Status> {
        let cluster = name(&request.cluster)?;
        let ttl_s = if request.ttl_seconds == 0 {
            TOKEN_TTL_S
        } else {
            request.ttl_seconds
        };
        let ttl_ms = u64::from(ttl_s) * 1000;
        let right = match (request.re_enrol, request.replace) {
            (false, false) => TokenRight::Enrol,
            (true, false) => TokenRight::ReEnrol,
            (false, true) => TokenRight::Replace,
            (true, true) => {
                return Err(status::invalid(
                    "--re-enrol is for the same cluster, --replace for another one (give one of them)",
                ));
            }
        };
        let now = clock::now();
        let new = NewToken {
            cluster: cluster.clone(),
            right,
            ttl_ms,
            by,
        };
        let enrolment = &self.shared.enrolment;
        let token = enrolment
            .create_token(new, rand::random(), now)
            .await
            .map_err(|error| status::token(&error))?;
        let declared = self
            .shared
            .pictures
            .borrow()
            .decisions
            .clusters
            .contains_key(&cluster);
        Ok(wire::Token {
            token: token.to_string(),
            cluster: cluster.to_string(),
            expires_at_ms: now.plus_ms(ttl_ms).unix_ms(),
            hub: self.shared.advertise.to_string(),
            ca_pin: enrolment.authority().pin().to_string(),
            declared,
        })
    }

    async fn change_ban(
        &self,
        cluster: &str,
        ban: Option<(&str, &str)>,
    ) -> Result<Recorded, Status> {
        let cluster = name(cluster)?;
        let enrolment = &self.shared.enrolment;
        let (what, banned) = match ban {
            Some((by, reason)) => {
                let ban = enrolment.ban(&cluster, by, reason, clock::now()).await;
                match ban.map_err(|error| status::ban(&error))?.1 {
                    None => {
                        let what = format!("cluster {cluster} is banned");
                        (what, Some(reason.to_owned()))
                    }
                    Some(before) => (already(&cluster, &before), Some(before.reason)),
                }
            }
            None => {
                let unban = enrolment.unban(&cluster).await;
                unban.map_err(|error| status::ban(&error))?;
                (format!("cluster {cluster} is not banned any more"), None)
            }
        };
        self.send(Event::Standing {
            cluster: cluster.clone(),
            banned,
        })
        .await?;
        Ok(Recorded {
            what,
            clusters: vec![cluster.to_string()],
        })
    }

    /// The held removal that a digest, or the beginning of one, names.
    fn held(&self, digest: &str) -> Result<Hold, Status> {
        let digest = digest.trim().to_ascii_lowercase();
        if digest.len() < DIGEST_DIGITS_MIN {
            return Err(status::invalid(format!(
                "give {DIGEST_DIGITS_MIN} or more digits of the digest"
            )));
        }
        let picture = self.shared.pictures.borrow();
        let holds = &picture.desired.holds;
        let mut found = holds
            .iter()
            .filter(|hold| hold.digest.to_string().starts_with(&digest));
        match (found.next(), found.next()) {
            (Some(hold), None) => Ok(hold.clone()),
            (Some(_), Some(_)) => Err(status::invalid("more than one held removal begins so")),
            (None, _) => Err(status::not_found(format!(
                "no removal with digest {digest} is held now (`hub status` shows what is; a set that \
                 grew has another digest)"
            ))),
        }
    }

    async fn approved(&self, request: &wire::ApproveRequest, by: &str) -> Result<Recorded, Status> {
        let hold = self.held(&request.digest)?;
        let now = clock::now();
        let expires = now.plus_ms(capstan_hub_core::limits::APPROVAL_MS);
        let list = serde_json::to_vec(&hold.set).map_err(|error| status::failed(&error))?;
        let content = std::sync::Arc::clone(&self.shared.content);
        let written = tokio::task::spawn_blocking(move || content.put(&list)).await;
        let written = written.map_err(|error| status::failed(&error))?;
        let record = records::Approval {
            content: written.map_err(|error| status::failed(&error))?,
            approver: by.to_owned(),
            reason: request.reason.clone(),
            given_unix_ms: now.unix_ms(),
            expires_unix_ms: expires.unix_ms(),
        };
        self.keep(&hold, &record)
            .await
            .map_err(|error| status::failed(&error))?;
        let (objects, clusters) = (hold.set.objects(), hold.set.clusters());
        let clusters: Vec<String> = clusters.map(ToString::to_string).collect();
        let what = format!(
            "approved the removal of {objects} objects from {} until {expires}",
            clusters.join(", ")
        );
        let approval = capstan_hub_core::desired::Approval {
            set: hold.set,
            approver: record.approver,
            reason: record.reason,
            expires_unix_ms: record.expires_unix_ms,
        };
        self.send(Event::Approved(Box::new(approval))).await?;
        Ok(Recorded { what, clusters })
    }

    async fn keep(&self, hold: &Hold, record: &records::Approval) -> Result<(), RecordError> {
        let records = self.shared.enrolment.records();
        records
            .update(&keys::approval(hold.digest), |_| {
                Update::Put(record.clone())
            })
            .await?;
        Ok(())
    }

    fn wake(&self, source: &str) -> Result<wire::Refreshed, Status> {
        let all = query::sources(&self.shared.pictures.borrow());
        let chosen: Vec<SourceName> = match source {
            "" => all,
            text => all
                .into_iter()
                .filter(|name| name.as_str() == text)
                .collect(),
        };
        if chosen.is_empty() {
            let known: Vec<&str> = self.shared.wakers.keys().map(SourceName::as_str).collect();
            let text = format!(
                "there is no source `{source}` (there are: {})",
                known.join(", ")
            );
            return Err(status::not_found(text));
        }
        for name in &chosen {
            if let Some(waker) = self.shared.wakers.get(name) {
                waker.wake();
            }
        }
        Ok(wire::Refreshed {
            sources: chosen.iter().map(ToString::to_string).collect(),
        })
    }

    /// The head that a source's branch was rewritten to.
    fn rewritten(&self, source: &str) -> Result<(SourceName, Revision), Status> {
        if source.is_empty() {
            return Err(status::invalid("name the one source to accept"));
        }
        let picture = self.shared.pictures.borrow();
        let mut sources = picture.sources.iter();
        let Some(view) = sources.find(|view| view.name.as_str() == source) else {
            return Err(status::not_found(format!("there is no source `{source}`")));
        };
        match &view.rewritten {
            Some((_, head)) => Ok((view.name.clone(), head.clone())),
            None => Err(status::precondition(format!(
                "the branch of source `{source}` is not rewritten; there is nothing to accept"
            ))),
        }
    }

    /// Lets a source follow the head that it has now, and what comes after it. A head that comes meanwhile and does not
    /// contain this one is not accepted.
    fn accept(&self, name: &SourceName, head: Revision) -> wire::Refreshed {
        if let Some(waker) = self.shared.wakers.get(name) {
            waker.accept(head);
        }
        wire::Refreshed {
            sources: vec![name.to_string()],
        }
    }

    async fn accept_rewrite(
        &self,
        caller: Caller,
        source: &str,
        why: &str,
    ) -> Answer<wire::Refreshed> {
        let found = reason(why).and_then(|()| self.rewritten(source));
        let subject = match &found {
            Ok((name, head)) => format!("{name} {head}"),
            Err(_) => source.to_owned(),
        };
        let call = Call {
            caller,
            name: "AcceptRewrite",
            subject: &subject,
            reason: why,
        };
        let deed = async { found.map(|(name, head)| self.accept(&name, head)) };
        self.carried(call, deed).await
    }

    async fn recovered(&self, request: &wire::RecoverRequest) -> Result<Recorded, Status> {
        if !request.confirm {
            return Err(status::invalid("recovery ends only with --confirm"));
        }
        reason(&request.reason)?;
        let cluster = match request.cluster.as_str() {
            "" => None,
            text => Some(name(text)?),
        };
        let (reply, answer) = oneshot::channel();
        self.send(Event::Confirmed { cluster, reply }).await?;
        let changed = answer.await.map_err(|_| status::stopping())?;
        if changed.is_empty() {
            return Err(status::precondition("no such cluster is in recovery"));
        }
        let clusters: Vec<String> = changed.iter().map(ToString::to_string).collect();
        Ok(Recorded {
            what: format!("confirmed: {}", clusters.join(", ")),
            clusters,
        })
    }
}

/// What is said to somebody who bans a cluster that is banned.
fn already(cluster: &ClusterName, before: &records::Ban) -> String {
    let since = Moment::from_unix_ms(before.since_unix_ms);
    format!(
        "cluster {cluster} was banned already, since {since} by {}, and that reason stays: {} (to give another one, \
         unban it first)",
        before.by, before.reason
    )
}

fn name(text: &str) -> Result<ClusterName, Status> {
    ClusterName::try_new(text).map_err(|error| status::invalid(error.to_string()))
}

fn reason(text: &str) -> Result<(), Status> {
    match text.trim() {
        "" => Err(status::invalid(
            "give a reason (--reason); it stands in the audit log",
        )),
        text if text.len() > REASON_BYTES_MAX => Err(status::invalid(format!(
            "the reason is longer than {REASON_BYTES_MAX} bytes"
        ))),
        _ => Ok(()),
    }
}

#[tonic::async_trait]
impl Admin for Service {
    async fn create_token(
        &self,
        request: Request<wire::CreateTokenRequest>,
    ) -> Answer<wire::Token> {
        let caller = self.caller(&request)?;
        let request = request.into_inner();
        let deed = self.make_token(&request, caller.who.clone());
        let call = Call {
            caller,
            name: "CreateToken",
            subject: &request.cluster,
            reason: "",
        };
        self.carried(call, deed).await
    }

    async fn ban(&self, request: Request<wire::BanRequest>) -> Answer<Recorded> {
        let caller = self.caller(&request)?;
        let wire::BanRequest {
            cluster,
            reason: why,
        } = request.into_inner();
        let by = caller.who.clone();
        let deed = async {
            reason(&why)?;
            self.change_ban(&cluster, Some((&by, &why))).await
        };
        let call = Call {
            caller,
            name: "Ban",
            subject: &cluster,
            reason: &why,
        };
        self.carried(call, deed).await
    }

    async fn unban(&self, request: Request<wire::UnbanRequest>) -> Answer<Recorded> {
        let caller = self.caller(&request)?;
        let wire::UnbanRequest {
            cluster,
            reason: why,
        } = request.into_inner();
        let deed = async {
            reason(&why)?;
            self.change_ban(&cluster, None).await
        };
        let call = Call {
            caller,
            name: "Unban",
            subject: &cluster,
            reason: &why,
        };
        self.carried(call, deed).await
    }

    async fn approve(&self, request: Request<wire::ApproveRequest>) -> Answer<Recorded> {
        let caller = self.caller(&request)?;
        let request = request.into_inner();
        let by = caller.who.clone();
        let deed = async {
            reason(&request.reason)?;
            self.approved(&request, &by).await
        };
        let call = Call {
            caller,
            name: "Approve",
            subject: &request.digest,
            reason: &request.reason,
        };
        self.carried(call, deed).await
    }

    async fn refresh(&self, request: Request<wire::RefreshRequest>) -> Answer<wire::Refreshed> {
        let caller = self.caller(&request)?;
        let wire::RefreshRequest {
            source,
            accept_rewrite,
            reason: why,
        } = request.into_inner();
        if accept_rewrite {
            return self.accept_rewrite(caller, &source, &why).await;
        }
        let call = Call {
            caller,
            name: "Refresh",
            subject: &source,
            reason: "",
        };
        self.carried(call, async { self.wake(&source) }).await
    }

    async fn recover(&self, request: Request<wire::RecoverRequest>) -> Answer<Recorded> {
        let caller = self.caller(&request)?;
        let request = request.into_inner();
        let call = Call {
            caller,
            name: "Recover",
            subject: &request.cluster,
            reason: &request.reason,
        };
        self.carried(call, self.recovered(&request)).await
    }
}
