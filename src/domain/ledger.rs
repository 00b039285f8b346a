//! The ledger: what is noted of a change of a counter.

/// Why a counter changed, or what happened to a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Increment,
    Consume,
    Reserve,
    Commit,
    Release,
    /// A reservation that expired was given back.
    Expire,
    /// An event of a batch.
    Record,
    Correct,
    Grant,
    Void,
    Carry,
}

impl Kind {
    /// Its name in the column `kind`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Increment => "increment",
            Self::Consume => "consume",
            Self::Reserve => "reserve",
            Self::Commit => "commit",
            Self::Release => "release",
            Self::Expire => "expire",
            Self::Record => "record",
            Self::Correct => "correct",
            Self::Grant => "grant",
            Self::Void => "void",
            Self::Carry => "carry",
        }
    }
}
