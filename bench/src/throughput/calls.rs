//! The calls whose throughput is measured.

use super::Setting;
use crate::USERS;

pub struct Call {
    pub name: &'static str,
    pub is_ours: bool,
    pub by: Client,
}

/// What makes the calls.
pub enum Client {
    /// pgbench, with statements for `{user}`, each a round trip and a transaction.
    Pgbench(&'static str),
    /// node-postgres, with a statement for `$1`, the user's number.
    NodePostgres(&'static str),
    /// The package rate-limiter-flexible, with its own table.
    RateLimiterFlexible,
    /// node's fetch, through the gateway and the REST server: the requests of a call, as rest.ts reads them.
    Rest(&'static str),
    /// redis-benchmark, with a script that counts unless a limit is reached.
    RedisBenchmark,
}

/// Whose counters the clients change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A user at random.
    Many,
    /// The same user in all calls.
    One,
}

pub const CALLS: &[Call] = &[
    Call {
        name: "increment_images_generated",
        is_ours: true,
        by: Client::Pgbench("SELECT increment_images_generated({user}, 1, '{period}');"),
    },
    Call {
        name: "hand-written upsert",
        is_ours: false,
        by: Client::Pgbench("SELECT hand_increment_images_generated({user}, 1, '{period}');"),
    },
    Call {
        name: "plain upsert",
        is_ours: false,
        by: Client::Pgbench(
            "INSERT INTO feature_usage (user_id, period, images_generated) VALUES ({user}, '{period}', 1) \
                     ON CONFLICT (user_id, period) DO UPDATE \
                     SET images_generated = feature_usage.images_generated + 1, updated_at = now() \
                     RETURNING images_generated;",
        ),
    },
    Call {
        name: "consume_feature",
        is_ours: true,
        by: Client::Pgbench("SELECT consume_feature({user}, 'image_generation');"),
    },
    Call {
        name: "hand-written check and upsert",
        is_ours: false,
        by: Client::Pgbench(
            "SELECT hand_check_feature_limit({user}, 'image_generation', 1, '{period}');\n\
                     SELECT hand_increment_images_generated({user}, 1, '{period}');",
        ),
    },
    Call {
        name: "UPDATE … RETURNING",
        is_ours: false,
        by: Client::Pgbench(
            "UPDATE feature_usage SET images_generated = images_generated + 1, updated_at = now() \
                     WHERE user_id = {user} AND period = '{period}' RETURNING images_generated;",
        ),
    },
    Call {
        name: "check_feature_limit",
        is_ours: true,
        by: Client::Pgbench("SELECT check_feature_limit({user}, 'image_generation');"),
    },
    Call {
        name: "hand-written check",
        is_ours: false,
        by: Client::Pgbench(
            "SELECT hand_check_feature_limit({user}, 'image_generation', 1, '{period}');",
        ),
    },
    Call {
        name: "consume_feature, node-postgres",
        is_ours: true,
        by: Client::NodePostgres("SELECT consume_feature(md5($1)::uuid, 'image_generation')"),
    },
    Call {
        name: "hand-written upsert, node-postgres",
        is_ours: false,
        by: Client::NodePostgres(
            "SELECT hand_increment_images_generated(md5($1)::uuid, 1, '{period}')",
        ),
    },
    Call { name: "rate-limiter-flexible", is_ours: false, by: Client::RateLimiterFlexible },
    Call { name: "a Lua script on Redis", is_ours: false, by: Client::RedisBenchmark },
    Call { name: EMPTY_REQUEST, is_ours: false, by: Client::Rest(r#"[["nothing", null]]"#) },
    Call {
        name: "check_feature_limit, REST",
        is_ours: true,
        by: Client::Rest(r#"[["check_feature_limit", {"p_feature_type": "image_generation"}]]"#),
    },
    Call {
        name: "consume_feature, REST",
        is_ours: true,
        by: Client::Rest(r#"[["consume_feature", {"p_feature_type": "image_generation"}]]"#),
    },
    Call {
        name: "increment_images_generated, REST",
        is_ours: true,
        by: Client::Rest(
            r#"[["increment_images_generated", {"p_count": 1, "p_period": "{period}"}]]"#,
        ),
    },
    Call {
        name: "hand-written check and upsert, REST",
        is_ours: false,
        by: Client::Rest(
            r#"[["hand_check_feature_limit", {"p_feature_type": "image_generation", "p_period": "{period}"}],
                ["hand_increment_images_generated", {"p_count": 1, "p_period": "{period}"}]]"#,
        ),
    },
];

/// What the REST server, the gateway and node take: nothing can be faster through them.
pub const EMPTY_REQUEST: &str = "an empty function, REST";

impl Call {
    pub fn is_rest(&self) -> bool {
        matches!(self.by, Client::Rest(_))
    }

    /// The REST server is measured with its own settings, and for users at random.
    pub fn is_measured_in(&self, setting: Setting) -> bool {
        !self.is_rest() || setting.is_durable && setting.who == Who::Many
    }
}

/// A script of pgbench that calls for one of `users` users at random.
pub fn script(statements: &str, users: u32, period: &str) -> String {
    // As tables.sql makes the ids of users.
    let statements = statements.replace("{user}", "md5(:number::text)::uuid");
    let statements = statements.replace("{period}", period);
    format!("\\set number random(0, {})\n{statements}\n", users - 1)
}

impl Who {
    pub const ALL: [Self; 2] = [Self::Many, Self::One];

    /// The number of users.
    pub fn users(self) -> u32 {
        match self {
            Self::Many => USERS,
            Self::One => 1,
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Many => "users at random",
            Self::One => "one user",
        }
    }
}
