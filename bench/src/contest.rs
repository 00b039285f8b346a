//! Calls a second: contenders that do the same take turns.

use std::time::Instant;

use postgres::Client;

use crate::{PERIOD, USERS};

const ROUNDS: usize = 9;

pub struct Contest {
    title: &'static str,
    /// The first is ours; the ratio of the others is to it.
    contenders: &'static [Contender],
}

struct Contender {
    name: &'static str,
    function: &'static str,
    /// What comes between the user and the period.
    arguments: &'static str,
    /// The most that ours may cost, as a part of this one.
    at_most: Option<f64>,
}

pub const INCREMENTS: Contest = Contest {
    title: "an increment",
    contenders: &[
        Contender {
            name: "increment_images_generated",
            function: "increment_images_generated",
            arguments: "1",
            at_most: None,
        },
        Contender {
            name: "hand-written upsert",
            function: "hand_increment_images_generated",
            arguments: "1",
            at_most: Some(0.60),
        },
    ],
};

pub const CHECKS: Contest = Contest {
    title: "a check",
    contenders: &[
        Contender {
            name: "check_feature_limit",
            function: "check_feature_limit",
            arguments: "'image_generation', 1",
            at_most: None,
        },
        Contender {
            name: "hand-written check",
            function: "hand_check_feature_limit",
            arguments: "'image_generation', 1",
            at_most: Some(0.15),
        },
        Contender {
            name: "hand-written, only reading",
            function: "hand_check_reading_only",
            arguments: "'image_generation', 1",
            at_most: None,
        },
    ],
};

/// What was measured.
pub struct Outcome {
    pub title: &'static str,
    /// Name, and the median of all rounds in microseconds a call.
    pub medians: Vec<(&'static str, f64)>,
}

/// Lets every contender make one call a user, in every round.
pub fn run(db: &mut Client, contest: &Contest) -> Result<Outcome, postgres::Error> {
    println!("\nCost of {}, in µs a call ({USERS} users, {ROUNDS} rounds):", contest.title);
    let mut samples = vec![Vec::new(); contest.contenders.len()];
    for _ in 0..ROUNDS {
        for (contender, times) in contest.contenders.iter().zip(&mut samples) {
            // Nobody inherits the dead rows of the one before.
            db.batch_execute("VACUUM feature_usage")?;
            let Contender { function, arguments, .. } = contender;
            let call = format!("SELECT count({function}(id, {arguments}, '{PERIOD}')) FROM ");
            db.batch_execute(&format!("{call} (SELECT id FROM users LIMIT 20) AS few"))?;
            let begun = Instant::now();
            db.batch_execute(&format!("{call} users"))?;
            times.push(begun.elapsed().as_secs_f64() * 1e6 / f64::from(USERS));
        }
    }
    let names = contest.contenders.iter().map(|contender| contender.name);
    let medians: Vec<_> = names.zip(samples.iter().map(|times| median(times))).collect();
    let ours = medians[0].1;
    for ((contender, times), (name, middle)) in
        contest.contenders.iter().zip(&samples).zip(&medians)
    {
        let best = times.iter().copied().fold(f64::INFINITY, f64::min);
        let verdict = contender.at_most.map_or(String::new(), |at_most| {
            let kept = if ours / middle <= at_most { "kept" } else { "NOT KEPT" };
            format!("; at most {at_most:.2}: {kept}")
        });
        println!(
            "  {name:<28} median {middle:>6.1}   best {best:>6.1}   ours is {:.2} of it{verdict}",
            ours / middle
        );
    }
    Ok(Outcome { title: contest.title, medians })
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
