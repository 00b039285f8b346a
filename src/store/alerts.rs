//! Alerts, the rows of `usage_alerts`.

use domain::alert::{Alert, Kind};

use super::counter::CounterKey;
use super::registry::Registry;
use crate::pg::argument::Argument;

/// Writes an alert about a locked counter, unless it was written before.
pub fn write(registry: &Registry, counter: &CounterKey, alert: Alert) {
    let statements = &registry.statements.alerts;
    let (statement, period) = match alert.kind {
        Kind::Warn => (&statements.warn, counter.period.as_str()),
        Kind::Low => (&statements.low, ""),
    };
    let arguments = [
        if counter.is_of_pool() { Argument::NoUuid } else { Argument::Uuid(counter.user_id) },
        Argument::Text(&counter.feature_type),
        Argument::Text(period),
        Argument::Bigint(alert.threshold),
        Argument::Bigint(alert.usage),
        alert.limit.map_or(Argument::NoBigint, Argument::Bigint),
        Argument::Uuid(counter.pool_id),
    ];
    registry.on_tables(|| statement.write(&arguments));
}
