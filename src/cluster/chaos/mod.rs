//! What a cluster is put through, and how it is judged.

pub mod linear;
