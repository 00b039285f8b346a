//! Which rows a statement sees.

use pgrx::pg_sys;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Snapshot {
    /// What the caller's statement sees. Nothing is written and no transaction id is assigned, so a
    /// STABLE function can use it, and a hot standby.
    Caller,
    /// What is committed by now, even if the transaction's own snapshot is older. For reading only.
    Latest,
    /// A new command of the transaction, which may lock and write.
    Command,
}

/// Makes the snapshot the active one, until [`pop`].
pub fn push(snapshot: Snapshot) {
    // SAFETY: a function of ours is running, so there is a transaction.
    unsafe {
        match snapshot {
            Snapshot::Caller if pg_sys::ActiveSnapshotSet() => {
                pg_sys::PushActiveSnapshot(pg_sys::GetActiveSnapshot());
            }
            Snapshot::Caller => pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()),
            Snapshot::Latest => pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot()),
            Snapshot::Command => {
                // It sees what the commands before it in this transaction have written.
                pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
                pg_sys::CommandCounterIncrement();
                pg_sys::UpdateActiveSnapshotCommandId();
            }
        }
    }
}

/// Removes the snapshot that [`push`] made active. After an error, the end of the transaction does it.
pub fn pop() {
    // SAFETY: called once for every push.
    unsafe { pg_sys::PopActiveSnapshot() };
}
