//! The share of counter updates that touch no index (HOT).

use std::thread::sleep;
use std::time::Duration;

use postgres::Client;

use crate::machine::Machine;
use crate::{PERIOD, USERS};

const UPDATES: u32 = 1_000_000;

pub fn run(db: &mut Client, machine: &Machine) -> Result<(), postgres::Error> {
    println!(
        "\nHOT updates ({UPDATES} increments of {USERS} rows, each a transaction, autovacuum on)\n({machine})"
    );
    db.batch_execute("VACUUM FULL feature_usage")?;
    db.batch_execute("SELECT pg_stat_reset()")?;
    db.batch_execute(&format!(
        "DO $$
         DECLARE
             ids constant uuid[] := ARRAY(SELECT id FROM users);
         BEGIN
             FOR i IN 1..{UPDATES} LOOP
                 PERFORM increment_images_generated(ids[1 + floor(random() * {USERS})], 1, '{PERIOD}');
                 COMMIT;
             END LOOP;
         END $$"
    ))?;
    // Statistics arrive a little later than their transactions end.
    let (updates, hot) = loop {
        let row = db.query_one(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'feature_usage'",
            &[],
        )?;
        let (updates, hot): (i64, i64) = (row.get(0), row.get(1));
        if updates >= i64::from(UPDATES) {
            break (updates, hot);
        }
        sleep(Duration::from_millis(200));
    };
    let share = 100.0 * hot as f64 / updates as f64;
    let kept = if share >= 95.0 { "kept" } else { "NOT KEPT" };
    println!("  {hot} of {updates}: {share:.2} %; at least 95 %: {kept}");
    Ok(())
}
