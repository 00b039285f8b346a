//! The account of a user or a pool: a feature in a period with the terms, the usage, the caps, and what
//! is left of grants and of the currency. It is what a call is decided by.

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::alert::{Alert, Kind};
use domain::answer::{Answer, Governed};
use domain::burn::{Split, Taken};
use domain::calendar::Span;
use domain::cap::{Capped, Place};
use domain::decision::{Allowance, Standing, Usage, decide};
use domain::denial::Denial;
use domain::grant::{Grant, in_burn_order};
use domain::period::Period;
use domain::rule::{InForce, Scope};
use domain::sources::WindowNames;

use super::counts::{Counts, Keys};
use super::terms::{Terms, Unusable};
use super::windows;
use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::pg::snapshot;
use crate::store::counter::{CounterKey, RowId};
use crate::store::grants;
use crate::store::holding::{CountedAt, Holding};
use crate::store::owner::Owner;
use crate::store::registry::{Registered, Registry};
use crate::store::reservations::Open;
use crate::store::windows::WindowKey;

pub struct Account {
    pub registered: Rc<Registered>,
    pub owner: Owner,
    pub span: Span,
    pub terms: Terms,
    /// Where the caps in force are counted; none about another period than the current one.
    pub places: Vec<Place>,
    pub usage: Usage,
    /// How much of the usage live reservations hold.
    pub reserved: i64,
    caps: Vec<Capped>,
    grants: Vec<(uuid::Uuid, i64)>,
    pub currency: Option<Box<Self>>,
    /// The row of the counter.
    row_id: RowId,
    is_current: bool,
    /// What was carried over of the period.
    carried: i64,
}

impl Account {
    /// Reads the terms as they are committed now. What is used is added by [`Account::fill`].
    pub fn latest(
        registry: &Registry,
        registered: &Rc<Registered>,
        owner: Owner,
        unusable: Unusable,
    ) -> Self {
        snapshot::latest(|| Self::read(registry, registered, owner, unusable))
    }

    /// Reads the terms in the caller's snapshot.
    pub fn read(
        registry: &Registry,
        registered: &Rc<Registered>,
        owner: Owner,
        unusable: Unusable,
    ) -> Self {
        let mut account = Self::without_currency(registry, registered, owner, unusable);
        let price = account.terms.in_force.price.as_ref();
        let currency = price.and_then(|price| registry.find(&price.paid_in));
        if let (Some(price), None) = (price, currency)
            && unusable == Unusable::IsRefused
        {
            ArgumentError::UnusableCurrency { currency: &price.paid_in }.raise();
        }
        if let Some(currency) = currency {
            let paying = Self::without_currency(registry, currency, owner, unusable);
            match (paying.terms.in_force.price.is_some(), unusable) {
                (false, _) => account.currency = Some(Box::new(paying)),
                (true, Unusable::IsIgnored) => {}
                (true, Unusable::IsRefused) => {
                    let currency = &currency.feature.feature_type;
                    ArgumentError::UnusableCurrency { currency }.raise();
                }
            }
        }
        account
    }

    fn without_currency(
        registry: &Registry,
        registered: &Rc<Registered>,
        owner: Owner,
        unusable: Unusable,
    ) -> Self {
        let terms = Terms::read(registry, registered, owner, unusable);
        let (span, places) = (terms.span(registered), terms.places(registered));
        Self {
            registered: Rc::clone(registered),
            owner,
            span,
            terms,
            places,
            usage: Usage::default(),
            reserved: 0,
            caps: Vec::new(),
            grants: Vec::new(),
            currency: None,
            row_id: RowId::UNKNOWN,
            is_current: true,
            carried: 0,
        }
    }

    /// The account of a period. Only the current one has caps, and a reset that is worth waiting for.
    /// What was carried over of another one is no allowance of it.
    pub fn in_period(mut self, registry: &Registry, period: Period) -> Self {
        if period != self.span.period {
            self.is_current = false;
            self.span = self.terms.calendar.span(period);
            self.places.clear();
            if self.registered.is_governed {
                let CounterKey { period, feature_type, .. } = self.counter();
                let source_ref = grants::carried_source(self.owner, &feature_type, &period);
                let grant = grants::find(registry, &source_ref, &feature_type);
                self.carried = grant.map_or(0, |grant| grant.amount);
            }
        }
        self
    }

    /// The account whose currency counts where a reservation was paid, and asks no caps.
    pub fn paid_at(mut self, registry: &Registry, at: &CountedAt) -> Self {
        if let Some(currency) = self.currency.take() {
            let kind = currency.registered.feature.period;
            let period = Period::parse(kind, &at.period).ok();
            let period = period.filter(|_| currency.feature_type() == at.feature_type);
            self.currency = Some(match period {
                Some(period) => Box::new(currency.in_period(registry, period).without_caps()),
                None => currency,
            });
        }
        self
    }

    /// The account without caps of its own, for what is counted elsewhere and asks none.
    pub fn without_caps(mut self) -> Self {
        self.places.clear();
        self
    }

    /// What is left of each active grant, in the order in which they burn down.
    pub fn grants(&self) -> &[(uuid::Uuid, i64)] {
        &self.grants
    }

    fn feature_type(&self) -> &str {
        &self.registered.feature.feature_type
    }

    /// The row that counts a member's part of a pool's counter.
    pub fn share(&self) -> Option<WindowKey> {
        let period = self.span.period.to_string();
        self.owner.window(Scope::Member, self.feature_type(), &period)
    }

    pub fn counter(&self) -> CounterKey {
        self.owner.counter(self.feature_type(), &self.span.period.to_string())
    }

    /// The rows that decide a call: the counter and the windows of caps, and those of the currency.
    pub fn keys(&self) -> Keys {
        let mut keys =
            Keys { counters: BTreeSet::from([self.counter()]), windows: windows::keys(self) };
        if let Some(currency) = &self.currency {
            keys.extend(currency.keys());
        }
        keys
    }

    /// The account and that of its currency.
    pub fn with_currency(&self) -> impl Iterator<Item = &Self> {
        [Some(self), self.currency.as_deref()].into_iter().flatten()
    }

    /// The features whose reservations may hold a part of these counts.
    pub fn is_concerned_by(&self, open: &Open) -> bool {
        let names = |at: &CountedAt| {
            self.with_currency().any(|account| account.feature_type() == at.feature_type)
        };
        names(&open.holding.own) || open.holding.paid.as_ref().is_some_and(names)
    }

    /// Leaves out grants that could not be locked, since they have been deleted.
    pub fn forget_grants(&mut self, grant_ids: &BTreeSet<uuid::Uuid>) {
        self.terms.grants.retain(|grant| !grant_ids.contains(&grant.grant_id));
        if let Some(currency) = &mut self.currency {
            currency.forget_grants(grant_ids);
        }
    }

    /// The grants that an amount may be taken from.
    pub fn grant_ids(&self) -> BTreeSet<uuid::Uuid> {
        self.with_currency()
            .flat_map(|account| account.terms.grants.iter().map(|grant| grant.grant_id))
            .collect()
    }

    /// Takes over what is used, and what is left of grants.
    pub fn fill(&mut self, counts: &Counts, open: &[Open]) {
        let key = self.counter();
        self.usage = counts.usage(&key);
        self.row_id = counts.row(&key).map_or(RowId::UNKNOWN, |row| row.id);
        self.reserved = counts.reserved(&key, open);
        self.caps = windows::capped(self, counts.windows());
        // What is locked is newer than what was read before.
        let locked = counts.grants();
        let owner = self.owner.of_grants();
        let is_own =
            |grant: &&Grant| grant.feature_type == self.feature_type() && grant.owner == owner;
        let read = self.terms.grants.iter().filter(|grant| !locked.contains_key(&grant.grant_id));
        let grants = read.chain(locked.values().filter(is_own));
        self.grants = in_burn_order(grants, self.terms.clock.wall);
        if let Some(currency) = &mut self.currency {
            currency.fill(counts, open);
        }
    }

    /// Decides about an amount, or does something else with the account's standing.
    pub fn with_standing<T>(&self, work: impl FnOnce(&Standing) -> T) -> T {
        let currency = self.currency.as_deref().map(|currency| currency.standing(None));
        work(&self.standing(currency.as_ref()))
    }

    fn standing<'a>(&'a self, currency: Option<&'a Standing<'a>>) -> Standing<'a> {
        Standing {
            entitlement: &self.terms.entitlement,
            in_force: &self.terms.in_force,
            caps: &self.caps,
            usage: self.usage,
            carried: self.carried,
            grants: &self.grants,
            currency,
            reset_at: self.span.reset_at.filter(|_| self.is_current),
            clock: self.terms.clock,
        }
    }

    /// The limit in force; `None` is unlimited.
    pub fn limit(&self) -> Option<i64> {
        self.standing(None).limit()
    }

    /// Why the feature can't be used, whatever is left of it.
    pub fn refusal(&self) -> Option<Denial> {
        self.standing(None).refusal()
    }

    pub fn decide(&self, amount: i64) -> Result<Allowance, Denial> {
        self.with_standing(|standing| decide(standing, amount))
    }

    /// The answer of a decision, whose amount is counted or only asked for.
    pub fn answer(&self, decision: Result<Allowance, Denial>, is_counted: bool) -> Answer {
        let split = decision.as_ref().ok().map(|allowance| allowance.split.clone());
        let decision = match is_counted {
            true => decision.map(Allowance::counted),
            false => decision,
        };
        let answer = Answer::new(&self.registered.feature, &self.span, decision)
            .with_pool(self.owner.pool_id().map(|pool_id| pool_id.to_string()))
            .with_reserved(self.reserved);
        self.with_standing(|standing| {
            answer.with_governed(Governed { standing, split: split.as_ref(), is_counted })
        })
    }

    /// A split amount of this account, with the rows in which it is counted now.
    pub fn holding(&self, split: Split, row_id: RowId) -> Holding {
        let paid = self.currency.as_ref().map(|currency| currency.counted_at(currency.row_id));
        Holding { owner: self.owner, split, own: self.counted_at(row_id), paid }
    }

    fn counted_at(&self, row_id: RowId) -> CountedAt {
        let of = |is_members: bool| {
            let places = self.places.iter();
            let places = places.filter(move |place| place.cap.scope.is_member() == is_members);
            let windows = places.filter_map(Place::window);
            windows.map(|(kind, period)| (kind.to_owned(), period)).collect()
        };
        CountedAt {
            feature_type: self.feature_type().to_owned(),
            period: self.span.period.to_string(),
            windows: WindowNames { own: of(false), members: of(true) },
            row_id,
        }
    }

    /// Notes the alerts that a split makes if it is taken, of the account and of its currency, and
    /// whether they are logged.
    pub fn tell(&self, split: &Split, counts: &mut Counts) {
        self.tell_own(&split.own, split.paid_units() + split.excess, counts);
        if let (Some(currency), Some(paid)) = (&self.currency, &split.paid) {
            currency.tell_own(&paid.taken, 0, counts);
        }
    }

    fn tell_own(&self, taken: &Taken, others: i64, counts: &mut Counts) {
        let InForce { warnings, lows, is_logged, .. } = &self.terms.in_force;
        counts.note_logged(self.feature_type(), *is_logged);
        if !warnings.is_empty() || !lows.is_empty() {
            for alert in Alert::of(&self.standing(None), taken, others) {
                // What is left now does not depend on another period.
                if self.is_current || alert.kind == Kind::Warn {
                    counts.note(self.counter(), alert);
                }
            }
        }
    }

    /// Fills the buckets of rates by what a split takes, whether or not there is room.
    pub fn fill_rates(&self, split: &Split, counts: &mut Counts) {
        self.fill_own_rates(split.total(), counts);
        if let (Some(currency), Some(paid)) = (&self.currency, &split.paid) {
            currency.fill_own_rates(paid.taken.total(), counts);
        }
    }

    fn fill_own_rates(&self, amount: i64, counts: &mut Counts) {
        for (place, cap) in self.places.iter().zip(&self.caps) {
            let key = windows::key(self, place);
            if let Some((key, tat)) = key.zip(cap.counted(amount, self.terms.clock.wall).tat()) {
                counts.fill(&key, tat);
            }
        }
    }
}
