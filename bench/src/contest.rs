//! Calls a second: contenders that do the same take turns.

use std::time::Instant;

use postgres::Client;

use crate::{PERIOD, USERS};

const ROUNDS: usize = 9;

pub struct Contest {
    title: &'static str,
    contenders: &'static [Contender],
    promises: &'static [Promise],
}

#[derive(Clone, Copy)]
struct Contender {
    name: &'static str,
    is_ours: bool,
    /// A query that makes one call for each row of `{users}`, in `{period}`.
    query: &'static str,
}

/// Some contenders, by their places, cost together at most so much of what others do.
struct Promise {
    ours: &'static [usize],
    others: &'static [usize],
    at_most: Option<f64>,
}

const fn ours(name: &'static str, query: &'static str) -> Contender {
    Contender { name, is_ours: true, query }
}

const fn hand_written(name: &'static str, query: &'static str) -> Contender {
    Contender { name, is_ours: false, query }
}

const HAND_INCREMENT: Contender = hand_written(
    "hand-written upsert",
    "SELECT count(hand_increment_images_generated(id, 1, {period})) FROM {users}",
);

const HAND_CHECK: Contender = hand_written(
    "hand-written check",
    "SELECT count(hand_check_feature_limit(id, 'image_generation', 1, {period})) FROM {users}",
);

pub const INCREMENTS: Contest = Contest {
    title: "an increment",
    contenders: &[
        ours(
            "increment_images_generated",
            "SELECT count(increment_images_generated(id, 1, {period})) FROM {users}",
        ),
        HAND_INCREMENT,
    ],
    promises: &[Promise { ours: &[0], others: &[1], at_most: Some(0.60) }],
};

pub const CHECKS: Contest = Contest {
    title: "a check",
    contenders: &[
        ours(
            "check_feature_limit",
            "SELECT count(check_feature_limit(id, 'image_generation', 1, {period})) FROM {users}",
        ),
        HAND_CHECK,
        hand_written(
            "hand-written, only reading",
            "SELECT count(hand_check_reading_only(id, 'image_generation', 1, {period})) FROM {users}",
        ),
    ],
    promises: &[
        Promise { ours: &[0], others: &[1], at_most: Some(0.15) },
        Promise { ours: &[0], others: &[2], at_most: None },
    ],
};

pub const CONSUMPTION: Contest = Contest {
    title: "an admission",
    contenders: &[
        ours(
            "consume_feature",
            "SELECT count(consume_feature(id, 'image_generation')) FROM {users}",
        ),
        HAND_CHECK,
        HAND_INCREMENT,
    ],
    promises: &[Promise { ours: &[0], others: &[1, 2], at_most: Some(0.15) }],
};

pub const RESERVATIONS: Contest = Contest {
    title: "an admission for slow work",
    contenders: &[
        ours(
            "reserve_feature",
            "SELECT count(reserve_feature(id, 'image_generation')) FROM {users}",
        ),
        ours(
            "commit_reservation",
            "SELECT count(commit_reservation(reservation_id)) FROM to_be_committed",
        ),
        HAND_CHECK,
        HAND_INCREMENT,
    ],
    promises: &[Promise { ours: &[0, 1], others: &[2, 3], at_most: Some(0.40) }],
};

pub const BATCHES: Contest = Contest {
    title: "an event, 1,000 in a batch",
    contenders: &[
        ours("record_usage", "SELECT sum(record_usage(events)) FROM batches"),
        HAND_INCREMENT,
    ],
    promises: &[Promise { ours: &[0], others: &[1], at_most: Some(0.45) }],
};

/// What was measured.
pub struct Outcome {
    pub title: &'static str,
    pub bars: Vec<Bar>,
}

pub struct Bar {
    pub name: &'static str,
    pub is_ours: bool,
    /// Of all rounds, in microseconds a call.
    pub median: f64,
}

/// Lets every contender make one call a user, in every round.
pub fn run(db: &mut Client, contest: &Contest) -> Result<Outcome, postgres::Error> {
    println!("\nCost of {}, in µs a call ({USERS} users, {ROUNDS} rounds):", contest.title);
    let mut samples = vec![Vec::new(); contest.contenders.len()];
    for _ in 0..ROUNDS {
        for (contender, times) in contest.contenders.iter().zip(&mut samples) {
            // Nobody inherits the dead rows of the one before.
            db.batch_execute("VACUUM feature_usage")?;
            db.batch_execute("VACUUM feature_reservations")?;
            let query = contender.query.replace("{period}", &format!("'{PERIOD}'"));
            if query.contains("to_be_committed") {
                // Finding them is not part of the call.
                db.batch_execute(
                    "DROP TABLE IF EXISTS to_be_committed;
                     CREATE TEMPORARY TABLE to_be_committed AS
                         SELECT reservation_id FROM feature_reservations WHERE status = 'reserved'",
                )?;
            }
            if query.contains("{users}") {
                db.batch_execute(&query.replace("{users}", "few_users"))?;
            }
            let begun = Instant::now();
            db.batch_execute(&query.replace("{users}", "users"))?;
            times.push(begun.elapsed().as_secs_f64() * 1e6 / f64::from(USERS));
        }
    }
    let medians: Vec<f64> = samples.iter().map(|times| median(times)).collect();
    for ((contender, times), median) in contest.contenders.iter().zip(&samples).zip(&medians) {
        let best = times.iter().copied().fold(f64::INFINITY, f64::min);
        println!("  {:<28} median {median:>6.1}   best {best:>6.1}", contender.name);
    }
    for promise in contest.promises {
        println!("  {}", promise.verdict(contest.contenders, &medians));
    }
    let bar = |(contender, median): (&Contender, f64)| {
        let Contender { name, is_ours, .. } = *contender;
        Bar { name, is_ours, median }
    };
    let bars = contest.contenders.iter().zip(medians).map(bar).collect();
    Ok(Outcome { title: contest.title, bars })
}

impl Promise {
    fn verdict(&self, contenders: &[Contender], medians: &[f64]) -> String {
        let names = |places: &[usize]| {
            places.iter().map(|place| contenders[*place].name).collect::<Vec<_>>().join(" + ")
        };
        let sum = |places: &[usize]| places.iter().map(|place| medians[*place]).sum::<f64>();
        let ratio = sum(self.ours) / sum(self.others);
        let verdict = self.at_most.map_or(String::new(), |at_most| {
            let kept = if ratio <= at_most { "kept" } else { "NOT KEPT" };
            format!("; at most {at_most:.2}: {kept}")
        });
        format!("{} is {ratio:.3} of {}{verdict}", names(self.ours), names(self.others))
    }
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
