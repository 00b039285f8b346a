//! The contenders: queries that call one function once per row.
//!
//! Every query counts calls by their answers, so that Postgres cannot skip any. If the count
//! differs from the number of users, the benchmark fails.

use crate::cluster::Revision;

pub struct Contender {
    pub name: &'static str,
    pub is_ours: bool,
    /// The rows of arguments, built from `{users}` before the clock starts.
    pub arguments: &'static str,
    /// Calls the function for each row of `{calls}`, and counts the calls with the expected answer.
    pub query: &'static str,
    /// Whether any feature has rules, which some functions then read for all features.
    pub has_rules: bool,
}

/// A group of contenders, printed and drawn together.
pub struct Group {
    pub title: &'static str,
    pub contenders: &'static [&'static Contender],
}

const USER_IDS: &str = "SELECT id FROM {users}";
const IDS_AND_NEW_KEYS: &str = "SELECT id, gen_random_uuid()::text AS key FROM {users}";
const OPEN_RESERVATIONS: &str = "SELECT open_reservation(id) AS reservation_id FROM {users}";

const fn ours(name: &'static str, arguments: &'static str, query: &'static str) -> Contender {
    Contender { name, is_ours: true, arguments, query, has_rules: true }
}

const fn hand_written(name: &'static str, query: &'static str) -> Contender {
    Contender { name, is_ours: false, arguments: USER_IDS, query, has_rules: true }
}

pub const INCREMENT: Contender = ours(
    "increment_images_generated",
    USER_IDS,
    "SELECT count(increment_images_generated(id, 1, '{period}')) FROM {calls}",
);

pub const INCREMENT_BY_NAME: Contender = ours(
    "increment_feature_usage",
    USER_IDS,
    "SELECT count(increment_feature_usage(id, 'image_generation', 1, '{period}')) FROM {calls}",
);

pub const HAND_UPSERT: Contender = hand_written(
    "hand-written upsert",
    "SELECT count(hand_increment_images_generated(id, 1, '{period}')) FROM {calls}",
);

pub const BATCH: Contender = ours(
    "record_usage, per event",
    "SELECT jsonb_agg(jsonb_build_object(
                'user_id', id, 'feature_type', 'image_generation', 'amount', 1)) AS events
       FROM {users} GROUP BY number / 1000",
    "SELECT sum(record_usage(events)) FROM {calls}",
);

pub const KEYED_BATCH: Contender = ours(
    "record_usage, per event with a key",
    "SELECT jsonb_agg(jsonb_build_object(
                'user_id', id, 'feature_type', 'image_generation', 'amount', 1,
                'idempotency_key', gen_random_uuid())) AS events
       FROM {users} GROUP BY number / 1000",
    "SELECT sum(record_usage(events)) FROM {calls}",
);

pub const CHECK: Contender = ours(
    "check_feature_limit",
    USER_IDS,
    "SELECT count(*) FILTER (WHERE
            (check_feature_limit(id, 'image_generation', 1, '{period}') ->> 'allowed')::boolean)
       FROM {calls}",
);

pub const HAND_CHECK: Contender = hand_written(
    "hand-written check",
    "SELECT count(*) FILTER (WHERE
            (hand_check_feature_limit(id, 'image_generation', 1, '{period}') ->> 'allowed')::boolean)
       FROM {calls}",
);

pub const HAND_READING_CHECK: Contender = hand_written(
    "hand-written check, read-only",
    "SELECT count(*) FILTER (WHERE
            (hand_check_reading_only(id, 'image_generation', 1, '{period}') ->> 'allowed')::boolean)
       FROM {calls}",
);

const SUMMARIZE: &str =
    "SELECT count(get_user_limits(id) -> 'usage' ->> 'images_generated') FROM {calls}";

pub const SUMMARY: Contender =
    Contender { has_rules: false, ..ours("get_user_limits", USER_IDS, SUMMARIZE) };

pub const RULED_SUMMARY: Contender = ours("get_user_limits, with rules", USER_IDS, SUMMARIZE);

pub const HAND_SUMMARY: Contender = hand_written(
    "hand-written get_user_limits",
    "SELECT count(hand_get_user_limits(id) -> 'usage' ->> 'images_generated') FROM {calls}",
);

pub const CONSUME: Contender = ours(
    "consume_feature",
    USER_IDS,
    "SELECT count(*) FILTER (WHERE
            (consume_feature(id, 'image_generation') ->> 'allowed')::boolean)
       FROM {calls}",
);

pub const KEYED_CONSUME: Contender = ours(
    "consume_feature, new key",
    IDS_AND_NEW_KEYS,
    "SELECT count(*) FILTER (WHERE
            (consume_feature(id, 'image_generation', 1, key) ->> 'allowed')::boolean)
       FROM {calls}",
);

pub const REPLAY: Contender = ours(
    "consume_feature, replay",
    USER_IDS,
    "SELECT count(*) FILTER (WHERE
            (consume_feature(id, 'image_generation', 1, 'earlier') ->> 'replayed')::boolean)
       FROM {calls}",
);

pub const DENIAL: Contender = ours(
    "consume_feature, denied",
    USER_IDS,
    "SELECT count(*) FILTER (WHERE NOT (consume_feature(id, 'chat') ->> 'allowed')::boolean)
       FROM {calls}",
);

pub const KEYED_DENIAL: Contender = ours(
    "consume_feature, new key, denied",
    IDS_AND_NEW_KEYS,
    "SELECT count(*) FILTER (WHERE NOT (consume_feature(id, 'chat', 1, key) ->> 'allowed')::boolean)
       FROM {calls}",
);

// The rules of these features are in tables.sql.

pub const RULED_CONSUME: Contender = ours(
    "consume_feature, one rule",
    USER_IDS,
    "SELECT count(*) FILTER (WHERE
            (consume_feature(id, 'therai_calls') ->> 'allowed')::boolean)
       FROM {calls}",
);

pub const CAPPED_CONSUME: Contender = ours(
    "consume_feature, one cap",
    USER_IDS,
    "SELECT count(*) FILTER (WHERE
            (consume_feature(id, 'voice_seconds') ->> 'allowed')::boolean)
       FROM {calls}",
);

/// Of a feature with a limit of 0, so that a grant covers every unit.
pub const GRANTED_CONSUME: Contender = ours(
    "consume_feature, from a grant",
    USER_IDS,
    "SELECT count(*) FILTER (WHERE
            (consume_feature(id, 'insights') ->> 'allowed')::boolean)
       FROM {calls}",
);

pub const CAPPED_CHECK: Contender = ours(
    "check_feature_limit, one cap",
    USER_IDS,
    "SELECT count(*) FILTER (WHERE
            (check_feature_limit(id, 'voice_seconds') ->> 'allowed')::boolean)
       FROM {calls}",
);

pub const CAPPED_INCREMENT: Contender = ours(
    "increment_voice_seconds, one cap",
    USER_IDS,
    "SELECT count(increment_voice_seconds(id, 1, 'current')) FROM {calls}",
);

pub const STATUS: Contender = ours(
    "usage_status, all features",
    USER_IDS,
    "SELECT count(usage_status(id) -> 'features' ->> 'chat') FROM {calls}",
);

pub const RESERVE: Contender = ours(
    "reserve_feature",
    USER_IDS,
    "SELECT count(reserve_feature(id, 'image_generation') ->> 'reservation_id') FROM {calls}",
);

pub const COMMIT: Contender = ours(
    "commit_reservation",
    OPEN_RESERVATIONS,
    "SELECT count(*) FILTER (WHERE
            (commit_reservation(reservation_id) ->> 'committed')::boolean)
       FROM {calls}",
);

pub const RELEASE: Contender = ours(
    "release_reservation",
    OPEN_RESERVATIONS,
    "SELECT count(*) FILTER (WHERE
            (release_reservation(reservation_id) ->> 'released')::boolean)
       FROM {calls}",
);

pub const EXPIRE: Contender = ours(
    "expire_reservations, each of 1,000",
    "SELECT number, expired_reservation(id) FROM {users}",
    "SELECT sum(expire_reservations(due::integer))
       FROM (SELECT count(*) AS due FROM {calls} GROUP BY number / 1000) AS batches",
);

pub const SET_PLAN: Contender =
    ours("set_user_plan", USER_IDS, "SELECT count(set_user_plan(id, 'free')) FROM {calls}");

/// The order of measuring: contenders that are compared run soon after one another.
pub const GROUPS: &[Group] = &[
    Group {
        title: "Counting",
        contenders: &[&INCREMENT, &HAND_UPSERT, &INCREMENT_BY_NAME, &BATCH, &KEYED_BATCH],
    },
    Group { title: "Checking", contenders: &[&CHECK, &HAND_CHECK, &HAND_READING_CHECK] },
    Group {
        title: "Checking and counting in one step",
        contenders: &[&CONSUME, &KEYED_CONSUME, &REPLAY, &DENIAL, &KEYED_DENIAL],
    },
    Group {
        title: "With rules",
        contenders: &[
            &RULED_CONSUME,
            &CAPPED_CONSUME,
            &GRANTED_CONSUME,
            &CAPPED_CHECK,
            &CAPPED_INCREMENT,
            &STATUS,
        ],
    },
    Group { title: "Reserving", contenders: &[&RESERVE, &COMMIT, &RELEASE, &EXPIRE] },
    Group {
        title: "Plan and usage",
        contenders: &[&SUMMARY, &HAND_SUMMARY, &RULED_SUMMARY, &SET_PLAN],
    },
];

pub fn all() -> impl Iterator<Item = &'static Contender> {
    GROUPS.iter().flat_map(|group| group.contenders).copied()
}

impl Contender {
    /// With `--against`, the upsert is the only hand-written contender: it is the same in both
    /// revisions, so its ratio shows the noise. An earlier revision may lack the newest function.
    pub fn is_measured_with(&self, revision: Revision) -> bool {
        let is_new = [&STATUS, &RULED_SUMMARY, &GRANTED_CONSUME].contains(&self);
        revision == Revision::Current || (self.is_ours && !is_new) || self == &HAND_UPSERT
    }
}

impl PartialEq for Contender {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
