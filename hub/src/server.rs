//! The hub, composed: everything is opened, then bound, then started; and stopped in the opposite order.

mod bind;
mod open;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use capstan_hub_core::spec::Rules;
use capstan_proto::{Revision, SourceName};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::addresses::{Addresses, AddressesError};
use crate::ca::{Authority, HubName};
use crate::clock;
use crate::config::{Config, Source};
use crate::engine::event::Event;
use crate::engine::picture::{Picture, SourceView};
use crate::engine::receipt::Receipts;
use crate::engine::restore::Restored;
use crate::engine::run::{EVENTS_MAX, Hands};
use crate::engine::shelf::Shelving;
use crate::engine::source::{self, Archive, Following};
use crate::engine::waker::Waker;
use crate::engine::{self, Setting};
use crate::grpc::health::Readiness;
use crate::grpc::{self, Shared};
use crate::http::{self, Pages};
use crate::layout::Layout;
use crate::metrics::{Exposition, Metrics};
use crate::shutdown::GRACE;
use crate::store::Store;
use crate::telemetry::chain;
use crate::tls::{self, Connections, ServerTls, TlsError};
use bind::{BindError, Bound};
use open::{OpenError, Opened};

/// How often it is looked whether the hub's own certificate is to be renewed: it lives for 30 days.
const CREDENTIAL_EVERY: Duration = Duration::from_secs(3_600);

/// How often ended tokens are forgotten; each is about 200 bytes of the ledger.
const TOKENS_EVERY: Duration = Duration::from_secs(3_600);

/// Why a hub does not start. Nothing is left bound.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What the hub knows cannot be opened.
    #[error(transparent)]
    Open(#[from] Box<OpenError>),
    /// The hub cannot listen.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The hub's own certificate cannot be made.
    #[error("cannot make the hub's own certificate")]
    Credential(#[source] crate::ca::AuthorityError),
    /// TLS cannot be set up.
    #[error("cannot set up TLS for spokes")]
    Tls(#[source] TlsError),
    /// The addresses cannot be written down.
    #[error("cannot write down where the hub listens")]
    Addresses(#[source] AddressesError),
}

/// A running hub.
#[derive(Debug)]
pub struct Server {
    addresses: Addresses,
    stop: CancellationToken,
    events: mpsc::Sender<Event>,
    failed: watch::Receiver<Option<String>>,
    tasks: tokio::sync::Mutex<JoinSet<()>>,
    engine: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    store: Arc<Store>,
}

/// What the parts share while they are started.
struct Parts {
    shared: Shared,
    tasks: JoinSet<()>,
    failed: watch::Sender<Option<String>>,
    exposition: Exposition,
    store: Arc<Store>,
}

impl Server {
    /// Opens, binds and starts everything.
    ///
    /// # Errors
    /// When something cannot be opened or bound.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let layout = Layout::new(&config.data_dir);
        let opened = open::open(&config, &layout).await.map_err(Box::new)?;
        let bound = bind::bind(&config.listen).await?;
        let advertise = match config.advertise.port {
            0 => config.advertise.with_port(bound.addresses.spokes.port()),
            _ => config.advertise.clone(),
        };
        let authority = Arc::clone(opened.enrolment.authority());
        let names = names(&config, &bound);
        let credential = authority
            .issue_server(&names, clock::now())
            .map_err(StartError::Credential)?;
        let renew_at = credential.renew_at;
        let tls = ServerTls::new(&authority, credential).map_err(StartError::Tls)?;
        let addresses = bound.addresses.written(&layout, advertise.to_string())?;
        let connections = Connections::new();
        let (parts, engine, events) =
            Parts::new(&config, &layout, opened, (&connections, advertise));
        let store = Arc::clone(&parts.store);
        let stop = parts.shared.stop.clone();
        let failed = parts.failed.subscribe();
        let incoming = tls::listen(bound.spokes, tls.clone(), connections);
        let renewal = renew(authority, names, tls, (renew_at, stop.clone()));
        let tasks = parts.start((bound.api, bound.socket, bound.http), incoming, renewal);
        Ok(Self {
            addresses,
            stop,
            events,
            failed,
            tasks: tokio::sync::Mutex::new(tasks),
            engine: tokio::sync::Mutex::new(Some(engine)),
            store,
        })
    }

    /// Where the hub listens.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Resolves with the reason when a part of the hub ended that must not.
    pub async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        loop {
            let reason = failed.borrow_and_update().clone();
            if let Some(reason) = reason {
                return reason;
            }
            if failed.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Stops in order: sessions are told, nothing new is accepted, open calls end, what is known is written.
    pub async fn stop(&self) {
        let (reply, told) = oneshot::channel();
        if self.events.send(Event::Stop(reply)).await.is_ok() && told.await.is_err() {
            tracing::debug!("the engine had ended already");
        }
        self.stop.cancel();
        let mut tasks = self.tasks.lock().await;
        let ended = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::warn!("cutting calls that did not end");
            tasks.shutdown().await;
        }
        if let Some(engine) = self.engine.lock().await.take() {
            engine.abort();
            if let Err(error) = engine.await
                && error.is_panic()
            {
                tracing::error!(%error, "the engine had panicked");
            }
        }
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || store.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "the store was not written"),
            Err(error) => tracing::error!(%error, "writing the store panicked"),
        }
        if let Err(error) = std::fs::remove_file(&self.addresses.socket) {
            tracing::debug!(%error, "the socket was gone already");
        }
    }
}

/// The names in the hub's certificate: what spokes dial, and the machine itself.
fn names(config: &Config, bound: &Bound) -> Vec<HubName> {
    let mut names: Vec<HubName> = HubName::of_advertised(&config.advertise.to_string())
        .into_iter()
        .collect();
    let address = bound.addresses.spokes.ip();
    if !address.is_unspecified() {
        names.push(HubName::Ip(address));
    }
    names.push(HubName::Dns("localhost".to_owned()));
    names.push(HubName::Ip(std::net::Ipv4Addr::LOCALHOST.into()));
    names.sort();
    names.dedup();
    names
}

/// Renews the hub's own certificate at half of its life; connections that are open go on.
async fn renew(
    authority: Arc<Authority>,
    names: Vec<HubName>,
    tls: ServerTls,
    (mut renew_at, stop): (capstan_proto::Moment, CancellationToken),
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(CREDENTIAL_EVERY) => {}
        }
        if clock::now() < renew_at {
            continue;
        }
        let renewed = authority.issue_server(&names, clock::now());
        match renewed.map(|credential| (credential.renew_at, tls.replace(&authority, credential))) {
            Ok((next, Ok(()))) => renew_at = next,
            Ok((_, Err(error))) => tracing::error!(
                error = chain(&error),
                "the hub's certificate was not renewed"
            ),
            Err(error) => tracing::error!(
                error = chain(&error),
                "the hub's certificate was not renewed"
            ),
        }
    }
}

impl Parts {
    /// Starts the engine and the followers of Git.
    fn new(
        config: &Config,
        layout: &Layout,
        opened: Opened,
        (connections, advertise): (&Connections, crate::config::HostPort),
    ) -> (Self, JoinHandle<()>, mpsc::Sender<Event>) {
        let Opened {
            enrolment,
            store,
            content,
            audit,
            receipts,
            restored,
        } = opened;
        let (metrics, exposition) = Metrics::new();
        let (events, incoming) = mpsc::channel(EVENTS_MAX);
        let (pictures, picture) = watch::channel(Arc::new(Picture::default()));
        let (shelving, shelf) = Shelving::new(Arc::clone(&content));
        let (failed, _) = watch::channel(None);
        let stop = CancellationToken::new();
        let hands = Hands {
            events: events.clone(),
            pictures,
            shelving,
            store: Arc::clone(&store),
            records: enrolment.records().clone(),
            connections: connections.clone(),
            metrics: metrics.clone(),
        };
        let remembered = restored.stamps();
        let engine = engine_of((config, layout), &receipts, restored, (hands, incoming));
        let mut tasks = JoinSet::new();
        let wakers = follow(
            (config, layout),
            &remembered,
            (&events, &metrics, &stop),
            &mut tasks,
        );
        let readiness = Readiness {
            pictures: picture.clone(),
            store: Arc::clone(&store),
        };
        let shared = Shared {
            readiness,
            events: events.clone(),
            pictures: picture,
            enrolment,
            shelf,
            content,
            receipts,
            metrics,
            audit,
            wakers: Arc::new(wakers),
            advertise,
            stop,
        };
        (
            Self {
                shared,
                tasks,
                failed,
                exposition,
                store,
            },
            engine,
            events,
        )
    }

    /// Starts the servers.
    fn start(
        mut self,
        (api, socket, page): (
            tokio::net::TcpListener,
            tokio::net::UnixListener,
            tokio::net::TcpListener,
        ),
        incoming: tls::Incoming,
        renewal: impl Future<Output = ()> + Send + 'static,
    ) -> JoinSet<()> {
        let shared = self.shared.clone();
        self.guard("the spokes' server", grpc::spokes(shared.clone(), incoming));
        self.guard(
            "the operators' server",
            grpc::operators_tcp(shared.clone(), api),
        );
        self.guard(
            "the operators' socket",
            grpc::operators_socket(shared.clone(), socket),
        );
        let readiness = shared.readiness.clone();
        let pages = Pages {
            metrics: self.exposition.clone(),
            unready: Box::new(move || readiness.unready()),
        };
        self.tasks
            .spawn(http::serve(page, pages, shared.stop.clone()));
        self.tasks.spawn(renewal);
        self.tasks.spawn(forget_tokens(shared.clone()));
        self.tasks.spawn(sweep::run(shared.clone()));
        self.tasks.spawn(hang_up(shared));
        self.tasks
    }

    /// Runs a server; one that ends before the hub stops is a failure of the hub.
    fn guard(
        &mut self,
        name: &'static str,
        server: impl Future<Output = grpc::Ended> + Send + 'static,
    ) {
        let (failed, stop) = (self.failed.clone(), self.shared.stop.clone());
        self.tasks.spawn(async move {
            let ended = server.await;
            if stop.is_cancelled() {
                return;
            }
            let reason = match ended {
                Ok(()) => format!("{name} ended"),
                Err(error) => format!("{name} ended: {}", chain(&error)),
            };
            failed.send_replace(Some(reason));
        });
    }
}

/// Starts the engine.
fn engine_of(
    (config, layout): (&Config, &Layout),
    receipts: &Receipts,
    restored: Restored,
    (hands, events): (Hands, mpsc::Receiver<Event>),
) -> JoinHandle<()> {
    let setting = Setting {
        budget: config.safety,
        rules: rules(&config.sources),
        archives: Arc::new(archives(&config.sources, layout)),
        receipts: receipts.clone(),
        metrics: hands.metrics.clone(),
        started_at: clock::now(),
    };
    let views = config.sources.iter().map(view).collect();
    let state = engine::State::new(setting, views, restored);
    tokio::spawn(engine::run::run(state, hands, events))
}

/// Forgets tokens that ended and cannot be retried any more.
async fn forget_tokens(shared: Shared) {
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(TOKENS_EVERY) => {}
        }
        match shared.enrolment.sweep_tokens(clock::now()).await {
            Ok(swept) => tracing::debug!(swept, "forgot ended tokens"),
            Err(error) => tracing::warn!(error = chain(&error), "ended tokens were not forgotten"),
        }
    }
}

/// SIGHUP looks at Git, as `hub refresh` does.
async fn hang_up(shared: Shared) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hangups) = signal(SignalKind::hangup()) else {
        tracing::warn!("SIGHUP cannot be heard; use `hub refresh`");
        return;
    };
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            heard = hangups.recv() => if heard.is_none() { return },
        }
        tracing::info!("SIGHUP: looking at Git");
        shared.wakers.values().for_each(|waker| waker.wake());
    }
}

/// Starts the followers of all sources; gives back what wakes them.
fn follow(
    (config, layout): (&Config, &Layout),
    remembered: &BTreeMap<SourceName, BTreeSet<Revision>>,
    (events, metrics, stop): (&mpsc::Sender<Event>, &Metrics, &CancellationToken),
    tasks: &mut JoinSet<()>,
) -> BTreeMap<SourceName, Arc<Waker>> {
    let mut wakers = BTreeMap::new();
    for source in &config.sources {
        let name = &source.git.name;
        let waker = Arc::new(Waker::default());
        wakers.insert(name.clone(), Arc::clone(&waker));
        tasks.spawn(source::follow(Following {
            source: source.clone(),
            directory: layout.git(name),
            waker,
            remembered: remembered.get(name).cloned().unwrap_or_default(),
            events: events.clone(),
            metrics: metrics.clone(),
            stop: stop.clone(),
        }));
    }
    wakers
}

fn rules(sources: &[Source]) -> BTreeMap<SourceName, Rules> {
    sources
        .iter()
        .map(|source| (source.git.name.clone(), source.rules.clone()))
        .collect()
}

fn archives(sources: &[Source], layout: &Layout) -> BTreeMap<SourceName, Archive> {
    let archive = |source: &Source| Archive {
        source: source.git.clone(),
        directory: layout.git(&source.git.name),
    };
    sources
        .iter()
        .map(|source| (source.git.name.clone(), archive(source)))
        .collect()
}

fn view(source: &Source) -> SourceView {
    SourceView {
        name: source.git.name.clone(),
        url: shown_url(&source.git.url),
        branch: source.git.branch.clone(),
        commit: None,
        polled_at: None,
        failing: None,
        rewritten: None,
    }
}

/// A URL without what stands before an `@`: people put tokens there.
fn shown_url(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority
                .rsplit_once('@')
                .map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}/{path}")
        }
        None => url.to_owned(),
    }
}
