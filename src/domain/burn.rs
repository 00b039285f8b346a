//! Burn-down: which sources cover an amount, and what goes back to them.
//!
//! An amount is taken from the allowance of the period first, then from grants, then from a currency
//! that the feature is paid in, then from overage; from each as far as it goes. What is given back
//! goes back in reverse.

use uuid::Uuid;

/// What is left of one feature's sources, in the order in which they burn down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stock {
    /// `None` is unlimited.
    pub allowance: Option<i64>,
    /// What is left of each grant.
    pub grants: Vec<(Uuid, i64)>,
    /// What may be used beyond everything else; `None` is any amount.
    pub overage: Option<i64>,
}

/// A feature that pays for another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Currency {
    /// Its units per unit of the other feature; at least 1.
    pub cost: i64,
    pub stock: Stock,
}

/// Everything that can cover an amount. A feature with a currency has no overage of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    pub own: Stock,
    pub currency: Option<Currency>,
}

/// What is taken from the sources of one feature, in its units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub allowance: i64,
    pub grants: Vec<(Uuid, i64)>,
    pub overage: i64,
}

/// What a currency pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    /// The units of the other feature.
    pub units: i64,
    pub cost: i64,
    /// In units of the currency: `units` times `cost`.
    pub taken: Taken,
}

/// How an amount is split over the sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    pub own: Taken,
    pub paid: Option<Paid>,
    /// What nothing covers.
    pub excess: i64,
}

impl Stock {
    /// A stock of which nothing is left.
    pub fn empty() -> Self {
        Self { allowance: Some(0), grants: Vec::new(), overage: Some(0) }
    }

    /// What is left without overage; `None` is unlimited.
    pub fn left(&self) -> Option<i64> {
        self.allowance.map(|allowance| allowance.saturating_add(self.granted()))
    }

    /// What is left of all grants.
    pub fn granted(&self) -> i64 {
        self.grants.iter().fold(0, |sum: i64, (_, left)| sum.saturating_add(*left))
    }

    /// What is left with overage.
    fn left_in_all(&self) -> Option<i64> {
        self.left().zip(self.overage).map(|(left, overage)| left.saturating_add(overage))
    }

    /// Takes as much of an amount as there is.
    fn take(&self, amount: i64) -> Taken {
        let at_most = |left: Option<i64>, wanted: i64| left.unwrap_or(wanted).clamp(0, wanted);
        let allowance = at_most(self.allowance, amount);
        let mut rest = amount - allowance;
        let mut grants = Vec::new();
        for (grant_id, left) in &self.grants {
            let part = at_most(Some(*left), rest);
            if part > 0 {
                grants.push((*grant_id, part));
                rest -= part;
            }
        }
        Taken { allowance, grants, overage: at_most(self.overage, rest) }
    }
}

impl Currency {
    /// The units of the other feature that it affords without overage; `None` is unlimited.
    pub fn affords(&self) -> Option<i64> {
        self.stock.left().map(|left| left / self.cost)
    }

    /// Pays as many units as it can.
    fn pay(&self, units: i64) -> Option<Paid> {
        // A price beyond every counter is not affordable, even without a limit.
        let most = i64::MAX / self.cost;
        let affordable = self.stock.left_in_all().map_or(most, |left| left / self.cost);
        let units = units.min(affordable);
        let taken = self.stock.take(units * self.cost);
        (units > 0).then_some(Paid { units, cost: self.cost, taken })
    }
}

impl Sources {
    /// What would be admitted without overage; `None` is unlimited.
    pub fn left(&self) -> Option<i64> {
        let own = self.own.left()?;
        match &self.currency {
            None => Some(own),
            Some(currency) => currency.affords().map(|units| own.saturating_add(units)),
        }
    }

    /// The part of an amount that neither allowance nor grants of the feature itself cover.
    pub fn beyond_own(&self, amount: i64) -> i64 {
        self.own.left().map_or(0, |left| (amount - left).max(0))
    }

    /// Splits an amount, which is not negative. What nothing covers is the excess.
    pub fn split(&self, amount: i64) -> Split {
        let own = match self.currency {
            None => self.own.take(amount),
            Some(_) => Stock { overage: Some(0), ..self.own.clone() }.take(amount),
        };
        let rest = amount - own.total();
        let paid = self.currency.as_ref().and_then(|currency| currency.pay(rest));
        let excess = rest - paid.as_ref().map_or(0, |paid| paid.units);
        Split { own, paid, excess }
    }

    /// Splits an amount that has to be covered whole. `None` if it is not.
    pub fn cover(&self, amount: i64) -> Option<Split> {
        Some(self.split(amount)).filter(|split| split.excess == 0)
    }
}

impl Taken {
    pub fn granted(&self) -> i64 {
        self.grants.iter().map(|(_, part)| part).sum()
    }

    pub fn total(&self) -> i64 {
        self.allowance + self.granted() + self.overage
    }

    /// Gives an amount back: overage first, then grants from the last one, then the allowance.
    /// Returns what goes back.
    fn give_back(&mut self, amount: i64) -> Self {
        let mut rest = amount;
        let overage = take_from(&mut self.overage, &mut rest);
        let mut grants = Vec::new();
        for (grant_id, part) in self.grants.iter_mut().rev() {
            let back = take_from(part, &mut rest);
            if back > 0 {
                grants.push((*grant_id, back));
            }
        }
        self.grants.retain(|(_, part)| *part > 0);
        let allowance = take_from(&mut self.allowance, &mut rest);
        Self { allowance, grants, overage }
    }
}

impl Split {
    /// A split over the allowance only.
    pub fn of_allowance(amount: i64) -> Self {
        Self { own: Taken { allowance: amount, ..Taken::default() }, ..Self::default() }
    }

    /// The amount, in units of the feature.
    pub fn total(&self) -> i64 {
        self.own.total() + self.paid_units() + self.excess
    }

    pub fn paid_units(&self) -> i64 {
        self.paid.as_ref().map_or(0, |paid| paid.units)
    }

    /// The units that come neither from the allowance nor from overage.
    pub fn drawn(&self) -> i64 {
        self.own.granted() + self.paid_units()
    }

    /// Whether anything but the allowance is taken.
    pub fn is_beyond_allowance(&self) -> bool {
        self.total() > self.own.allowance
    }

    /// The grants that are taken from, of the feature and of its currency.
    pub fn grants(&self) -> impl Iterator<Item = (Uuid, i64)> + '_ {
        let paid = self.paid.iter().flat_map(|paid| &paid.taken.grants);
        self.own.grants.iter().chain(paid).copied()
    }

    /// Gives an amount of the feature back: excess first, then overage, currency at the price that
    /// was paid, grants and allowance. Returns what goes back, and keeps the rest.
    pub fn give_back(&mut self, amount: i64) -> Self {
        let mut rest = amount;
        let excess = take_from(&mut self.excess, &mut rest);
        let overage = take_from(&mut self.own.overage, &mut rest);
        let mut paid = None;
        if let Some(Paid { units, cost, taken }) = &mut self.paid {
            let back = take_from(units, &mut rest);
            let taken = taken.give_back(back * *cost);
            paid = (back > 0).then_some(Paid { units: back, cost: *cost, taken });
        }
        self.paid.take_if(|paid| paid.units == 0);
        let own = Taken { overage, ..self.own.give_back(rest) };
        Self { own, paid, excess }
    }
}

/// Moves as much as possible of `rest` out of `part`.
fn take_from(part: &mut i64, rest: &mut i64) -> i64 {
    let moved = (*part).min(*rest);
    *part -= moved;
    *rest -= moved;
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn stock(allowance: i64, grants: &[i64], overage: i64) -> Stock {
        let grants = (1..).map(id).zip(grants.iter().copied()).collect();
        Stock { allowance: Some(allowance), grants, overage: Some(overage) }
    }

    fn own(own: Stock) -> Sources {
        Sources { own, currency: None }
    }

    fn credits(cost: i64, stock: Stock) -> Sources {
        Sources { own: Stock::empty(), currency: Some(Currency { cost, stock }) }
    }

    #[test]
    fn the_allowance_comes_first_then_grants_in_their_order_then_overage() {
        let sources = own(stock(3, &[2, 5, 10], 4));
        let split = sources.cover(12).expect("24 are left");
        assert_eq!(split.own.allowance, 3);
        assert_eq!(split.own.grants, [(id(1), 2), (id(2), 5), (id(3), 2)]);
        assert_eq!((split.drawn(), split.own.overage, split.excess), (9, 0, 0));
        assert_eq!(sources.left(), Some(20));
        assert_eq!(sources.cover(24).map(|split| split.own.overage), Some(4));
        assert_eq!(sources.cover(25), None);
        assert_eq!(sources.split(25).excess, 1);
    }

    #[test]
    fn what_goes_back_goes_to_the_last_source_first() {
        let mut split = own(stock(1, &[2, 10], 0)).split(4);
        let back = split.give_back(2);
        assert_eq!(back.own.grants, [(id(2), 1), (id(1), 1)]);
        assert_eq!(split.own.grants, [(id(1), 1)]);
        assert_eq!((split.own.allowance, split.drawn(), split.total()), (1, 1, 2));
    }

    #[test]
    fn a_currency_pays_whole_units_only() {
        let sources = credits(5, stock(4, &[], 0));
        assert_eq!(sources.cover(1), None);
        assert_eq!(sources.left(), Some(0));
        let mut split = credits(5, stock(12, &[8], 0)).cover(4).expect("20 credits");
        let paid = split.paid.clone().expect("paid");
        assert_eq!((paid.units, paid.taken.allowance, paid.taken.granted()), (4, 12, 8));
        let back = split.give_back(3).paid.expect("paid");
        assert_eq!((back.units, back.taken.granted(), back.taken.allowance), (3, 8, 7));
    }

    #[test]
    fn one_unit_may_take_from_two_sources_of_its_currency() {
        let split = credits(5, stock(2, &[10], 0)).cover(1).expect("12 credits");
        let taken = split.paid.expect("paid").taken;
        assert_eq!((taken.allowance, taken.granted()), (2, 3));
    }

    #[test]
    fn a_feature_with_a_currency_has_no_overage_of_its_own() {
        let mut sources = credits(5, stock(0, &[], 10));
        sources.own.overage = None;
        assert_eq!(sources.cover(2).and_then(|split| split.paid).map(|paid| paid.units), Some(2));
        assert_eq!(sources.cover(3), None);
    }

    #[test]
    fn an_unlimited_allowance_takes_all_and_costs_nothing() {
        let mut sources = credits(5, stock(100, &[], 0));
        sources.own.allowance = None;
        assert_eq!(sources.left(), None);
        assert_eq!(sources.cover(i64::MAX), Some(Split::of_allowance(i64::MAX)));
    }

    #[test]
    fn a_price_beyond_every_counter_is_not_covered() {
        let unlimited = Stock { allowance: None, ..Stock::empty() };
        let sources = credits(i64::MAX, unlimited);
        assert_eq!(sources.split(2).paid_units(), 1);
        assert_eq!(sources.cover(2), None);
    }

    fn any_stock() -> impl Strategy<Value = Stock> {
        let left = || prop_oneof![Just(None), (0..30i64).prop_map(Some)];
        (left(), prop::collection::vec(0..10i64, 0..4), left()).prop_map(
            |(allowance, grants, overage)| Stock {
                allowance,
                grants: (1..).map(id).zip(grants).collect(),
                overage,
            },
        )
    }

    fn any_sources() -> impl Strategy<Value = Sources> {
        let currency = (1..7i64, any_stock());
        (any_stock(), prop::option::of(currency)).prop_map(|(own, currency)| Sources {
            own,
            currency: currency.map(|(cost, stock)| Currency { cost, stock }),
        })
    }

    /// The same without the order in which grants went back.
    fn sorted(mut split: Split) -> Split {
        split.own.grants.sort_unstable();
        if let Some(paid) = &mut split.paid {
            paid.taken.grants.sort_unstable();
        }
        split
    }

    fn is_within(taken: &Taken, stock: &Stock) -> bool {
        let left =
            |grant_id| stock.grants.iter().find(|(id, _)| *id == grant_id).map(|found| found.1);
        taken.grants.iter().all(|(grant_id, part)| Some(*part) <= left(*grant_id))
            && stock.allowance.is_none_or(|left| taken.allowance <= left)
            && stock.overage.is_none_or(|left| taken.overage <= left)
    }

    proptest! {
        #[test]
        fn a_split_adds_up_and_takes_no_more_than_there_is(sources in any_sources(), amount in 0..120i64) {
            let split = sources.split(amount);
            prop_assert_eq!(split.total(), amount);
            prop_assert!(split.excess >= 0 && is_within(&split.own, &sources.own));
            if let (Some(paid), Some(currency)) = (&split.paid, &sources.currency) {
                prop_assert_eq!(paid.taken.total(), paid.units * currency.cost);
                prop_assert!(is_within(&paid.taken, &currency.stock));
            }
            prop_assert_eq!(sources.cover(amount).is_some(), split.excess == 0);
        }

        #[test]
        fn what_is_left_is_covered_and_one_more_only_by_overage(sources in any_sources()) {
            let overage = match &sources.currency {
                Some(currency) => currency.stock.overage,
                None => sources.own.overage,
            };
            if let Some(left) = sources.left() {
                prop_assert!(sources.cover(left).is_some());
                prop_assert!(overage != Some(0) || sources.cover(left + 1).is_none());
            }
        }

        #[test]
        fn giving_all_back_leaves_nothing(sources in any_sources(), amount in 0..120i64) {
            let mut split = sources.split(amount);
            let whole = split.clone();
            let back = split.give_back(amount);
            prop_assert_eq!(split, Split::default());
            prop_assert_eq!(sorted(back), sorted(whole));
        }

        #[test]
        fn giving_a_part_back_leaves_what_less_would_have_taken(
            sources in any_sources(), amount in 0..120i64, part in 0..120i64,
        ) {
            let part = part.min(amount);
            let mut split = sources.split(amount);
            let back = split.give_back(part);
            prop_assert_eq!(back.total(), part);
            prop_assert_eq!(split, sources.split(amount - part));
        }
    }
}
