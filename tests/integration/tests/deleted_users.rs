//! Deleting a user while calls count for that user: neither side deadlocks.

use integration::{Cluster, is_to_be_retried, sqlstate, together, user};
use postgres::Client;

/// An `auth.users` as on Supabase, which the tables reference.
const USERS: &str = "CREATE SCHEMA auth; CREATE TABLE auth.users (id uuid PRIMARY KEY)";

/// Calls that write rows which reference the user, in addition to the counter.
const CALLS: [&str; 7] = [
    "SELECT reserve_feature($1, 'insights')",
    "SELECT consume_feature($1, 'insights', 1, gen_random_uuid()::text)",
    "SELECT reserve_feature($1, 'insights', 1, '1 hour', gen_random_uuid()::text)",
    "SELECT record_usage(jsonb_build_array(jsonb_build_object(
         'user_id', $1::uuid, 'feature_type', 'insights', 'amount', 1,
         'idempotency_key', gen_random_uuid())))",
    "SELECT consume_feature($1, 'insights')",
    "SELECT release_reservation(reservation_id) FROM feature_reservations
      WHERE user_id = $1 AND status = 'reserved' LIMIT 1",
    "SELECT prune_feature_usage('0 days') FROM (SELECT $1::uuid) AS nobody",
];

const ROUNDS: u64 = 150;

#[test]
fn a_deletion_and_calls_for_the_same_user_do_not_deadlock() {
    let cluster = Cluster::create("it_deleted_users");
    let database = cluster.empty_database("deleted_users");
    database.execute(USERS);
    database
        .execute("CREATE EXTENSION feature_usage; UPDATE plan_limits SET insights_limit = NULL");
    let mut sessions: Vec<Client> = (0..=CALLS.len()).map(|_| database.connect()).collect();
    let mut owner = database.connect();
    let (mut deleted, mut counted, mut refused) = (0, 0, 0);
    for round in 0..ROUNDS {
        let id = user(round.into());
        owner.execute("INSERT INTO auth.users VALUES ($1)", &[&id]).expect("a user");
        // The row exists, so every call locks it before writing another row.
        let before =
            "SELECT consume_feature($1, 'insights', 1, 'old'), reserve_feature($1, 'insights')";
        owner.execute(before, &[&id]).expect("a count");
        let outcomes = together(&mut sessions, |number, session| {
            let statement = match CALLS.get(number as usize) {
                Some(call) => call,
                None => "DELETE FROM auth.users WHERE id = $1",
            };
            session.execute(statement, &[&id]).map(|_| number as usize == CALLS.len())
        });
        for outcome in outcomes {
            match outcome {
                Ok(true) => deleted += 1,
                Ok(false) => counted += 1,
                Err(error) => {
                    assert!(!is_to_be_retried(&error), "round {round}: {error:?}");
                    // The user is gone, or the reservation with the user.
                    let code = sqlstate::<()>(Err(error));
                    assert!(["23503", "P0002"].contains(&code.as_str()), "round {round}: {code}");
                    refused += 1;
                }
            }
        }
    }
    println!("{deleted} deletions, {counted} calls counted, {refused} refused");
    assert_eq!(deleted, ROUNDS);
    let left =
        "SELECT (SELECT count(*) FROM feature_usage) + (SELECT count(*) FROM feature_reservations)
                     + (SELECT count(*) FROM feature_idempotency_keys)";
    assert_eq!(owner.query_one(left, &[]).expect("counts").get::<_, i64>(0), 0);
}
