//! Which rows a statement sees.

use pgrx::pg_sys;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Snapshot {
    /// The snapshot of the caller's statement. Nothing is written and no transaction id is
    /// assigned, so STABLE functions and hot standbys can use it.
    Caller,
    /// Everything committed so far, even if the transaction's own snapshot is older. Read-only.
    Latest,
    /// A new command of the transaction, which may lock and write.
    Command,
}

/// Activates the snapshot until [`pop`].
pub fn push(snapshot: Snapshot) {
    // SAFETY: called from a function of the extension, so there is a transaction.
    unsafe {
        match snapshot {
            Snapshot::Caller if pg_sys::ActiveSnapshotSet() => {
                pg_sys::PushActiveSnapshot(pg_sys::GetActiveSnapshot());
            }
            Snapshot::Caller => pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()),
            Snapshot::Latest => pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot()),
            Snapshot::Command => {
                // Includes what earlier commands of this transaction have written.
                pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
                pg_sys::CommandCounterIncrement();
                pg_sys::UpdateActiveSnapshotCommandId();
            }
        }
    }
}

/// Runs work whose statements all see what is committed now: those with [`Snapshot::Caller`].
pub fn latest<T>(work: impl FnOnce() -> T) -> T {
    push(Snapshot::Latest);
    let result = work();
    pop();
    result
}

/// Removes the snapshot that [`push`] activated. After an error, the end of the transaction does
/// so.
pub fn pop() {
    // SAFETY: called once per push.
    unsafe { pg_sys::PopActiveSnapshot() };
}
