//! The rounds: in each, every contender runs on every cluster.

use std::error::Error;
use std::time::Instant;

use postgres::error::SqlState;
use postgres::{Client, SimpleQueryMessage};

use crate::cluster::{Cluster, Libraries, Revision};
use crate::contenders::{self, Contender};
use crate::samples::{Sample, Samples};
use crate::{PERIOD, USERS};

/// Dead rows of one contender must not slow down the next.
const VACUUMED: [&str; 4] =
    ["feature_usage", "feature_reservations", "feature_idempotency_keys", "user_plans"];

pub fn run(clusters: &mut [Cluster], rounds: usize) -> Result<Samples, Box<dyn Error>> {
    // Each contender with its clusters, by index.
    let mut samples = Vec::new();
    let mut turns = Vec::new();
    for contender in contenders::all() {
        let mut turn = Vec::new();
        for (place, cluster) in clusters.iter_mut().enumerate() {
            let Cluster { revision, libraries, .. } = *cluster;
            if is_there(cluster, contender)? {
                turn.push((place, samples.len()));
                samples.push(Sample { contender, revision, libraries, rounds: Vec::new() });
            }
        }
        turns.push((contender, turn));
    }
    for round in 1..=rounds {
        let begun = Instant::now();
        for (contender, turn) in &mut turns {
            for (cluster, sample) in turn.iter() {
                let cost = measure(&mut clusters[*cluster].db, contender)?;
                samples[*sample].rounds.push(cost);
            }
            // No cluster is always the first.
            turn.reverse();
        }
        println!("    round {round} of {rounds}: {} s", begun.elapsed().as_secs());
    }
    Ok(Samples(samples))
}

/// Tries a contender on a cluster; an older revision may lack a function or an argument.
fn is_there(cluster: &mut Cluster, contender: &Contender) -> Result<bool, Box<dyn Error>> {
    if !contender.is_measured_with(cluster.revision) {
        return Ok(false);
    }
    let tried = prepare_calls(&mut cluster.db, contender)
        .and_then(|()| cluster.db.simple_query(&query(contender, "warm_up_calls")));
    let of = if cluster.revision == Revision::Old { "the old revision" } else { "this revision" };
    match tried {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_FUNCTION) => {
            let reason = error.as_db_error().map_or("", |error| error.message());
            // Both clusters of a revision have the same functions.
            if cluster.libraries == Libraries::Plain {
                println!("    skipped on {of}: {} ({reason})", contender.name);
            }
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Microseconds per call.
fn measure(db: &mut Client, contender: &Contender) -> Result<f64, Box<dyn Error>> {
    prepare_calls(db, contender)?;
    db.simple_query(&query(contender, "warm_up_calls"))?;
    let query = query(contender, "calls");
    let begun = Instant::now();
    let messages = db.simple_query(&query)?;
    let elapsed = begun.elapsed();
    let counted = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    if counted != Some(USERS.to_string().as_str()) {
        let counted = counted.unwrap_or("none");
        return Err(format!("{}: {counted} of {USERS} calls succeeded", contender.name).into());
    }
    Ok(elapsed.as_secs_f64() * 1e6 / f64::from(USERS))
}

/// Builds the rows of arguments, and removes what the previous contender has left.
fn prepare_calls(db: &mut Client, contender: &Contender) -> Result<(), postgres::Error> {
    let has_rules = contender.has_rules;
    db.batch_execute(&format!("CALL forget_later_calls(); CALL use_rules({has_rules})"))?;
    for (calls, users) in [("calls", "users"), ("warm_up_calls", "warm_up_users")] {
        let arguments = contender.arguments.replace("{users}", users);
        db.batch_execute(&format!(
            "DROP TABLE IF EXISTS {calls}; CREATE TEMPORARY TABLE {calls} AS {arguments}"
        ))?;
    }
    VACUUMED.iter().try_for_each(|table| db.batch_execute(&format!("VACUUM {table}")))
}

fn query(contender: &Contender, calls: &str) -> String {
    contender.query.replace("{calls}", calls).replace("{period}", PERIOD)
}
