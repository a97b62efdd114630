//! A simulated Kubernetes API server.
//!
//! It speaks as Kubernetes 1.36 over TLS: discovery, reading and writing of the built-in kinds and
//! of custom ones, server-side apply with `managedFields`, watches, RBAC, ServiceAccount tokens,
//! and stand-ins for the controllers that make workloads become ready. Stock `kubectl` works
//! against it. What it is not: a database (see [`Options::data`]), a runtime (no container ever
//! runs), or a place for webhooks (they are stored and never called).
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let running = simkube::Server::start(simkube::Options::default()).await.unwrap();
//! let kubeconfig = running.kubeconfig();
//! assert!(kubeconfig.contains(running.url()));
//! running.shutdown().await;
//! # });
//! ```

mod admin;
mod api;
mod app;
mod auth;
mod bootstrap;
pub mod cli;
mod clock;
mod controllers;
mod delete;
mod discovery;
mod errors;
mod faults;
mod http;
mod identity;
mod journal;
mod kinds;
mod kubeconfig;
pub mod merge;
mod object;
mod openapi;
mod options;
mod path;
mod protobuf;
mod requests;
mod rules;
pub mod schema;
mod selector;
mod server;
mod status;
mod store;
mod table;
mod world;
mod write;

pub use faults::Fault;
pub use identity::IdentityError;
pub use options::Options;
pub use requests::Requests;
pub use server::{Running, Server, StartError};
