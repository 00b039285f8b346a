//! An amount that is counted: how it is split over its sources, and in which rows.

use std::collections::BTreeSet;

use domain::burn::Split;
use domain::rule::Scope;
use domain::sources::{PaidFrom, Stored, WindowNames};

use super::counter::{Counted, CounterKey, RowId};
use super::owner::Owner;
use super::windows::WindowKey;

/// Where an amount of one feature is counted.
#[derive(Clone)]
pub struct CountedAt {
    pub feature_type: String,
    /// The period key of the feature itself.
    pub period: String,
    pub windows: WindowNames,
    /// The row of the counter, if it is known.
    pub row_id: RowId,
}

/// An amount of a user or a pool that is counted, such as that of a reservation.
#[derive(Clone)]
pub struct Holding {
    pub owner: Owner,
    pub split: Split,
    pub own: CountedAt,
    /// Where the currency counts what it pays.
    pub paid: Option<CountedAt>,
}

/// What a holding adds to one counter and its windows.
pub struct Part<'a> {
    pub at: &'a CountedAt,
    pub amount: i64,
    pub drawn: i64,
    pub overage: i64,
    /// Whether it is what the currency pays.
    is_paid: bool,
}

impl CountedAt {
    pub fn counter(&self, owner: Owner) -> CounterKey {
        owner.counter(&self.feature_type, &self.period)
    }

    /// Its windows. A pool also counts the use of each member per period.
    pub fn windows(&self, owner: Owner) -> BTreeSet<WindowKey> {
        let window = |scope: Scope, period: &str| owner.window(scope, &self.feature_type, period);
        let own = self.windows.own.iter().filter_map(|(_, key)| window(Scope::User, key));
        let members = self.windows.members.iter().filter_map(|(_, key)| window(Scope::Member, key));
        own.chain(members).chain(window(Scope::Member, &self.period)).collect()
    }

    /// Whether this counter, with this row, counts it: not a row that replaced a deleted one.
    fn is_in_counter(&self, key: &CounterKey, row: &Counted) -> bool {
        self.feature_type == key.feature_type
            && self.period == key.period
            && self.row_id.is_of(row.id)
    }
}

impl Holding {
    /// What an amount was split into when it was counted, as stored with a reservation.
    pub fn of_stored(owner: Owner, amount: i64, stored: Stored, mut own: CountedAt) -> Self {
        let stored = stored.sound(amount);
        let split = stored.split(amount);
        own.windows = WindowNames { own: stored.windows, members: stored.member_windows };
        let paid = stored.paid.map(|paid| CountedAt {
            feature_type: paid.feature_type,
            period: paid.period,
            windows: WindowNames { own: paid.windows, members: paid.member_windows },
            row_id: RowId::of(paid.counter_id),
        });
        Self { owner, split, own, paid }
    }

    /// As it is stored with a reservation. `None` if all of it is of the allowance and in no window.
    pub fn stored(&self) -> Option<Stored> {
        let paid_from = self.paid.as_ref().map(|paid| PaidFrom {
            feature_type: paid.feature_type.clone(),
            period: paid.period.clone(),
            counter_id: paid.row_id.id(),
            windows: paid.windows.clone(),
        });
        Stored::of(&self.split, self.own.windows.clone(), paid_from)
    }

    /// Whether other rows than a user's own counter may count it.
    pub fn is_in_other_rows(&self) -> bool {
        self.owner.is_pool() || self.stored().is_some()
    }

    /// Takes an amount out of it. Returns what goes back.
    pub fn give_back(&mut self, amount: i64) -> Self {
        Self { split: self.split.give_back(amount), ..self.clone() }
    }

    /// What it adds to the counter of the feature, and to that of the currency.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let split = &self.split;
        let own = Part {
            at: &self.own,
            amount: split.total(),
            drawn: split.drawn(),
            overage: split.own.overage,
            is_paid: false,
        };
        let paid = split.paid.as_ref().zip(self.paid.as_ref()).map(|(paid, at)| Part {
            at,
            amount: paid.taken.total(),
            drawn: paid.taken.granted(),
            overage: paid.taken.overage,
            is_paid: true,
        });
        [Some(own), paid].into_iter().flatten()
    }

    /// The sources of a part, as the ledger tells them.
    pub fn told(&self, part: &Part) -> Option<Stored> {
        match (&self.split.paid, &self.paid) {
            (Some(paid), _) if part.is_paid => Stored::told_of_paid(&paid.taken),
            (_, Some(at)) => Stored::told(&self.split, Some((&at.feature_type, &at.period))),
            (_, None) => Stored::told(&self.split, None),
        }
    }

    /// What it adds to a counter with this row.
    pub fn parts_in<'a>(
        &'a self,
        key: &'a CounterKey,
        row: &'a Counted,
    ) -> impl Iterator<Item = Part<'a>> {
        let is_own = self.owner.ids() == (key.pool_id, key.user_id);
        self.parts().filter(move |part| is_own && part.at.is_in_counter(key, row))
    }

    /// The amount that it adds to a window.
    pub fn amount_in(&self, key: &WindowKey) -> i64 {
        let is_own = self.owner.has(key.pool_id, key.user_id);
        let parts = self.parts().filter(|part| is_own && part.at.feature_type == key.feature_type);
        let inside = parts.filter(|part| part.at.windows(self.owner).contains(key));
        inside.map(|part| part.amount).sum()
    }

    pub fn counters(&self) -> BTreeSet<CounterKey> {
        self.parts().map(|part| part.at.counter(self.owner)).collect()
    }

    pub fn windows(&self) -> BTreeSet<WindowKey> {
        self.parts().flat_map(|part| part.at.windows(self.owner)).collect()
    }
}
