//! Corrections: how much can be taken off a counter afterwards.

use serde::Serialize;

use crate::decision::Usage;

/// What a correction adds to a counter; negative takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    pub amount: i64,
    /// The part of it that is overage.
    pub overage: i64,
}

impl Correction {
    /// Splits an amount. What is taken off is overage first, then what the allowance covered: neither
    /// what open reservations hold, which they give back themselves, nor what grants and a currency
    /// covered, which would have to go back there. `None` if that is not enough.
    pub fn of(amount: i64, usage: Usage, held: Usage) -> Option<Self> {
        if amount >= 0 {
            return Some(Self { amount, overage: 0 });
        }
        let overage = (usage.overage - held.overage).max(0);
        let allowance = (usage.allowance() - held.allowance()).max(0);
        let least = -overage.saturating_add(allowance);
        (amount >= least).then(|| Self { amount, overage: amount.max(-overage) })
    }
}

/// The result of `correct_usage`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Corrected {
    amount: i64,
    period: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    overage: i64,
    corrected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    feature_type: String,
    current_usage: i64,
}

impl Corrected {
    /// The counter as it is afterwards.
    pub fn of(feature_type: &str, period: String, amount: i64, usage: Usage) -> Self {
        Self {
            amount,
            period,
            reason: None,
            overage: usage.overage,
            corrected: true,
            error_code: None,
            feature_type: feature_type.to_owned(),
            current_usage: usage.current,
        }
    }

    /// Nothing was corrected, since there is no such counter.
    pub fn refused(
        feature_type: &str,
        period: String,
        error_code: &'static str,
        reason: String,
    ) -> Self {
        let corrected = Self::of(feature_type, period, 0, Usage::default());
        let (reason, error_code) = (Some(reason), Some(error_code));
        Self { reason, corrected: false, error_code, ..corrected }
    }

    /// More than can be taken off.
    pub fn exceeding(feature_type: &str, period: String, amount: i64, usage: Usage) -> Self {
        let reason = format!(
            "{feature_type} can't be corrected by {amount}: grants, a currency or open reservations \
             cover the rest of {}",
            usage.current
        );
        let corrected = Self::of(feature_type, period, 0, usage);
        Self {
            reason: Some(reason),
            corrected: false,
            error_code: Some("EXCEEDS_USAGE"),
            ..corrected
        }
    }

    /// The idempotency key was used for another correction.
    pub fn mismatch(feature_type: &str, period: String, usage: Usage) -> Self {
        let corrected = Self::of(feature_type, period, 0, usage);
        let reason = Some("the idempotency key was used with other arguments".to_owned());
        Self { reason, corrected: false, error_code: Some("IDEMPOTENCY_MISMATCH"), ..corrected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(current: i64, drawn: i64, overage: i64) -> Usage {
        Usage { current, drawn, overage }
    }

    fn taken(amount: i64, of: Usage, held: Usage) -> Option<(i64, i64)> {
        Correction::of(amount, of, held).map(|correction| (correction.amount, correction.overage))
    }

    #[test]
    fn what_grants_covered_is_not_taken_off() {
        let of = usage(12, 9, 0);
        assert_eq!(taken(-3, of, Usage::default()), Some((-3, 0)));
        assert_eq!(taken(-4, of, Usage::default()), None);
    }

    #[test]
    fn overage_is_taken_off_first() {
        let of = usage(1_500, 0, 500);
        assert_eq!(taken(-600, of, Usage::default()), Some((-600, -500)));
        assert_eq!(taken(-100, of, Usage::default()), Some((-100, -100)));
    }

    #[test]
    fn what_reservations_hold_is_not_taken_off() {
        let (of, held) = (usage(20, 5, 6), usage(10, 4, 3));
        assert_eq!(taken(-9, of, held), Some((-9, -3)));
        assert_eq!(taken(-10, of, held), None);
    }

    #[test]
    fn more_is_added_whatever_is_used() {
        assert_eq!(taken(7, usage(12, 9, 3), Usage::default()), Some((7, 0)));
        assert_eq!(taken(0, Usage::default(), Usage::default()), Some((0, 0)));
        assert_eq!(taken(i64::MIN, usage(1, 0, 0), Usage::default()), None);
    }
}
