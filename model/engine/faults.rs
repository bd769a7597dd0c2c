//! What may go wrong with the machines that actors run on.

/// Who may crash, and what a crash does.
///
/// A crash may fall before a step, after it, or between any two of its commands, in the order in
/// which a machine performs them. What is volatile is gone; what was saved and sent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// How often each actor may crash.
    pub crashes: Vec<u8>,
    /// How often all actors together may crash.
    pub total: u8,
    /// How the machines perform steps.
    pub machine: DiskModel,
}

/// How a machine performs the commands of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskModel {
    /// Saves, then sends, then sets timers. What was saved stays.
    #[default]
    Sound,
    /// Sends, then saves, then sets timers.
    SendsFirst,
    /// Like [`DiskModel::Sound`], but a crash loses what was saved last.
    LosesLastSave,
}

impl Faults {
    /// Nobody crashes.
    #[cfg(test)]
    pub const NONE: Faults = Faults { crashes: Vec::new(), total: 0, machine: DiskModel::Sound };

    /// How often this actor may crash.
    pub fn most(&self, actor: usize) -> u8 {
        self.crashes.get(actor).copied().unwrap_or(0).min(self.total)
    }
}
