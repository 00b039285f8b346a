// The edge function operator: who may ask, and what each report says.
import assert from "node:assert/strict";
import { addRule, newUser, removeFeature, sql } from "./support/database.ts";
import { operatorToken, tokenWith } from "./support/operator.ts";
import {
  anon,
  anonKey,
  type Answer,
  post,
  service,
  serviceKey,
  signedIn,
  userToken,
} from "./support/stack.ts";
import { signToken } from "../../dev/stack/token.ts";
import type { Client } from "../../supabase/functions/_shared/limitChecker.ts";

const NOT_ALLOWED = "42501";
const DAY = 86_400_000;
const day = (daysAgo = 0) => new Date(Date.now() - daysAgo * DAY).toISOString().slice(0, 10);
const thisMonth = day().slice(0, 7);

const operator = await operatorToken(await newUser());

// deno-lint-ignore no-explicit-any
async function report(name: string, more: Record<string, unknown> = {}): Promise<any> {
  const { status, body } = await post("operator", { report: name, ...more }, operator);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

/** The rows of all pages, each of which has 25 but the last. */
async function allRows(name: string, more: Record<string, unknown> = {}) {
  // deno-lint-ignore no-explicit-any
  const rows: any[] = [];
  for (let page = 0;; page++) {
    const answer = await report(name, { ...more, page });
    rows.push(...answer.rows);
    if (!answer.more) return rows;
    assert.equal(answer.rows.length, 25);
  }
}

/** Adds the features clips (daily) and films (monthly) for a test: nobody else uses them. */
async function withFeatures(test: () => Promise<void>) {
  await sql(`select add_feature('clips', 'day'), add_feature('films', 'month');
    update plan_limits set clips_limit = 10, films_limit = 100;
    update plan_limits set clips_limit = 20 where plan_id = 'growth';
    update plan_limits set clips_limit = null where plan_id = 'premium'`);
  try {
    await test();
  } finally {
    await removeFeature("clips");
    await removeFeature("films");
    await sql("delete from feature_usage_totals");
  }
}

async function use(userId: string, amounts: Record<string, number>, period = day()) {
  const [columns, values] = [Object.keys(amounts).join(", "), Object.values(amounts).join(", ")];
  await sql(
    `insert into feature_usage (user_id, period, ${columns}) values ('${userId}', '${period}', ${values})`,
  );
}

/** Users who have used 1, 2, … clips today; the last has used most. */
async function usersWithClips(number: number): Promise<string[]> {
  return await sql(`with u as (insert into auth.users (id, email)
      select gen_random_uuid(), gen_random_uuid() || '@example.com' from generate_series(1, ${number}) returning id)
    insert into feature_usage (user_id, period, clips) select id, '${day()}', row_number() over () from u
    returning user_id`);
}

Deno.test("only operators are answered, and the server", async () => {
  const userId = await newUser();
  const wanted = { report: "near_limit" };
  const refused = async (bearer: string | undefined, status: number, error_code?: string) => {
    const answer = await post("operator", wanted, bearer);
    assert.deepEqual([answer.status, answer.body.error_code, answer.body.rows], [
      status,
      error_code,
      undefined,
    ]);
  };
  for (
    const claims of [
      {},
      { user_metadata: { role: "operator" } },
      { user_metadata: { app_metadata: { role: "operator" } } },
      { app_metadata: { role: "user" } },
      { app_metadata: { role: ["operator"] } },
      { app_metadata: { roles: ["operator"] } },
      { app_metadata: "operator" },
      { app_metadata: null },
      { app_role: "operator" },
    ]
  ) {
    await refused(await tokenWith(userId, claims), 403, "NOT_OPERATOR");
  }
  await refused(undefined, 401);
  await refused(anonKey, 401);
  await refused(await tokenWith(userId, { role: "operator" }), 401);
  await refused(await tokenWith(userId, { role: "anon", app_metadata: { role: "operator" } }), 401);
  await refused(await signToken("another-secret-of-32-bytes-or-more", "service_role"), 401);
  await refused(tampered(await userToken(userId)), 401);
  for (const bearer of [operator, serviceKey]) {
    assert.equal((await post("operator", wanted, bearer)).status, 200);
  }
});

/** The same token, with the operator's role in it. */
function tampered(token: string): string {
  const [header, payload, signature] = token.split(".");
  const claims = { ...JSON.parse(atob(payload)), app_metadata: { role: "operator" } };
  return [header, btoa(JSON.stringify(claims)).replace(/=+$/, ""), signature].join(".");
}

const functions: Record<string, (client: Client) => PromiseLike<{ error: { code: string } | null }>> = {
  operator_near_limit: (client) => client.rpc("operator_near_limit"),
  operator_top_users: (client) => client.rpc("operator_top_users", { p_feature_type: "chat" }),
  operator_use_by_day: (client) => client.rpc("operator_use_by_day"),
  operator_user: (client) => client.rpc("operator_user", { p_search: "nobody@example.com" }),
};

for (const [name, call] of Object.entries(functions)) {
  Deno.test(`${name} is for service_role only`, async () => {
    for (const client of [anon(), signedIn(await newUser())]) {
      assert.equal((await call(client)).error?.code, NOT_ALLOWED);
    }
    assert.equal((await call(service())).error, null);
  });
}

Deno.test("no role of the API reads the totals or emails by itself", async () => {
  for (const role of ["anon", "authenticated", "service_role"]) {
    for (const table of ["feature_usage_totals", "auth.users"]) {
      await assert.rejects(sql(`set role ${role}; select from ${table}`), /permission denied/);
    }
  }
});

Deno.test("no index has a counter in it: updates of counters stay HOT", async () => {
  const columns = await sql(`select distinct a.attname from pg_index as i, pg_attribute as a
    where i.indrelid = 'feature_usage'::regclass and a.attrelid = i.indexrelid order by 1`);
  assert.deepEqual(columns, ["period", "user_id"]);
});

const badInput: [Record<string, unknown> | string | null, RegExp][] = [
  ["", /not JSON/],
  [null, /expected object/],
  [{}, /^report: The reports are near_limit, /],
  [{ report: "all" }, /^report: The reports are near_limit, /],
  [{ report: ["user"] }, /^report: The reports are near_limit, /],
  [{ report: "near_limit", page: -1 }, /^page: .*>=0/],
  [{ report: "near_limit", page: 0.5 }, /^page: .*int/],
  [{ report: "near_limit", page: 1e9 }, /^page: .*<=10000/],
  [{ report: "near_limit", share: 2 }, /^share: .*<=1/],
  [{ report: "near_limit", share: -0.1 }, /^share: .*>=0/],
  [{ report: "near_limit", share: "0.8" }, /^share: .*number/],
  [{ report: "top_users" }, /^feature_type: /],
  [{ report: "top_users", feature_type: "" }, /^feature_type: /],
  [{ report: "top_users", feature_type: "images" }, /^feature_type: There is no such feature/],
  [{ report: "top_users", feature_type: "chat; --" }, /^feature_type: There is no such feature/],
  [{ report: "top_users", feature_type: "chat\0" }, /^feature_type: .*not a valid text/],
  [{ report: "top_users", feature_type: "chat", page: -1 }, /^page: /],
  [{ report: "use_by_day", days: 0 }, /^days: .*>=1/],
  [{ report: "use_by_day", days: 1e9 }, /^days: .*<=90/],
  [{ report: "use_by_day", days: "30" }, /^days: .*number/],
  [{ report: "user" }, /^search: /],
  [{ report: "user", search: "" }, /^search: /],
  [{ report: "user", search: " " }, /^search: /],
  [{ report: "user", search: "a".repeat(10_000) }, /^search: Too big/],
  [{ report: "user", search: "%" }, /^search: Enter the email address or the id/],
  [{ report: "user", search: "' or true --" }, /^search: Enter the email address or the id/],
  [{ report: "user", search: '"@example.com' }, /^search: Enter the email address or the id/],
  [{ report: "user", search: "a\0@example.com" }, /^search: .*not a valid text/],
  [{ report: "user", search: crypto.randomUUID(), page: -1 }, /^page: /],
];
for (const [body, message] of badInput) {
  Deno.test(`${JSON.stringify(body)?.slice(0, 80)}: 400`, async () => {
    const answer = await post("operator", body, operator);
    assert.equal(answer.status, 400);
    assert.match(answer.body.error, message);
  });
}

Deno.test("near_limit: who is at or over a share of which limit, fullest first", () =>
  withFeatures(async () => {
    const near: [string, string, Record<string, number>][] = [];
    const expected = async (planId: string | undefined, amounts: Record<string, number>, set?: string) => {
      const userId = await newUser(planId);
      if (set) {
        await sql(
          `insert into user_plans (user_id, plan_id) values ('${userId}', 'free') on conflict do nothing;
        update user_plans set ${set} where user_id = '${userId}'`,
        );
      }
      await use(userId, amounts, amounts.films ? thisMonth : day());
      near.push([userId, planId ?? "free", amounts]);
      return userId;
    };
    await sql("update plan_limits set films_limit = 0 where plan_id = 'growth'");
    // A limit of 0 that is used; the rest by their share.
    const ids = [
      await expected("growth", { films: 1 }),
      await expected(undefined, { clips: 12 }),
      await expected(undefined, { clips: 10 }, "plan_id = null, is_active = null, status = null"),
      await expected("growth", { clips: 19 }),
      await expected(undefined, { films: 93 }),
      await expected(undefined, { clips: 9 }, "trial_end_date = now() + interval '1 day'"),
      await expected("growth", { clips: 17 }, "status = 'trialing', trial_end_date = '2020-01-01'"),
      await expected(undefined, { clips: 8 }),
    ];
    // And those who are not near, or denied anyway.
    await sql("insert into plan_limits (plan_id, clips_limit, is_active) values ('old', 10, false)");
    await use(await newUser(), { clips: 7 });
    await use(await newUser(), { clips: 0 });
    await use(await newUser("premium"), { clips: 1000 });
    await use(await newUser("gold"), { clips: 1000 });
    await use(await newUser("old"), { clips: 10 });
    await use(await newUser(), { clips: 10 }, day(1));
    await use(await newUser(), { clips: 10 }, thisMonth);
    await use(await newUser(), { films: 100 });
    for (
      const set of [
        "status = 'canceled'",
        "status = null",
        "is_active = false",
        "is_active = null",
        "plan_id = 'free', trial_end_date = '2020-01-01'",
      ]
    ) {
      const userId = await newUser("growth");
      await sql(`update user_plans set ${set} where user_id = '${userId}'`);
      await use(userId, { clips: 20 });
    }
    const expired = await newUser();
    await service().rpc("reserve_feature", { p_user_id: expired, p_feature_type: "clips", p_amount: 9 });
    await sql(`update feature_reservations set expires_at = now() where user_id = '${expired}'`);

    const rows = (await allRows("near_limit")).filter((row) => /clips|films/.test(row.feature_type));
    assert.deepEqual(
      rows,
      near.map(([user_id, plan_id, amounts]) => {
        const [[feature_type, used]] = Object.entries(amounts);
        const limits: Record<string, number> = plan_id === "growth"
          ? { clips: 20, films: 0 }
          : { clips: 10, films: 100 };
        return {
          user_id,
          email: `${user_id}@example.com`,
          plan_id,
          feature_type,
          period: feature_type === "films" ? thisMonth : day(),
          used,
          limit: limits[feature_type],
        };
      }),
    );
    // The same as the checks say.
    for (const row of rows) {
      const { data } = await service().rpc("check_feature_limit", {
        p_user_id: row.user_id,
        p_feature_type: row.feature_type,
        p_requested_amount: 0,
      });
      const { limit, current_usage } = data as { limit: number; current_usage: number };
      assert.deepEqual([row.limit, row.used], [limit, current_usage]);
    }
    const full = (await allRows("near_limit", { share: 1 })).filter((row) => ids.includes(row.user_id));
    assert.deepEqual(full.map((row) => row.user_id), ids.slice(0, 3));
    const used = (await allRows("near_limit", { share: 0 })).filter((row) => row.feature_type === "clips");
    assert.equal(Math.min(...used.map((row) => row.used)), 7);
    await sql("delete from plan_limits where plan_id = 'old'");
  }));

Deno.test("near_limit: a share that a count meets exactly", () =>
  withFeatures(async () => {
    const ids: Record<number, string> = {};
    for (const used of [3, 6, 7]) await use(ids[used] = await newUser(), { clips: used });
    const atOrOver = async (share: number) =>
      (await allRows("near_limit", { share })).filter((row) => row.feature_type === "clips").map((row) =>
        row.used
      );
    assert.deepEqual(await atOrOver(0.7), [7]);
    assert.deepEqual(await atOrOver(0.6), [7, 6]);
    assert.deepEqual(await atOrOver(0.3), [7, 6, 3]);
    await sql("update plan_limits set clips_limit = 9");
    assert.deepEqual(await atOrOver(2 / 3), [7, 6]);
    assert.deepEqual(await atOrOver(1 / 3), [7, 6, 3]);
  }));

Deno.test("near_limit: pages do not overlap, and generated_at is now", () =>
  withFeatures(async () => {
    // All have the same share, so only their ids order them.
    const ids = await usersWithClips(60);
    await sql(`update feature_usage set clips = 10 where user_id = any ('{${ids}}')`);
    const rows = await allRows("near_limit");
    assert.equal(new Set(rows.map((row) => row.user_id + row.feature_type)).size, rows.length);
    const clips = rows.filter((row) => row.feature_type === "clips").map((row) => row.user_id);
    assert.deepEqual(clips, ids.sort());
    const shares = rows.map((row) => row.limit === 0 ? Infinity : row.used / row.limit);
    assert.deepEqual(shares, shares.toSorted((a, b) => b - a));
    const { generated_at } = await report("near_limit");
    assert.ok(Math.abs(Date.now() - Date.parse(generated_at)) < 60_000);
    assert.deepEqual(await report("near_limit", { page: 10_000 }).then(({ rows, more }) => [rows, more]), [
      [],
      false,
    ]);
  }));

Deno.test("near_limit: a user at several limits is there for each", () =>
  withFeatures(async () => {
    const userId = await newUser();
    await use(userId, { clips: 10, chat_messages: 4, images_generated: 3 });
    // A daily count in the row of a month is none, as no check sees it.
    await use(userId, { films: 80, voice_seconds: 100, clips: 10, chat_messages: 3 }, thisMonth);
    const rows = (await allRows("near_limit")).filter((row) => row.user_id === userId);
    assert.deepEqual(rows.map((row) => [row.feature_type, row.used, row.limit]), [
      ["chat", 4, 3],
      ["clips", 10, 10],
      ["image_generation", 3, 3],
      ["voice_seconds", 100, 120],
      ["films", 80, 100],
    ]);
  }));

Deno.test("top_users: who has used most in the current period, in pages of 25", () =>
  withFeatures(async () => {
    const ids = (await usersWithClips(60)).reverse();
    const growth = ids[0];
    await sql(`insert into user_plans (user_id, plan_id) values ('${growth}', 'growth')`);
    await use(await newUser(), { clips: 1000 }, day(1));
    await use(await newUser(), { clips: 0 });
    const first = await report("top_users", { feature_type: "clips" });
    assert.deepEqual([first.feature_type, first.period, first.more, first.rows.length], [
      "clips",
      day(),
      true,
      25,
    ]);
    assert.deepEqual(first.rows[0].plan_id, "growth");
    const rows = await allRows("top_users", { feature_type: "clips" });
    assert.deepEqual(rows.map((row) => row.user_id), ids);
    assert.deepEqual(rows.map((row) => row.used), ids.map((_, place) => 60 - place));
    const [{ email }] = await service().rpc("operator_user", { p_search: ids[1] })
      .then(({ data }) => [(data as { user: { email: string } }).user]);
    assert.deepEqual(rows[1], { user_id: ids[1], email, plan_id: "free", used: 59 });

    const userId = await newUser();
    await use(userId, { films: 5 }, thisMonth);
    assert.deepEqual(await report("top_users", { feature_type: "films" }), {
      feature_type: "films",
      period: thisMonth,
      rows: [{ user_id: userId, email: `${userId}@example.com`, plan_id: "free", used: 5 }],
      more: false,
    });
    assert.deepEqual((await report("top_users", { feature_type: "films", page: 1 })).rows, []);
  }));

Deno.test("use_by_day: what all users used on each day and in each month, 0 if nothing", () =>
  withFeatures(async () => {
    const [userId, other] = [await newUser(), await newUser()];
    await use(userId, { clips: 2 });
    await use(other, { clips: 3 });
    await use(userId, { clips: 5 }, day(2));
    await use(userId, { clips: 7 }, day(3));
    await use(other, { clips: 11 }, day(40));
    await use(userId, { films: 13 }, thisMonth);
    await use(other, { films: 17 }, months(2)[0]);
    const clips = async (days?: number) =>
      (await report("use_by_day", { days })).daily.map((one: Use) => [one.period, one.usage.clips]);
    assert.deepEqual(await clips(5), [[day(4), 0], [day(3), 7], [day(2), 5], [day(1), 0], [day(), 5]]);
    assert.deepEqual(await clips(1), [[day(), 5]]);
    const byDay = await clips();
    assert.deepEqual([byDay.length, byDay[0][0]], [30, day(29)]);
    const all = await clips(90);
    assert.deepEqual([all.length, all[0][0], all[49]], [90, day(89), [day(40), 11]]);
    const { daily, monthly } = await report("use_by_day");
    assert.deepEqual(monthly.map((one: Use) => one.period), months(12));
    assert.deepEqual(monthly.map((one: Use) => one.usage.films), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17, 13]);
    assert.deepEqual(Object.keys(daily[0].usage).sort(), [
      "chat",
      "clips",
      "image_generation",
      "therai_calls",
    ]);
    assert.deepEqual(Object.keys(monthly[0].usage).sort(), ["films", "insights", "voice_seconds"]);
  }));

interface Use {
  period: string;
  usage: Record<string, number>;
}

/** The last months, oldest first. */
function months(number: number): string[] {
  const [year, month] = thisMonth.split("-").map(Number);
  return Array.from(
    { length: number },
    (_, place) => new Date(Date.UTC(year, month - number + place, 1)).toISOString().slice(0, 7),
  );
}

Deno.test("use_by_day: totals of days that ended more than two days ago are kept until they are deleted", () =>
  withFeatures(async () => {
    const userId = await newUser();
    for (let ago = 0; ago < 5; ago++) await use(userId, { clips: 1 }, day(ago));
    const clips = async () =>
      (await report("use_by_day", { days: 5 })).daily.map((one: Use) => one.usage.clips);
    assert.deepEqual(await clips(), [1, 1, 1, 1, 1]);
    const kept = await sql("select period from feature_usage_totals where length(period) = 10 order by 1");
    assert.deepEqual(kept.slice(-2), [day(4), day(3)]);
    await sql(`update feature_usage set clips = 2 where user_id = '${userId}'`);
    assert.deepEqual(await clips(), [1, 1, 2, 2, 2]);
    await sql(`delete from feature_usage_totals where period = '${day(4)}'`);
    assert.deepEqual(await clips(), [2, 1, 2, 2, 2]);
    // What is imported later for a day without counts is there too.
    await report("use_by_day", { days: 90 });
    await use(userId, { clips: 8 }, day(80));
    assert.equal((await report("use_by_day", { days: 90 })).daily[9].usage.clips, 8);
  }));

Deno.test("use_by_day: a feature that is added later is in all totals", async () => {
  await use(await newUser(), { chat_messages: 1 }, day(4));
  const chat = async () => (await report("use_by_day", { days: 5 })).daily[0].usage.chat;
  const before = await chat();
  await withFeatures(async () => {
    await use(await newUser(), { clips: 4, chat_messages: 1 }, day(4));
    const [{ usage }] = (await report("use_by_day", { days: 5 })).daily;
    assert.deepEqual([usage.clips, usage.chat], [4, before + 1]);
    const kept = `select usage ->> 'clips' from feature_usage_totals where period = '${day(4)}'`;
    assert.deepEqual(await sql(kept), ["4"]);
  });
});

Deno.test("user: what rules set and block is shown", async () => {
  const userId = await newUser("growth");
  const rule = { applies_to: "user", user_id: userId };
  await addRule({ ...rule, feature_type: "chat", effect: "set", amount: 7 });
  await addRule({ ...rule, feature_type: "insights", effect: "deny" });
  const { features } = await report("user", { search: userId });
  const of = (name: string) => features.find(({ feature_type }: Feature) => feature_type === name);
  assert.deepEqual([of("chat").limit, of("insights").error_code], [7, "DENIED"]);
});

Deno.test("user: all about one, found by id or by exact email", () =>
  withFeatures(async () => {
    const userId = await newUser("growth");
    await use(userId, { clips: 5 });
    await sql(`update auth.users set created_at = '2025-02-10 12:00:00+00' where id = '${userId}'`);
    const email = `${userId}@example.com`;
    const byEmail = await report("user", { search: ` ${email.toUpperCase()} ` });
    for (const search of [userId, userId.toUpperCase()]) {
      assert.deepEqual(await report("user", { search }), byEmail);
    }

    assert.deepEqual(byEmail.user, { id: userId, email, created_at: "2025-02-10T12:00:00+00:00" });
    assert.deepEqual(byEmail.plan, {
      user_id: userId,
      plan_id: "growth",
      is_active: true,
      status: "active",
      trial_end_date: null,
      period_anchor: null,
      time_zone: null,
    });
    const limits = await service().rpc("get_user_limits", { p_user_id: userId });
    assert.deepEqual(byEmail.limits, limits.data);
    assert.deepEqual(
      byEmail.features.map((
        feature: Feature,
      ) => [feature.feature_type, feature.limit, feature.current_usage]),
      [
        ["chat", 100, 0],
        ["clips", 20, 5],
        ["films", 100, 0],
        ["image_generation", 10, 0],
        ["insights", 10, 0],
        ["therai_calls", 50, 0],
        ["voice_seconds", 3600, 0],
      ],
    );
    assert.equal(byEmail.rows.length, 1);
    assert.deepEqual([byEmail.rows[0].period, byEmail.rows[0].clips, byEmail.more], [day(), 5, false]);
  }));

interface Feature {
  feature_type: string;
  limit: number;
  current_usage: number;
}

Deno.test("user: the newest rows first, in pages of 25", async () => {
  const userId = await newUser();
  await sql(
    `insert into feature_usage (user_id, period) select '${userId}', to_char(date '2025-01-31' - n, 'YYYY-MM-DD')
    from generate_series(0, 29) as n union all values ('${userId}'::uuid, '2025-01')`,
  );
  const first = await report("user", { search: userId });
  assert.deepEqual([first.plan, first.rows.length, first.more], [null, 25, true]);
  const second = await report("user", { search: userId, page: 1 });
  assert.deepEqual([second.rows.length, second.more], [6, false]);
  const periods = [...first.rows, ...second.rows].map((row) => row.period);
  const days = Array.from(
    { length: 30 },
    (_, n) => new Date(Date.UTC(2025, 0, 31 - n)).toISOString().slice(0, 10),
  );
  assert.deepEqual(periods, [...days, "2025-01"].sort().reverse());
});

Deno.test("user: nobody is found by a part, a pattern or a quote; a quote in an address is part of it", async () => {
  const userId = await newUser();
  const unknown = [
    crypto.randomUUID(),
    "nobody@example.com",
    "%@example.com",
    "%@%",
    "_".repeat(36) + "@example.com",
    "'or'1'='1'--@example.com",
    `${userId}@example.co`,
  ];
  for (const search of unknown) {
    const { status, body }: Answer = await post("operator", { report: "user", search }, operator);
    assert.deepEqual([status, body], [404, { error: "There is no such user.", error_code: "NO_SUCH_USER" }]);
  }
  const quoted = `o'brien%${userId}@example.com`;
  await sql(`update auth.users set email = '${quoted.replace("'", "''")}' where id = '${userId}'`);
  assert.equal((await report("user", { search: quoted })).user.id, userId);
  // The same address of somebody who signs in through SSO is another user, to be found by id.
  const sso = await newUser();
  await sql(`update auth.users set is_sso_user = true, email = '${userId}@sso.example' where id = '${sso}'`);
  assert.equal(
    (await post("operator", { report: "user", search: `${userId}@sso.example` }, operator)).status,
    404,
  );
  assert.equal((await report("user", { search: sso })).user.id, sso);
});

Deno.test("user: the index finds an email", async () => {
  const plan = await sql(`set enable_seqscan = off;
    explain select from auth.users as u where u.id = null or u.email = lower('A@example.com') and not u.is_sso_user`);
  assert.match(plan.join("\n"), /users_email_partial_key/);
});
