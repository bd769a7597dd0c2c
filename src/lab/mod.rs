//! Experiments on clusters. They use the product like any other user; the product does not depend on them.
//!
//! - `demo` is a whole cluster of actors in one process, on either runtime.
//! - `chaos` kills, stops and cuts off the processes of a cluster under load, and `linear` judges what
//!   clients saw.
//! - `load` puts load on a cluster that runs, and `bench` measures one of its own.
//! - `processes`, `member`, `offspring` and `scratch` are members as child processes, and their folders.

pub(crate) mod bench;
pub(crate) mod chaos;
pub(crate) mod demo;
pub(crate) mod linear;
pub(crate) mod load;
pub(crate) mod load_generator;
pub(crate) mod member;
pub(crate) mod offspring;
pub(crate) mod processes;
pub(crate) mod scratch;

pub use chaos::store::StoreWorkload;
pub use chaos::verdict::{Exchange, Told, Verdict};
pub use chaos::workload::Workload;
pub use chaos::{Chaos, Failover, Report};
pub use member::{Program, run_member};
pub use processes::{ExperimentError, ProcessError, Processes, free_ports};
