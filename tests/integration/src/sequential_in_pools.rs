//! The calls of [`Sequential`] that are about pools.

use postgres::Client;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::choices::{LIMITS, some_amount, some_feature, some_user, users};
use crate::model_pool::{Cap, Per, Pool};
use crate::sequential::{Sequential, subject};
use crate::{Random, Subject, Who, refusal};

const POOLS: u64 = 2;

/// The limits of their plan, for one seat.
const LIMITS_OF_SEAT: [(&str, Option<i64>); 3] =
    [("image_generation", Some(8)), ("voice_seconds", Some(25)), ("chat", None)];

/// The plan of pools. Users' features have rules from now on.
pub const PLAN: &str = "
    INSERT INTO plan_limits (plan_id, image_generation_daily_limit, voice_seconds_limit, chat_messages_daily_limit)
    VALUES ('team', 8, 25, NULL)";

/// Creates the pools of a generation of users, with all of them as members, and random caps.
pub fn found(client: &mut Client, random: &mut Random, generation: u64) -> Vec<(Uuid, Pool)> {
    let pool_id = |place: u64| Uuid::from_u128(0xFF_0000 + u128::from(generation * POOLS + place));
    let pools = (0..POOLS).map(pool_id).map(|pool_id| {
        let pool = Pool {
            seats: 1 + random.below(3) as i64,
            limits: LIMITS_OF_SEAT.into(),
            members: users(generation).collect(),
            caps: LIMITS.iter().flat_map(|(feature, _)| caps(random, generation, feature)).collect(),
        };
        let row = "INSERT INTO usage_pools (pool_id, plan_id, seats) VALUES ($1, 'team', $2)";
        client.execute(row, &[&pool_id, &(pool.seats as i32)]).expect("a pool");
        for member in &pool.members {
            add_member(client, pool_id, *member);
        }
        for Cap { of, feature, per, amount } in &pool.caps {
            let rule = "INSERT INTO usage_rules (applies_to, pool_id, user_id, feature_type, effect, amount, per)
                        VALUES ('member', $1, $2, $3, 'cap', $4, $5)";
            client.execute(rule, &[&pool_id, of, feature, amount, &per.name()]).expect("a rule");
        }
        (pool_id, pool)
    });
    pools.collect()
}

/// Perhaps a cap of each member, and perhaps one of a single member.
fn caps(random: &mut Random, generation: u64, feature: &'static str) -> Vec<Cap> {
    let one = some_user(random, generation);
    let mut caps = Vec::new();
    for of in [None, Some(one)] {
        let amount = Some(3 + random.below(20) as i64);
        let amount = amount.filter(|_| of.is_none() || !random.one_in(4));
        let per = random.pick(&[Per::Period, Per::Total]);
        if random.one_in(2) {
            caps.push(Cap { of, feature, per, amount });
        }
    }
    caps
}

fn add_member(client: &mut Client, pool: Uuid, member: Uuid) {
    let row = "INSERT INTO usage_pool_members (pool_id, user_id) VALUES ($1, $2)";
    client.execute(row, &[&pool, &member]).expect("a member");
}

impl Sequential {
    pub(crate) fn found_pools(&mut self, generation: u64) {
        let pools = found(&mut self.callers[0].client, &mut self.random, generation);
        self.pools = pools.iter().map(|(pool_id, _)| *pool_id).collect();
        self.model.pools.extend(pools);
    }

    /// Changes the seats of a pool, or who is a member: mostly all are.
    pub(crate) fn change_pool(&mut self, generation: u64, is_of_seats: bool) {
        let (pool_id, user) =
            (self.random.pick(&self.pools), some_user(&mut self.random, generation));
        let seats = 1 + self.random.below(3) as i64;
        let leaves = self.random.one_in(3);
        let client = &mut self.callers[0].client;
        let pool = self.model.pools.get_mut(&pool_id).expect("a pool");
        if is_of_seats {
            let change = "UPDATE usage_pools SET seats = $2 WHERE pool_id = $1";
            client.execute(change, &[&pool_id, &(seats as i32)]).expect("a change");
            pool.seats = seats;
        } else if pool.members.insert(user) {
            add_member(client, pool_id, user);
        } else if leaves {
            let end = "DELETE FROM usage_pool_members WHERE pool_id = $1 AND user_id = $2";
            client.execute(end, &[&pool_id, &user]).expect("a change");
            pool.members.remove(&user);
        }
    }

    /// Records a batch of a few events, in pools and outside of them.
    pub(crate) fn record(&mut self, generation: u64) {
        let mut batch: Vec<(Subject, i64)> = Vec::new();
        for _ in 0..=self.random.below(3) {
            let (who, feature) = (self.who(generation), some_feature(&mut self.random));
            let current = self.callers[0].check(who.user, feature, 0).expect("an answer");
            let amount = some_amount(&mut self.random) / 4;
            batch.push((subject(who, feature, &current), amount.into()));
        }
        let event = |(subject, amount): &(Subject, i64)| {
            let Who { user, pool } = subject.who;
            let pool = pool.map(|pool| pool.to_string());
            json!({"user_id": user.to_string(), "pool_id": pool, "feature_type": subject.feature, "amount": amount})
        };
        let events: Value = batch.iter().map(event).collect();
        let recorded = self.caller().record(&events);
        match self.model.record(&batch) {
            Ok(()) => {
                assert_eq!(recorded.expect("a number") as usize, batch.len());
                self.meet("recorded");
            }
            Err(place) => {
                let refusal = refusal(recorded);
                let message = format!("event {place}: not a member of the pool");
                assert_eq!((refusal.code().code(), refusal.message()), ("22023", message.as_str()));
                self.meet("refused batch");
            }
        }
    }

    pub(crate) fn ask_status(&mut self, who: Who, feature: &'static str) {
        let answer = self.caller().status(who, feature).expect("an answer");
        let expected = self.model.status(&subject(who, feature, &answer));
        for (name, expected) in expected.as_object().expect("an object") {
            assert_eq!(answer.get(name).unwrap_or(&Value::Null), expected, "{name} of {answer}");
        }
        self.meet("status");
    }

    /// Notes if other members have left something to be given back.
    pub(crate) fn note_past_of_others(&mut self, subject: &Subject) {
        let is_left = |id: &Uuid| {
            let of = &self.model.reservations[id].subject;
            of.counter() == subject.counter() && of.who != subject.who
        };
        if self.model.past().iter().any(is_left) {
            self.meet("expired of another member");
        }
    }
}
