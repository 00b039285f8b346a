// The edge function usage-alert: each alert is mailed at least once, and marked only afterwards.
import assert from "node:assert/strict";
import { addRule, newUser, sql, until } from "./support/database.ts";
import { MailServer } from "./support/mail.ts";
import { type Answer, send, service, serviceKey, setting } from "./support/stack.ts";

const FAILED = () => new Response("out of order", { status: 500 });

/** Calls the function as a webhook that has this secret. */
const call = (body: unknown, secret: string | undefined = setting("USAGE_ALERT_SECRET")): Promise<Answer> =>
  send("usage-alert", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(secret && { "X-Webhook-Secret": secret }) },
    body: JSON.stringify(body),
  });

/** What a Database Webhook sends of an alert. */
const inserted = (alert_id: unknown, more: Record<string, unknown> = {}) => ({
  type: "INSERT",
  table: "usage_alerts",
  schema: "public",
  record: { alert_id, ...more },
  old_record: null,
});

const deliver = (alertId: number) => call(inserted(alertId));
const sweep = () => call({ type: "SWEEP" });

/** A user who has used 8 of their 10 images, and the alert that this has written. */
async function alerted(): Promise<{ userId: string; alertId: number }> {
  const userId = await newUser("growth");
  const rule = { applies_to: "user", user_id: userId, feature_type: "image_generation" };
  await addRule({ ...rule, effect: "warn", amount: 80 });
  await service().rpc("consume_feature", {
    p_user_id: userId,
    p_feature_type: "image_generation",
    p_amount: 8,
  });
  const [alertId] = await sql(`select alert_id from usage_alerts where user_id = '${userId}'`);
  return { userId, alertId: Number(alertId) };
}

const isHandled = async (alertId: number) =>
  (await sql(`select handled_at is not null from usage_alerts where alert_id = ${alertId}`))[0] === "t";

/** Makes alerts look as if their webhooks had been lost; those of other tests are out of the way. */
async function onlyOverdue(alertIds: number[]): Promise<void> {
  const ids = alertIds.join(", ");
  await sql(`update usage_alerts set handled_at = now() where handled_at is null and alert_id not in (${ids});
    update usage_alerts set created_at = now() - interval '2 minutes' where alert_id in (${ids})`);
}

Deno.test("an alert is mailed to its user, and marked as handled", async () => {
  await using api = new MailServer();
  const { userId, alertId } = await alerted();
  // The body that Supabase's trigger would make.
  const [webhook] = await sql(
    `select jsonb_build_object('type', 'INSERT', 'table', 'usage_alerts', 'schema', 'public',
    'record', to_jsonb(a), 'old_record', null) from usage_alerts as a where alert_id = ${alertId}`,
  );
  const { status, body } = await call(JSON.parse(webhook));
  assert.deepEqual([status, body], [200, { sent: true }]);
  const today = new Date().toISOString().slice(0, 10);
  assert.deepEqual(api.asked, [{
    key: `usage-alert-${alertId}`,
    authorization: `Bearer ${setting("MAIL_API_KEY")}`,
    from: setting("MAIL_FROM"),
    to: `${userId}@example.com`,
    subject: "You have used 80% of your images",
    text: `You have used 8 of 10 images (${today}).`,
  }]);
  assert.ok(await isHandled(alertId));
});

Deno.test("an alert of a pool is mailed to each member, with a key of its own", async () => {
  await using api = new MailServer();
  const members = [await newUser(), await newUser()].sort();
  const pool_id = crypto.randomUUID();
  await service().from("usage_pools").insert({ pool_id, plan_id: "growth" });
  for (const user_id of members) await service().from("usage_pool_members").insert({ pool_id, user_id });
  await addRule({
    applies_to: "pool",
    pool_id,
    feature_type: "image_generation",
    effect: "warn",
    amount: 80,
  });
  await service().rpc("consume_feature", {
    p_user_id: members[0],
    p_feature_type: "image_generation",
    p_amount: 8,
    p_pool_id: pool_id,
  });
  const [alertId] = await sql(`select alert_id from usage_alerts where pool_id = '${pool_id}'`);
  assert.deepEqual((await deliver(Number(alertId))).body, { sent: true });
  assert.deepEqual((await deliver(Number(alertId))).body, { sent: false });
  const mails = members.map((member) => ({
    key: `usage-alert-${alertId}-${member}@example.com`,
    to: `${member}@example.com`,
    subject: "Your team has used 80% of its images",
  }));
  assert.deepEqual(api.asked.map(({ key, to, subject }) => ({ key, to, subject })), mails);
  assert.ok(await isHandled(Number(alertId)));
});

Deno.test("little left: another mail", async () => {
  await using api = new MailServer();
  const userId = await newUser("growth");
  await addRule({ applies_to: "user", user_id: userId, feature_type: "insights", effect: "low", amount: 3 });
  await service().rpc("consume_feature", { p_user_id: userId, p_feature_type: "insights", p_amount: 8 });
  const [alertId] = await sql(`select alert_id from usage_alerts where user_id = '${userId}'`);
  assert.equal((await deliver(Number(alertId))).status, 200);
  const [{ subject, text }] = api.sent;
  assert.deepEqual([subject, text], [
    "Your insights are running low",
    "You have fewer than 3 insights left.",
  ]);
});

Deno.test("an alert that is handled sends nothing, and keeps its time", async () => {
  await using api = new MailServer();
  const { alertId } = await alerted();
  await deliver(alertId);
  const handledAt = () => sql(`select handled_at from usage_alerts where alert_id = ${alertId}`);
  const before = await handledAt();
  const { status, body } = await deliver(alertId);
  assert.deepEqual([status, body], [200, { sent: false }]);
  assert.equal(api.asked.length, 1);
  assert.deepEqual(await handledAt(), before);
});

Deno.test("no secret, a wrong one, or a key of the project instead: 401, and nothing is sent", async () => {
  await using api = new MailServer();
  const { alertId } = await alerted();
  const secret = setting("USAGE_ALERT_SECRET");
  for (const wrong of ["", "wrong", secret.slice(1), `${secret}x`, secret.toUpperCase(), serviceKey]) {
    for (const body of [inserted(alertId), { type: "SWEEP" }]) {
      const { status } = await call(body, wrong);
      assert.equal(status, 401, wrong);
    }
  }
  const withToken = await send("usage-alert", {
    method: "POST",
    headers: { Authorization: `Bearer ${serviceKey}` },
    body: JSON.stringify(inserted(alertId)),
  });
  assert.equal(withToken.status, 401);
  assert.deepEqual([api.asked.length, await isHandled(alertId)], [0, false]);
});

Deno.test("a failing mail API: 502, and the next delivery sends the mail", async () => {
  await using api = new MailServer();
  const { alertId } = await alerted();
  for (const status of [400, 429, 500]) {
    api.failure = () => new Response("", { status });
    const answer = await deliver(alertId);
    assert.deepEqual([answer.status, answer.body.error_code], [502, "MAIL_FAILED"]);
    assert.equal(await isHandled(alertId), false);
  }
  api.failure = undefined;
  assert.deepEqual((await deliver(alertId)).body, { sent: true });
  assert.deepEqual([api.sent.length, await isHandled(alertId)], [1, true]);
});

Deno.test("without a mail API that answers: 502, and the alert stays", async () => {
  const { alertId } = await alerted();
  assert.equal((await deliver(alertId)).status, 502);
  assert.equal(await isHandled(alertId), false);
});

Deno.test("what a mail says comes from the database, not from the webhook's body", async () => {
  await using api = new MailServer();
  const { userId, alertId } = await alerted();
  const forged = {
    user_id: await newUser(),
    feature_type: "free money",
    kind: "low",
    threshold: 1,
    handled_at: null,
  };
  assert.equal((await call(inserted(alertId, forged))).status, 200);
  const [{ to, subject }] = api.sent;
  assert.deepEqual([to, subject], [`${userId}@example.com`, "You have used 80% of your images"]);
  // Also that it is handled.
  assert.deepEqual((await call(inserted(alertId, forged))).body, { sent: false });
});

Deno.test("two deliveries at once: both ask, with one key, so that one mail is sent", async () => {
  await using api = new MailServer();
  const { alertId } = await alerted();
  const open = Promise.withResolvers<void>();
  api.gate = open.promise;
  const deliveries = [deliver(alertId), deliver(alertId)];
  await until(() => api.asked.length === 2);
  assert.equal(await isHandled(alertId), false);
  open.resolve();
  for (const { status } of await Promise.all(deliveries)) assert.equal(status, 200);
  assert.equal(new Set(api.asked.map(({ key }) => key)).size, 1);
  assert.deepEqual(api.asked[0], api.asked[1]);
  assert.deepEqual([api.sent.length, await isHandled(alertId)], [1, true]);
});

Deno.test("a user without an address gets no mail, and the alert is not tried again", async () => {
  await using api = new MailServer();
  const { userId, alertId } = await alerted();
  await sql(`update auth.users set email = null where id = '${userId}'`);
  assert.deepEqual((await deliver(alertId)).body, { sent: false });
  assert.deepEqual([api.asked.length, await isHandled(alertId)], [0, true]);
});

Deno.test("an unknown alert: 404; another message: 400", async () => {
  assert.equal((await deliver(2 ** 50)).status, 404);
  const { alertId } = await alerted();
  const bad: [unknown, RegExp][] = [
    [null, /INSERT and SWEEP|expected object/],
    [{}, /INSERT and SWEEP/],
    [{ ...inserted(alertId), type: "UPDATE" }, /INSERT and SWEEP/],
    [{ ...inserted(alertId), table: "usage_grants" }, /^table: /],
    [inserted(undefined), /^record.alert_id: /],
    [inserted(0), /^record.alert_id: /],
    [inserted("1 or true"), /^record.alert_id: /],
    [inserted(1.5), /^record.alert_id: /],
  ];
  for (const [sent, reason] of bad) {
    const { status, body } = await call(sent);
    assert.equal(status, 400);
    assert.match(body.error, reason);
  }
  assert.equal(await isHandled(alertId), false);
});

Deno.test("a sweep sends what no webhook has delivered, once", async () => {
  await using api = new MailServer();
  const [lost, other, recent] = [await alerted(), await alerted(), await alerted()];
  await onlyOverdue([lost.alertId, other.alertId, recent.alertId]);
  // The webhook of this one may be on its way.
  await sql(`update usage_alerts set created_at = now() where alert_id = ${recent.alertId}`);
  assert.deepEqual(await sweep().then(({ status, body }) => [status, body]), [200, { sent: 2, failed: 0 }]);
  assert.deepEqual(
    api.sent.map(({ to }) => to).sort(),
    [lost, other].map(({ userId }) => `${userId}@example.com`).sort(),
  );
  assert.deepEqual((await sweep()).body, { sent: 0, failed: 0 });
  assert.deepEqual([api.asked.length, await isHandled(recent.alertId)], [2, false]);
});

Deno.test("an alert whose mail fails does not keep a sweep from the others", async () => {
  await using api = new MailServer();
  const [one, two, three] = [await alerted(), await alerted(), await alerted()];
  await onlyOverdue([one, two, three].map(({ alertId }) => alertId));
  api.failure = ({ to }) => to.startsWith(two.userId) ? FAILED() : undefined;
  const { status, body } = await sweep();
  assert.deepEqual([status, body], [502, { sent: 2, failed: 1 }]);
  api.failure = undefined;
  assert.deepEqual((await sweep()).body, { sent: 1, failed: 0 });
  assert.equal(api.sent.length, 3);
});

Deno.test("a sweep takes at most 100 alerts, the newest first", async () => {
  await using api = new MailServer();
  const { userId, alertId } = await alerted();
  await onlyOverdue([alertId]);
  await sql(
    `insert into usage_alerts (user_id, feature_type, period, kind, threshold, basis, usage, created_at)
    select '${userId}', 'chat', '2025-02-10', 'warn', t, 0, 1, now() - interval '2 minutes' from generate_series(1, 100) as t`,
  );
  assert.deepEqual((await sweep()).body, { sent: 100, failed: 0 });
  assert.equal(await isHandled(alertId), false);
  assert.deepEqual((await sweep()).body, { sent: 1, failed: 0 });
  assert.deepEqual([api.sent.length, await isHandled(alertId)], [101, true]);
});
