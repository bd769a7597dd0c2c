//! A cluster as its users know it: its file, its members, its clients, and how it is.

pub mod client;
pub mod config;
pub mod health;
pub mod member;
pub(crate) mod net;
mod resolver;
pub mod status_client;
