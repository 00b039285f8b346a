//! One round of a contest: its sessions, features, limits and rules.

use postgres::Client;
use uuid::Uuid;

use crate::team::Team;
use crate::{FEATURES, Feature, Random, Who, user};

pub struct Round {
    pub number: u64,
    pub user: Uuid,
    /// The pool that is used in place of the user's plan.
    pub team: Option<Team>,
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
            team: None,
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

    /// Plays the round in a pool. Its limits are for all seats, unless a rule of the pool has them.
    pub fn join(&mut self, sessions: u64, random: &mut Random) {
        let before = 1 + random.below(3) as i64;
        let after = if self.is_moved() { 1 + before % 3 } else { before };
        let seats = [before, after];
        if self.limited_by == LimitedBy::Plan {
            // Seats change in place of the plan.
            let plan = if self.is_moved() { [self.limits[0]; 2] } else { self.limits };
            self.limits = [plan[0] * seats[0], plan[1] * seats[1]];
        }
        let least = self.limits[0].min(self.limits[1]);
        self.team = Some(Team::new(self.number, least, seats, random));
        // With caps of members, there may be no more calls than one denial per session.
        self.change_after %= sessions;
    }

    /// Who acts: sessions take turns.
    pub fn members(&self) -> Vec<Who> {
        self.team.as_ref().map_or_else(|| vec![self.user.into()], |team| team.members.clone())
    }

    /// What a member may use of the limit, if not all.
    pub fn cap_of(&self, member: Uuid) -> Option<i64> {
        self.team.as_ref().and_then(|team| team.cap_of(member))
    }

    /// Whose id the rules have.
    fn owner(&self) -> Uuid {
        self.team.as_ref().map_or(self.user, |team| team.pool)
    }

    /// Whether the user's plan, or the seats of the pool, change rather than the plan's limit.
    fn is_moved(&self) -> bool {
        self.number % 8 == 3
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

    /// Creates the plans, the user or the pool, and the earlier usage.
    pub fn prepare(&self, owner: &mut Client) {
        let Self { number, user, .. } = self;
        let seats = self.team.as_ref().map_or([1; 2], |team| team.seats);
        for (place, limit) in self.limits.iter().enumerate() {
            let is_active = self.plan == Plan::Active;
            let limit = match self.limited_by {
                LimitedBy::Plan => Some((*limit / seats[place]) as i32),
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
        let plan = format!("round_{number}_0");
        match &self.team {
            Some(team) => team.prepare(&plan, &self.features, owner),
            None => {
                let row = "INSERT INTO user_plans VALUES ($1, $2, true, 'active')";
                owner.execute(row, &[user, &plan]).expect("a user");
            }
        }
        if self.limited_by != LimitedBy::Plan {
            let (effect, per) = match self.limited_by {
                LimitedBy::Cap => ("cap", "total"),
                _ => ("set", "period"),
            };
            let level = if self.team.is_some() { "pool" } else { "user" };
            for feature in &self.features {
                let rule = format!(
                    "INSERT INTO usage_rules (applies_to, {level}_id, feature_type, effect, amount, per)
                     VALUES ('{level}', $1, $2, $3, $4, $5)"
                );
                let (of, amount) = (self.owner(), self.limits[0]);
                owner
                    .execute(&rule, &[&of, &feature.name, &effect, &amount, &per])
                    .expect("a rule");
            }
        }
        if let (Some(used), Some(team)) = (self.used, &self.team) {
            team.use_earlier(used, &self.features, owner);
        } else if let Some(used) = self.used {
            let row = "INSERT INTO feature_usage (user_id, period, chat_messages, images_generated,
                                                  therai_calls, voice_seconds)
                       SELECT $1, to_char(now() AT TIME ZONE 'UTC', form), day, day, day, month
                         FROM (VALUES ('YYYY-MM-DD', $2, 0), ('YYYY-MM', 0, $2))
                              AS used (form, day, month)";
            owner.execute(row, &[user, &used]).expect("a row");
        }
    }

    /// Changes the user's plan, the seats of the pool, or the limit.
    pub fn change_plan(&self, client: &mut Client) {
        let Self { number, user, limits, .. } = self;
        if self.limited_by != LimitedBy::Plan {
            let change = "UPDATE usage_rules SET amount = $2
                           WHERE applies_to <> 'member' AND coalesce(pool_id, user_id) = $1";
            client.execute(change, &[&self.owner(), &limits[1]]).expect("a change");
            return;
        }
        let (before, after) = (format!("round_{number}_0"), format!("round_{number}_1"));
        let seats = self.team.as_ref().map_or(1, |team| team.seats[1]);
        let changed = match &self.team {
            Some(team) if self.is_moved() => team.change_seats(client),
            None if self.is_moved() => client
                .execute("UPDATE user_plans SET plan_id = $2 WHERE user_id = $1", &[user, &after]),
            _ => client.execute(
                "UPDATE plan_limits
                    SET chat_messages_daily_limit = $2, image_generation_daily_limit = $2,
                        voice_seconds_limit = $2, therai_calls_limit = $2
                  WHERE plan_id = $1 AND is_active",
                &[&before, &((limits[1] / seats) as i32)],
            ),
        };
        changed.expect("a change");
    }
}
