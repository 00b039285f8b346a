//! The pool of a round: its members, seats, and what each member may use.

use postgres::Client;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Feature, Random, Who, user};

const MEMBERS: u64 = 4;

pub struct Team {
    pub pool: Uuid,
    pub members: Vec<Who>,
    /// Before and after the plan changes in the round; mostly equal.
    pub seats: [i64; 2],
    cap: Option<MemberCap>,
    /// Who has used something earlier, and left.
    former: Uuid,
}

/// A cap for members.
#[derive(Clone, Copy)]
struct MemberCap {
    /// The only member who has it; `None` is every member.
    of: Option<Uuid>,
    amount: i64,
    per: &'static str,
}

impl Team {
    /// The team of a round with this number, whose pool has this limit.
    pub fn new(number: u64, limit: i64, seats: [i64; 2], random: &mut Random) -> Self {
        let first = 1_000_000 + 10 * u128::from(number);
        // A pool may have the id of a user, and shares nothing with them.
        let pool = user(first);
        let member = |place: u64| Who::in_pool(pool, user(first + u128::from(place)));
        let members: Vec<Who> = (0..MEMBERS).map(member).collect();
        let per = random.pick(&["period", "total"]);
        // A part of the limit, so that the cap is mostly reached; sometimes all caps leave some of it.
        let most = (limit / 2).max(1) as u64;
        let amount = 1 + random.below(most) as i64;
        let cap = match number % 3 {
            0 => None,
            1 => Some(MemberCap { of: Some(members[0].user), amount, per }),
            _ => Some(MemberCap { of: None, amount, per }),
        };
        Self { pool, members, seats, cap, former: user(first + u128::from(MEMBERS)) }
    }

    /// What a member may use, if not all that there is.
    pub fn cap_of(&self, member: Uuid) -> Option<i64> {
        let cap = self.cap?;
        let is_member = self.members.iter().any(|who| who.user == member);
        (is_member && cap.of.is_none_or(|of| of == member)).then_some(cap.amount)
    }

    pub fn prepare(&self, plan: &str, features: &[Feature], owner: &mut Client) {
        let pool = "INSERT INTO usage_pools (pool_id, plan_id, seats) VALUES ($1, $2, $3)";
        owner.execute(pool, &[&self.pool, &plan, &(self.seats[0] as i32)]).expect("a pool");
        for member in &self.members {
            self.add_member(member.user, owner);
        }
        let Some(MemberCap { of, amount, per }) = self.cap else { return };
        for feature in features {
            let rule = "INSERT INTO usage_rules (applies_to, pool_id, user_id, feature_type, effect, amount, per)
                        VALUES ('member', $1, $2, $3, 'cap', $4, $5)";
            owner.execute(rule, &[&self.pool, &of, &feature.name, &amount, &per]).expect("a rule");
        }
    }

    fn add_member(&self, member: Uuid, owner: &mut Client) {
        let row = "INSERT INTO usage_pool_members (pool_id, user_id) VALUES ($1, $2)";
        owner.execute(row, &[&self.pool, &member]).expect("a member");
    }

    /// Lets a member use something, and leave.
    pub fn use_earlier(&self, amount: i32, features: &[Feature], owner: &mut Client) {
        self.add_member(self.former, owner);
        let event = |feature: &Feature| {
            json!({"user_id": self.former.to_string(), "pool_id": self.pool.to_string(),
                   "feature_type": feature.name, "amount": amount})
        };
        let events: Value = features.iter().map(event).collect();
        owner.execute("SELECT record_usage($1)", &[&events]).expect("a batch");
        let leave = "DELETE FROM usage_pool_members WHERE user_id = $1";
        owner.execute(leave, &[&self.former]).expect("a member who leaves");
    }

    pub fn change_seats(&self, client: &mut Client) -> Result<u64, postgres::Error> {
        let change = "UPDATE usage_pools SET seats = $2 WHERE pool_id = $1";
        client.execute(change, &[&self.pool, &(self.seats[1] as i32)])
    }
}
