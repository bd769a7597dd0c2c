//! A cluster: its configuration file, its members, its clients, and its health.

pub mod client;
pub mod config;
pub mod driver;
pub mod health;
pub mod member;
pub(crate) mod net;
pub mod pending;
pub mod request_name;
mod resolver;
pub mod shared_client;
pub mod status_client;
