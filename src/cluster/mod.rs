//! A cluster: its configuration file, its members, its clients, and its health.

pub mod client;
pub mod config;
pub mod health;
pub mod member;
pub(crate) mod net;
mod resolver;
pub mod status_client;
