//! Calls while other tables replace the existing ones.

use std::sync::atomic::{AtomicBool, Ordering};

use integration::{Cluster, at_once, check, user};

/// Ways to replace the tables of plans and subscriptions, each in one transaction, and back.
const CHANGES: [(&str, &str); 4] = [
    (
        "ALTER TABLE user_plans RENAME TO kept; CREATE VIEW user_plans AS TABLE kept",
        "DROP VIEW user_plans; ALTER TABLE kept RENAME TO user_plans",
    ),
    (
        "ALTER TABLE user_plans RENAME TO kept; ALTER TABLE other_plans RENAME TO user_plans",
        "ALTER TABLE user_plans RENAME TO other_plans; ALTER TABLE kept RENAME TO user_plans",
    ),
    (
        "ALTER TABLE user_plans DROP CONSTRAINT user_plans_pkey",
        "ALTER TABLE user_plans ADD PRIMARY KEY (user_id)",
    ),
    (
        "ALTER TABLE user_plans ADD COLUMN note text; ALTER TABLE plan_limits ADD COLUMN note text",
        "ALTER TABLE user_plans DROP COLUMN note; ALTER TABLE plan_limits DROP COLUMN note",
    ),
];

#[test]
fn an_answer_is_based_on_the_old_table_or_the_new_one() {
    let cluster = Cluster::create("it_changing");
    let database = cluster.database("changing");
    // In the other table, the user has another plan, and the rows are in another order.
    database.execute(
        "INSERT INTO plan_limits (plan_id, insights_limit) VALUES ('five', 5), ('nine', 9), ('none', 0);
         INSERT INTO user_plans
             SELECT ('00000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid,
                    CASE n WHEN 5 THEN 'five' ELSE 'none' END, true, 'active'
               FROM generate_series(1, 9) AS n;
         CREATE TABLE other_plans (LIKE user_plans INCLUDING ALL);
         INSERT INTO other_plans
             SELECT user_id, CASE plan_id WHEN 'five' THEN 'nine' ELSE 'none' END, is_active, status
               FROM user_plans ORDER BY user_id DESC;",
    );
    let is_over = AtomicBool::new(false);
    let answers: Vec<usize> = at_once(&database, 5, |session, client| {
        if session > 0 {
            let mut answers = 0;
            while !is_over.load(Ordering::Relaxed) {
                let answer = check(client, "insights", user(5), 1);
                assert!(answer["limit"] == 5 || answer["limit"] == 9, "{answer}");
                answers += 1;
            }
            return answers;
        }
        let mut changes = (0..40).flat_map(|_| CHANGES).flat_map(|(change, back)| [change, back]);
        let changed = changes.try_for_each(|change| client.batch_execute(change));
        is_over.store(true, Ordering::Relaxed);
        changed.expect("tables that can be changed");
        0
    });
    assert!(answers.iter().sum::<usize>() > 0, "no call has run meanwhile");
}
