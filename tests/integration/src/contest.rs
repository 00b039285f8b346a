//! Many sessions compete for a limit, round after round, and a judge compares their answers.
//!
//! Each session continues until it is denied an amount of 1, so the limit must be reached exactly.

use std::sync::atomic::{AtomicU64, Ordering};

use postgres::{Client, Error};
use serde_json::Value;

use crate::judge::{Grant, Judge, judge_denial};
use crate::round::{LimitedBy, Plan, Round};
use crate::{
    Caller, Database, Feature, Functions, Random, Who, counts_of, is_to_be_retried, require_parts,
    reservation_id, together,
};

pub struct Contest<'a> {
    pub database: &'a Database,
    pub functions: Functions,
    pub isolation: &'a str,
    pub sessions: u64,
    pub rounds: u64,
    /// The highest limit.
    pub most: u64,
    /// Whether calls have idempotency keys in some rounds.
    pub with_keys: bool,
    /// Whether rules limit the rounds, in place of plans.
    pub with_rules: bool,
    /// Whether the sessions are members of a pool, a new one in each round.
    pub in_pools: bool,
    /// If the database is a router: its shards, in their order.
    pub shards: &'a [Database],
    pub seed: u64,
}

/// Counts of what has happened, to show that the contest has tested something.
#[derive(Debug, Default)]
pub struct Tally {
    pub admitted: u64,
    pub denied: u64,
    pub replayed: u64,
    /// Calls that were retried after 40001 or 40P01.
    pub retried: u64,
    /// Caps of members that were reached.
    pub capped: u64,
}

#[derive(Default)]
struct Counters {
    admitted: AtomicU64,
    denied: AtomicU64,
    replayed: AtomicU64,
    retried: AtomicU64,
    capped: AtomicU64,
}

/// How a call is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Alone,
    InTransaction,
    RolledBack,
}

impl Contest<'_> {
    /// Plays all rounds; stops at the first violated rule, and returns it as the error.
    pub fn play(&self) -> Result<Tally, String> {
        let mut random = Random(self.seed);
        let mut callers = Caller::many(self.database, self.sessions, self.functions);
        for caller in &mut callers {
            caller.set_isolation(self.isolation);
        }
        let counters = Counters::default();
        for number in 0..self.rounds {
            let mut round = Round::new(number, self.sessions, self.most, &mut random);
            round.with_keys &= self.with_keys;
            if self.with_rules {
                round.govern();
            }
            if self.in_pools {
                round.join(self.sessions, &mut random);
            }
            // A call through a router is a transaction of its own.
            round.with_transactions &= self.shards.is_empty();
            self.play_round(&round, &mut callers, &counters)
                .map_err(|broken| format!("round {number}: {broken}"))?;
        }
        Ok(Tally {
            admitted: counters.admitted.into_inner(),
            denied: counters.denied.into_inner(),
            replayed: counters.replayed.into_inner(),
            retried: counters.retried.into_inner(),
            capped: counters.capped.into_inner(),
        })
    }

    /// The database that has the rows of a user or a pool.
    fn home(&self, who: Who) -> &Database {
        if self.shards.is_empty() {
            return self.database;
        }
        let hash = "SELECT uuid_hash($1)";
        let row = self.shards[0].connect().query_one(hash, &[&who.pool.unwrap_or(who.user)]);
        let hash: i32 = row.expect("a hash").get(0);
        &self.shards[hash as usize & (self.shards.len() - 1)]
    }

    fn play_round(
        &self,
        round: &Round,
        callers: &mut [Caller],
        counters: &Counters,
    ) -> Result<(), String> {
        let members = round.members();
        let home = self.home(members[0]);
        let owner = &mut home.connect();
        round.prepare(owner);
        let before = counts_of(owner, members[0]);
        let calls = AtomicU64::new(0);
        let told = together(callers, |session, caller| {
            let who = members[session as usize % members.len()];
            let random = Random(self.seed ^ (round.number << 8) ^ session);
            Player::new(self, round, who, counters, &calls, caller, random).play()
        });
        let mut grants = Vec::new();
        for told in told {
            grants.extend(told?);
        }
        owner.execute("SELECT expire_reservations()", &[]).expect("a number");
        let mut judge = Judge { round, before, after: counts_of(owner, members[0]) };
        judge.judge(&grants)?;
        judge_windows(round, owner)?;

        // A session denied before a release or an upgrade may try again.
        if round.with_reservations || round.plan_changes() {
            for who in &members {
                let (calls, random) = (AtomicU64::new(u64::MAX / 2), Random(self.seed));
                let caller = &mut callers[0];
                let player = Player::new(self, round, *who, counters, &calls, caller, random);
                grants.extend(player.top_up()?);
            }
            judge.after = counts_of(owner, members[0]);
            judge.judge(&grants)?;
        }
        counters.capped.fetch_add(judge.reached_caps(&grants), Ordering::Relaxed);
        judge.require_all(&grants)
    }
}

/// Rule: a cap on all that is ever used counts what the counters count.
fn judge_windows(round: &Round, owner: &mut Client) -> Result<(), String> {
    if round.team.is_some() {
        require_parts(owner);
        return Ok(());
    }
    if round.limited_by != LimitedBy::Cap || round.plan != Plan::Active {
        return Ok(());
    }
    for Feature { name, column, .. } in &round.features {
        let query = format!(
            "SELECT (SELECT coalesce(sum({column}), 0)::bigint FROM feature_usage WHERE user_id = $1),
                    (SELECT used FROM usage_counters WHERE user_id = $1 AND feature_type = $2)"
        );
        let row = owner.query_one(&query, &[&round.user, name]).expect("a row");
        let (counted, window): (i64, Option<i64>) = (row.get(0), row.get(1));
        if window != Some(counted) {
            return Err(format!("counted {counted} of {name}, but {window:?} in the window"));
        }
    }
    Ok(())
}

/// One session in one round.
struct Player<'a> {
    contest: &'a Contest<'a>,
    round: &'a Round,
    who: Who,
    counters: &'a Counters,
    /// The calls of all sessions in this round.
    calls: &'a AtomicU64,
    caller: &'a mut Caller,
    random: Random,
    grants: Vec<Grant>,
    /// The features not denied so far, with the largest amount that may still be admitted.
    open: Vec<(Feature, u64)>,
    keys: u64,
}

impl<'a> Player<'a> {
    fn new(
        contest: &'a Contest,
        round: &'a Round,
        who: Who,
        counters: &'a Counters,
        calls: &'a AtomicU64,
        caller: &'a mut Caller,
        random: Random,
    ) -> Self {
        let open = round.features.iter().map(|feature| (*feature, round.largest)).collect();
        let (grants, keys) = (Vec::new(), 0);
        Self { contest, round, who, counters, calls, caller, random, grants, open, keys }
    }

    fn play(mut self) -> Result<Vec<Grant>, String> {
        while !self.open.is_empty() {
            let place = self.random.below(self.open.len() as u64) as usize;
            let (feature, largest) = self.open[place];
            let amount = 1 + self.random.below(largest) as i32;
            let is_admitted = match self.round.with_reservations && self.random.one_in(2) {
                true => self.reserve(&feature, amount)?,
                false => self.consume(&feature, amount)?,
            };
            if !is_admitted && amount == 1 {
                self.open.swap_remove(place);
            } else if !is_admitted {
                self.open[place].1 = 1;
            }
        }
        Ok(self.grants)
    }

    /// Consumes until it is denied.
    fn top_up(mut self) -> Result<Vec<Grant>, String> {
        for feature in &self.round.features {
            while self.consume(feature, 1)? {}
        }
        Ok(self.grants)
    }

    fn consume(&mut self, feature: &Feature, amount: i32) -> Result<bool, String> {
        let key = self.key();
        let (who, way) = (self.who, self.way());
        let mut consume =
            || self.ask(way, |caller| caller.consume(who, feature.name, amount, key.as_deref()));
        let answer = consume()?;
        let is_admitted = self.note(amount, &answer)?;
        if way == Way::RolledBack {
            // The transaction was rolled back, but a denial is a denial.
            return Ok(is_admitted);
        }
        if is_admitted {
            self.grants.push(Grant::new(who, feature, amount, &answer)?);
            if key.is_some() && self.random.one_in(2) {
                self.expect_replay(way, &answer, |caller| {
                    caller.consume(who, feature.name, amount, key.as_deref())
                })?;
            }
        }
        Ok(is_admitted)
    }

    /// Reserves, perhaps does other work, and settles.
    fn reserve(&mut self, feature: &Feature, amount: i32) -> Result<bool, String> {
        let (key, who) = (self.key(), self.who);
        let reserve = |caller: &mut Caller| {
            caller.reserve(who, feature.name, amount, "1 hour", key.as_deref())
        };
        let answer = self.ask(Way::Alone, reserve)?;
        if !self.note(amount, &answer)? {
            return Ok(false);
        }
        if key.is_some() && self.random.one_in(2) {
            self.expect_replay(Way::Alone, &answer, reserve)?;
        }
        let id = reservation_id(&answer);
        if self.random.one_in(2) {
            self.consume(feature, 1)?;
        }
        let way = self.way();
        let actual = match self.random.below(4) {
            0 => None,
            1 => Some(self.random.below(amount as u64 + 1) as i32),
            2 => {
                // It is never settled, so its amount expires.
                match self.contest.shards {
                    [] => drop(self.ask(Way::Alone, |caller| caller.pass(id).map(Value::from))?),
                    _ => drop(Caller::connect(self.contest.home(self.who)).pass(id)),
                }
                return Ok(true);
            }
            _ => {
                self.ask(way, |caller| caller.release(id))?;
                // A repetition, whether or not the first was rolled back.
                self.ask(Way::Alone, |caller| caller.release(id))?;
                return Ok(true);
            }
        };
        self.ask(way, |caller| caller.commit(id, actual))?;
        let again = self.ask(Way::Alone, |caller| caller.commit(id, actual))?;
        if again["committed"] != true {
            return Err(format!("a commit is refused: {again}"));
        }
        self.grants.push(Grant::new(who, feature, actual.unwrap_or(amount), &answer)?);
        Ok(true)
    }

    /// Makes a call, and retries it after a serialization error.
    fn ask(
        &mut self,
        way: Way,
        call: impl Fn(&mut Caller) -> Result<Value, Error>,
    ) -> Result<Value, String> {
        if self.calls.fetch_add(1, Ordering::Relaxed) == self.round.change_after
            && self.round.plan_changes()
        {
            self.caller.set_isolation("read committed");
            let home = self.contest.home(self.who);
            self.round.change_plan(&mut home.connect());
            self.caller.set_isolation(self.contest.isolation);
        }
        let may_retry = self.contest.isolation != "read committed";
        loop {
            match make(self.caller, way, &call) {
                Ok(answer) => return Ok(answer),
                Err(error) if may_retry && is_to_be_retried(&error) => {
                    self.counters.retried.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => return Err(format!("a call fails: {error:?}")),
            }
        }
    }

    fn expect_replay(
        &mut self,
        way: Way,
        first: &Value,
        call: impl Fn(&mut Caller) -> Result<Value, Error>,
    ) -> Result<(), String> {
        let mut again = self.ask(way, call)?;
        let mark = again.as_object_mut().and_then(|fields| fields.remove("replayed"));
        if mark != Some(Value::Bool(true)) || again != *first {
            return Err(format!("a repeated call is not replayed: {first}, then {again}"));
        }
        self.counters.replayed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn note(&self, amount: i32, answer: &Value) -> Result<bool, String> {
        let is_admitted = answer["allowed"] == true;
        if is_admitted {
            self.counters.admitted.fetch_add(1, Ordering::Relaxed);
        } else {
            self.counters.denied.fetch_add(1, Ordering::Relaxed);
            judge_denial(self.round, self.who, amount, answer)?;
        }
        Ok(is_admitted)
    }

    fn key(&mut self) -> Option<String> {
        self.keys += 1;
        let key = || format!("{} {}", self.keys, self.random.0);
        self.round.with_keys.then(key)
    }

    fn way(&mut self) -> Way {
        match self.round.with_transactions {
            true => self.random.pick(&[Way::Alone, Way::InTransaction, Way::RolledBack]),
            false => Way::Alone,
        }
    }
}

/// Makes a call. In a longer transaction, the snapshot is taken earlier.
fn make(
    caller: &mut Caller,
    way: Way,
    call: &impl Fn(&mut Caller) -> Result<Value, Error>,
) -> Result<Value, Error> {
    if way == Way::Alone {
        return call(caller);
    }
    caller.client.batch_execute("BEGIN; SELECT count(*) FROM user_plans")?;
    let answer = call(caller);
    let end = if way == Way::RolledBack || answer.is_err() { "ROLLBACK" } else { "COMMIT" };
    caller.client.batch_execute(end)?;
    answer
}
