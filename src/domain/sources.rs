//! The sources of a reservation, as they are stored with it: what has to go back where.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::burn::{Paid, Split, Taken};

/// The column `sources` of a reservation. What it does not name came from the allowance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stored {
    /// What each grant covers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grants: Vec<(Uuid, i64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid: Option<StoredPaid>,
    #[serde(skip_serializing_if = "is_zero")]
    overage: i64,
    /// The windows of caps in which it is counted: their kinds and period keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<(String, String)>,
    /// The same for caps of the member who reserved in a pool.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub member_windows: Vec<(String, String)>,
}

/// What a currency pays, and where that is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredPaid {
    /// The currency: a feature.
    #[serde(rename = "in")]
    pub feature_type: String,
    /// Its period key.
    pub period: String,
    /// The id of the row of its counter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter_id: Option<Uuid>,
    units: i64,
    /// In units of the currency: the cost of one unit.
    cost: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grants: Vec<(Uuid, i64)>,
    #[serde(skip_serializing_if = "is_zero")]
    overage: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub member_windows: Vec<(String, String)>,
}

/// The windows of caps in which an amount is counted, as kinds and period keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowNames {
    /// Those of the user or the pool.
    pub own: Vec<(String, String)>,
    /// Those of the member of a pool.
    pub members: Vec<(String, String)>,
}

/// Where a currency counts what it pays.
pub struct PaidFrom {
    pub feature_type: String,
    pub period: String,
    pub counter_id: Option<Uuid>,
    pub windows: WindowNames,
}

impl StoredPaid {
    /// What was paid in units of the currency; `None` if somebody has written what can't be.
    fn total(&self) -> Option<i64> {
        let total =
            self.units.checked_mul(self.cost).filter(|_| self.units > 0 && self.cost > 0)?;
        parts(&self.grants, self.overage).filter(|parts| *parts <= total).map(|_| total)
    }
}

/// The sum of parts that must not be negative.
fn parts(grants: &[(Uuid, i64)], overage: i64) -> Option<i64> {
    let mut parts = grants.iter().map(|(_, part)| *part).chain([overage]);
    parts.try_fold(0, |sum: i64, part| sum.checked_add(part).filter(|_| part >= 0))
}

impl Stored {
    /// The sources of a split; `None` if all comes from the allowance and no window counts it.
    pub fn of(split: &Split, windows: WindowNames, paid_from: Option<PaidFrom>) -> Option<Self> {
        let paid = split.paid.as_ref().zip(paid_from).map(|(paid, from)| StoredPaid {
            feature_type: from.feature_type,
            period: from.period,
            counter_id: from.counter_id,
            units: paid.units,
            cost: paid.cost,
            grants: paid.taken.grants.clone(),
            overage: paid.taken.overage,
            windows: from.windows.own,
            member_windows: from.windows.members,
        });
        let grants = split.own.grants.clone();
        let stored = Self {
            grants,
            paid,
            overage: split.own.overage,
            windows: windows.own,
            member_windows: windows.members,
        };
        (stored != Self::default()).then_some(stored)
    }

    /// The sources of a split as the ledger tells them: `paid_in` is the currency with its period key.
    pub fn told(split: &Split, paid_in: Option<(&str, &str)>) -> Option<Self> {
        let paid_from = paid_in.map(|(feature_type, period)| PaidFrom {
            feature_type: feature_type.to_owned(),
            period: period.to_owned(),
            counter_id: None,
            windows: WindowNames::default(),
        });
        Self::of(split, WindowNames::default(), paid_from)
    }

    /// The same of what a currency has paid, or was given back.
    pub fn told_of_paid(taken: &Taken) -> Option<Self> {
        let told = Self { grants: taken.grants.clone(), overage: taken.overage, ..Self::default() };
        (told != Self::default()).then_some(told)
    }

    /// A grant, for an entry about itself.
    pub fn of_grant(grant_id: Uuid, amount: i64) -> Self {
        Self { grants: vec![(grant_id, amount)], ..Self::default() }
    }

    /// The same, as far as an amount can have been split like that: somebody may have written it.
    pub fn sound(self, amount: i64) -> Self {
        let units = match &self.paid {
            Some(paid) => paid.total().map(|_| paid.units),
            None => Some(0),
        };
        let own = parts(&self.grants, self.overage);
        let sum = own.zip(units).and_then(|(own, units)| own.checked_add(units));
        match sum.is_some_and(|sum| sum <= amount) {
            true => self,
            false => Self {
                windows: self.windows,
                member_windows: self.member_windows,
                ..Self::default()
            },
        }
    }

    /// How the reserved amount was split, if that is sound.
    pub fn split(&self, amount: i64) -> Split {
        let taken = |total: i64, grants: &[(Uuid, i64)], overage: i64| {
            let granted: i64 = grants.iter().map(|(_, part)| part).sum();
            let allowance = (total - granted - overage).max(0);
            Taken { allowance, grants: grants.to_vec(), overage }
        };
        let paid = self.paid.as_ref().map(|paid| Paid {
            units: paid.units,
            cost: paid.cost,
            taken: taken(paid.units * paid.cost, &paid.grants, paid.overage),
        });
        let units = paid.as_ref().map_or(0, |paid| paid.units);
        Split { own: taken(amount - units, &self.grants, self.overage), paid, excess: 0 }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(amount: &i64) -> bool {
    *amount == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::burn::{Currency, Sources, Stock};
    use serde_json::json;

    fn stock(allowance: i64, grants: &[(Uuid, i64)], overage: i64) -> Stock {
        Stock { allowance: Some(allowance), grants: grants.to_vec(), overage: Some(overage) }
    }

    #[test]
    fn sources_round_trip() {
        let [mine, paying] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let currency = Currency { cost: 5, stock: stock(2, &[(paying, 10)], 0) };
        let own = stock(1, &[(mine, 3)], 0);
        let split = Sources { own, currency: Some(currency) }.cover(6).expect("covered");
        let from = PaidFrom {
            feature_type: "credits".to_owned(),
            period: "2025-01-31/P1M".to_owned(),
            counter_id: None,
            windows: WindowNames::default(),
        };
        let windows = WindowNames {
            own: vec![("hour".to_owned(), "2025-02-10T14".to_owned())],
            members: vec![("week".to_owned(), "2025-W07".to_owned())],
        };
        let stored = Stored::of(&split, windows, Some(from)).expect("not only the allowance");
        let written = serde_json::to_value(&stored).expect("sources are JSON");
        assert_eq!(
            written,
            json!({
                "grants": [[mine, 3]],
                "paid": {"in": "credits", "period": "2025-01-31/P1M", "units": 2, "cost": 5,
                         "grants": [[paying, 8]]},
                "windows": [["hour", "2025-02-10T14"]],
                "member_windows": [["week", "2025-W07"]]
            })
        );
        let read: Stored = serde_json::from_value(written).expect("sources");
        assert_eq!(read.split(6), split);
    }

    #[test]
    fn what_cannot_have_been_is_taken_for_the_allowance() {
        let id = Uuid::nil();
        for written in [
            json!({"overage": -1}),
            json!({"overage": i64::MIN}),
            json!({"overage": 7}),
            json!({"grants": [[id, 7]]}),
            json!({"grants": [[id, i64::MAX], [id, i64::MAX]]}),
            json!({"paid": {"in": "credits", "period": "total", "units": 1, "cost": -5}}),
            json!({"paid": {"in": "credits", "period": "total", "units": i64::MIN, "cost": 5}}),
            json!({"paid": {"in": "credits", "period": "total", "units": 7, "cost": 5}}),
            json!({"paid": {"in": "credits", "period": "total", "units": 2, "cost": i64::MAX}}),
            json!({"paid": {"in": "credits", "period": "total", "units": 1, "cost": 5, "overage": 6}}),
        ] {
            let stored: Stored = serde_json::from_value(written.clone()).expect("sources");
            assert_eq!(stored.sound(6).split(6), Split::of_allowance(6), "{written}");
        }
    }

    #[test]
    fn the_allowance_alone_is_not_stored() {
        assert_eq!(Stored::of(&Split::of_allowance(3), WindowNames::default(), None), None);
        assert_eq!(Stored::default().split(3), Split::of_allowance(3));
    }
}
