//! One round of a contest: its sessions, features, limits and rules.

use postgres::Client;
use uuid::Uuid;

use crate::{FEATURES, Feature, Random, user};

pub struct Round {
    pub number: u64,
    pub user: Uuid,
    /// The features of the round, one or two.
    pub features: Vec<Feature>,
    /// The limits before and after the plan changes in the round; mostly equal.
    pub limits: [i64; 2],
    /// The earlier usage; `None` is no row.
    pub used: Option<i32>,
    /// Whether the user's plan is active. If not, nothing may be admitted.
    pub plan: Plan,
    /// The largest amount per call.
    pub largest: u64,
    pub with_reservations: bool,
    pub with_keys: bool,
    /// Whether some calls are part of longer transactions, of which some are rolled back.
    pub with_transactions: bool,
    /// What the limits are a part of.
    pub limited_by: LimitedBy,
    /// The number of calls before the plan changes.
    pub change_after: u64,
}

/// Where the limits of a round are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LimitedBy {
    Plan,
    /// A rule that replaces the plan's limit, which is another.
    Override,
    /// A rule that caps all that is ever used; the plan is unlimited.
    Cap,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    Active,
    /// In `plan_limits` without limits, but inactive.
    Inactive,
    Missing,
}

impl Round {
    /// The rules follow from the number, so that all combinations are tried; everything else is
    /// random.
    pub fn new(number: u64, sessions: u64, most: u64, random: &mut Random) -> Self {
        let limit = match number % 5 {
            0 => 1,
            1 => most,
            _ => 1 + random.below(most),
        };
        let second = if number % 4 == 3 { 1 + random.below(most) } else { limit };
        let plan = match number % 20 {
            10 => Plan::Inactive,
            19 => Plan::Missing,
            _ => Plan::Active,
        };
        let largest = if number.is_multiple_of(2) { 1 } else { 2 + random.below(limit) };
        let used = (number % 6 > 2).then(|| random.below(limit / 2 + 1));
        let (first, other) = random.pick(&[(4, 3), (3, 4), (4, 0), (2, 3)]);
        let mut features = vec![FEATURES[first]];
        if number % 7 > 4 {
            features.push(FEATURES[other]);
        }
        Self {
            number,
            user: user(1_000 + u128::from(number)),
            features,
            limits: [limit as i64, second as i64],
            used: used.map(|used| used as i32),
            plan,
            largest,
            with_reservations: number % 9 > 5,
            with_keys: number % 11 > 7,
            with_transactions: number % 13 > 9,
            limited_by: LimitedBy::Plan,
            // A lower bound for the number of calls: each session is denied once.
            change_after: random.below(sessions + (limit - used.unwrap_or(0)) / largest),
        }
    }

    pub fn plan_changes(&self) -> bool {
        self.limits[0] != self.limits[1]
    }

    /// Limits the round by a rule.
    pub fn govern(&mut self) {
        self.limited_by = match self.number.is_multiple_of(2) {
            true => LimitedBy::Cap,
            false => LimitedBy::Override,
        };
    }

    /// Creates the plans, the user and the earlier usage.
    pub fn prepare(&self, owner: &mut Client) {
        let Self { number, user, .. } = self;
        for (place, limit) in self.limits.iter().enumerate() {
            let is_active = self.plan == Plan::Active;
            let limit = match self.limited_by {
                LimitedBy::Plan => Some(*limit as i32),
                LimitedBy::Override => Some(7),
                LimitedBy::Cap => None,
            };
            let limit = limit.filter(|_| is_active);
            let plan = "INSERT INTO plan_limits (plan_id, is_active, chat_messages_daily_limit,
                            image_generation_daily_limit, voice_seconds_limit, therai_calls_limit)
                        VALUES ($1, $2, $3, $3, $3, $3)";
            if self.plan != Plan::Missing {
                let name = format!("round_{number}_{place}");
                owner.execute(plan, &[&name, &is_active, &limit]).expect("a plan");
            }
        }
        owner
            .execute(
                "INSERT INTO user_plans VALUES ($1, $2, true, 'active')",
                &[user, &format!("round_{number}_0")],
            )
            .expect("a user");
        if self.limited_by != LimitedBy::Plan {
            let (effect, per) = match self.limited_by {
                LimitedBy::Cap => ("cap", "total"),
                _ => ("set", "period"),
            };
            for feature in &self.features {
                let rule = "INSERT INTO usage_rules (applies_to, user_id, feature_type, effect, amount, per)
                            VALUES ('user', $1, $2, $3, $4, $5)";
                let amount = self.limits[0];
                owner
                    .execute(rule, &[user, &feature.name, &effect, &amount, &per])
                    .expect("a rule");
            }
        }
        if let Some(used) = self.used {
            let row = "INSERT INTO feature_usage (user_id, period, chat_messages, images_generated,
                                                  therai_calls, voice_seconds)
                       SELECT $1, to_char(now() AT TIME ZONE 'UTC', form), day, day, day, month
                         FROM (VALUES ('YYYY-MM-DD', $2, 0), ('YYYY-MM', 0, $2))
                              AS used (form, day, month)";
            owner.execute(row, &[user, &used]).expect("a row");
        }
    }

    /// Changes the user's plan, or the plan's limit.
    pub fn change_plan(&self, client: &mut Client) {
        let Self { number, user, limits, .. } = self;
        if self.limited_by != LimitedBy::Plan {
            let change = "UPDATE usage_rules SET amount = $2 WHERE user_id = $1";
            client.execute(change, &[user, &limits[1]]).expect("a change");
            return;
        }
        let (before, after) = (format!("round_{number}_0"), format!("round_{number}_1"));
        let changed = if self.number % 8 == 3 {
            client.execute("UPDATE user_plans SET plan_id = $2 WHERE user_id = $1", &[user, &after])
        } else {
            client.execute(
                "UPDATE plan_limits
                    SET chat_messages_daily_limit = $2, image_generation_daily_limit = $2,
                        voice_seconds_limit = $2, therai_calls_limit = $2
                  WHERE plan_id = $1 AND is_active",
                &[&before, &(limits[1] as i32)],
            )
        };
        changed.expect("a change");
    }
}
