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
    units: i64,
    /// In units of the currency: the cost of one unit.
    cost: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grants: Vec<(Uuid, i64)>,
    #[serde(skip_serializing_if = "is_zero")]
    overage: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<(String, String)>,
}

/// Where a currency counts what it pays.
pub struct PaidFrom {
    pub feature_type: String,
    pub period: String,
    pub windows: Vec<(String, String)>,
}

impl Stored {
    /// The sources of a split; `None` if all comes from the allowance and no window counts it.
    pub fn of(
        split: &Split,
        windows: Vec<(String, String)>,
        paid_from: Option<PaidFrom>,
    ) -> Option<Self> {
        let paid = split.paid.as_ref().zip(paid_from).map(|(paid, from)| StoredPaid {
            feature_type: from.feature_type,
            period: from.period,
            units: paid.units,
            cost: paid.cost,
            grants: paid.taken.grants.clone(),
            overage: paid.taken.overage,
            windows: from.windows,
        });
        let grants = split.own.grants.clone();
        let stored = Self { grants, paid, overage: split.own.overage, windows };
        (stored != Self::default()).then_some(stored)
    }

    /// How the reserved amount was split.
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
            windows: Vec::new(),
        };
        let windows = vec![("hour".to_owned(), "2025-02-10T14".to_owned())];
        let stored = Stored::of(&split, windows, Some(from)).expect("not only the allowance");
        let written = serde_json::to_value(&stored).expect("sources are JSON");
        assert_eq!(
            written,
            json!({
                "grants": [[mine, 3]],
                "paid": {"in": "credits", "period": "2025-01-31/P1M", "units": 2, "cost": 5,
                         "grants": [[paying, 8]]},
                "windows": [["hour", "2025-02-10T14"]]
            })
        );
        let read: Stored = serde_json::from_value(written).expect("sources");
        assert_eq!(read.split(6), split);
    }

    #[test]
    fn the_allowance_alone_is_not_stored() {
        assert_eq!(Stored::of(&Split::of_allowance(3), Vec::new(), None), None);
        assert_eq!(Stored::default().split(3), Split::of_allowance(3));
    }
}
