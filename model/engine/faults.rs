//! The faults of the machines that actors run on.

/// The crashes that may happen, and the model of the disk.
///
/// A crash may fall before a step, after it, or between any two of its commands, in the order in
/// which the machine performs them. Volatile state is lost; what was saved and sent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The most crashes of each actor.
    pub crashes: Vec<u8>,
    /// The most crashes of all actors together.
    pub total: u8,
    /// The order of a step's commands, and the loss of saves.
    pub machine: DiskModel,
}

/// The order in which a machine performs the commands of one step, and the saves that a crash
/// loses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskModel {
    /// Saves, then sends, then sets timers. Saves are durable.
    #[default]
    Sound,
    /// Sends, then saves, then sets timers.
    SendsFirst,
    /// Like [`DiskModel::Sound`], but a crash loses the last save.
    LosesLastSave,
}

impl Faults {
    /// No crashes.
    #[cfg(test)]
    pub const NONE: Faults = Faults { crashes: Vec::new(), total: 0, machine: DiskModel::Sound };

    /// The most crashes of this actor.
    pub fn most(&self, actor: usize) -> u8 {
        self.crashes.get(actor).copied().unwrap_or(0).min(self.total)
    }
}
