//! Experiments on clusters. They use the product as anybody would, and the product knows nothing of them.
//!
//! - [`demo`] is a whole cluster of actors in one process, on either runtime.
//! - [`chaos`] kills, stops and cuts off the processes of a cluster under load, and [`linear`] judges what
//!   clients saw.
//! - [`load`] puts load on a cluster that runs, and [`bench`] measures one of its own.
//! - [`processes`], [`offspring`] and [`scratch`] are members as child processes, and their folders.

pub mod bench;
pub mod chaos;
pub mod demo;
pub mod linear;
pub mod load;
pub mod load_generator;
pub mod offspring;
pub mod processes;
pub mod scratch;
