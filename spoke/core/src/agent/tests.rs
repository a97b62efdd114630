//! The agent against a small model of an API server and a hub: scenarios, rules, properties.

mod checks;
mod cluster;
mod company;
mod drift;
mod held;
mod hub;
mod modes;
mod property;
mod prune;
mod restart;
mod restored;
mod rollout;
mod rules;
mod world;
