// What an operator does for a user or a team: grants, voids, overrides, ends and corrects, with a reason, once per
// click.
import { expect, type Locator, type Page, test } from "./support/test.ts";
import { expectForEveryone, expectNoViolations } from "./support/accessibility.ts";
import { open } from "./support/page.ts";
import {
  addRule,
  count,
  counted,
  countInTeam,
  grant,
  grantsOf,
  leaveTeam,
  log,
  newTeam,
  newUser,
  rulesOf,
  rulesOfTeam,
  setRole,
  type User,
} from "./support/stack.ts";

async function openAsOperator(page: Page): Promise<User> {
  const operator = await newUser({ role: "operator" });
  await open(page, operator);
  await page.getByRole("link", { name: "Operator" }).click();
  return operator;
}

async function findUser(page: Page, user: User): Promise<void> {
  await page.getByLabel("Find a user").fill(user.email);
  await page.getByRole("button", { name: "Find" }).click();
  await expect(page.getByRole("heading", { name: user.email })).toBeVisible();
}

/** An operator who has found a user. */
async function find(page: Page, user: User): Promise<User> {
  const operator = await openAsOperator(page);
  await findUser(page, user);
  return operator;
}

/** Finds a team, or those of a member; returns the part of the page about one of them. */
async function findTeam(page: Page, poolId: string, search = poolId): Promise<Locator> {
  await page.getByLabel("Find a team").fill(search);
  await page.getByRole("button", { name: "Show the team" }).click();
  const team = page.getByRole("region", { name: `Team ${poolId}`, exact: true });
  await expect(team).toContainText("plan growth");
  return team;
}

// The names of a team's have its id as well.
const form = (page: Page | Locator, name: string) =>
  page.getByRole("form", { name: new RegExp(`^${name}(, team .+)?$`) });
const limits = (page: Page) => page.getByRole("region", { name: "Current limits, table" });
const table = (page: Page | Locator, name: string) =>
  page.getByRole("region", { name: new RegExp(`^${name}(, team .+)?, table$`) });

async function chooseAction(page: Page | Locator, name: string) {
  await page.getByRole("tab", { name, exact: true }).click();
  await form(page, name).getByLabel("Feature").selectOption({ label: "Chat messages" });
  return form(page, name);
}

test("granting units: needs a reason, is done once by a double click, and shows who and why", async ({ page }) => {
  const user = await newUser();
  const operator = await find(page, user);
  const fields = await chooseAction(page, "Grant units");
  await fields.getByLabel("Amount").fill("20");
  await fields.getByLabel("Until").fill("2999-01-02T12:00");
  const button = fields.getByRole("button", { name: "Grant" });
  // Without a reason, or with an empty one, nothing is asked.
  await button.click();
  await expect(fields.getByLabel("Reason")).toBeFocused();
  await fields.getByLabel("Reason").fill("   ");
  await button.click();
  expect(await grantsOf(user)).toEqual([]);
  await fields.getByLabel("Reason").fill("goodwill");
  await button.dblclick();
  await expect(page.getByText("The units are granted.")).toBeVisible();
  const row = table(page, "Grants").getByRole("row", { name: "goodwill" });
  await expect(row).toContainText("0 of 20 messages");
  await expect(row).toContainText("2 Jan 2999");
  await expect(row).toContainText(operator.email);
  await expect(limits(page).getByRole("row", { name: "Chat messages" })).toContainText("23");
  const grants = await grantsOf(user);
  expect(grants.map(({ amount, reason, actor }) => [amount, reason, actor])).toEqual([
    [20, "goodwill", operator.id],
  ]);
  await expectNoViolations(page);
});

test("voiding a grant asks for a reason, and forfeits what is left", async ({ page }) => {
  const user = await newUser();
  await grant(user, "chat", 20, undefined, `pi_${user.id}`);
  await find(page, user);
  await page.getByRole("button", { name: `Void: 20 messages, pi_${user.id}` }).click();
  const dialog = page.getByRole("dialog", { name: "Void the grant of 20 messages" });
  await expectForEveryone(page);
  await dialog.getByRole("button", { name: "Void the grant" }).click();
  await expect(dialog.getByLabel("Reason")).toBeFocused();
  expect((await grantsOf(user))[0]?.voided_at).toBeNull();
  await dialog.getByLabel("Reason").fill("paid back");
  await dialog.getByRole("button", { name: "Void the grant" }).dblclick();
  await expect(dialog).toHaveCount(0);
  await expect(table(page, "Grants").getByRole("row", { name: /voided/ })).toContainText("paid back");
  await expect(page.getByRole("button", { name: /^Void: / })).toHaveCount(0);
  await expect(limits(page).getByRole("row", { name: "Chat messages" })).toContainText("3 messages3");
});

test("overriding a limit, and ending it: the row stays as the history", async ({ page }) => {
  const user = await newUser();
  const operator = await find(page, user);
  const fields = await chooseAction(page, "Override a limit");
  await fields.getByLabel("Amount").fill("10");
  await fields.getByLabel("Until").fill("2999-01-02T12:00");
  await fields.getByLabel("Reason").fill("a trial");
  await fields.getByRole("button", { name: "Override" }).dblclick();
  await expect(page.getByText("The limit is overridden.")).toBeVisible();
  const chat = limits(page).getByRole("row", { name: "Chat messages" });
  await expect(chat).toContainText("10 messages10");
  const row = table(page, "Rules").getByRole("row", { name: "a trial" });
  await expect(row).toContainText("limit of 10 messages");
  await expect(row).toContainText("2 Jan 2999");
  await expect(row).toContainText(operator.email);
  expect(await rulesOf(user)).toHaveLength(1);

  await row.getByRole("button", { name: "End: Chat messages, limit of 10 messages" }).click();
  const dialog = page.getByRole("dialog", { name: "End the rule: Chat messages, limit of 10 messages" });
  await dialog.getByLabel("Reason").fill("it is over");
  await dialog.getByRole("button", { name: "End the rule" }).click();
  await expect(page.getByText("The rule has ended.")).toBeVisible();
  await expect(chat).toContainText("3 messages3");
  await expect(table(page, "Rules").getByRole("row", { name: "a trial; ended: it is over" })).toBeVisible();
  await expect(page.getByRole("button", { name: /^End: / })).toHaveCount(0);
});

test("an override can add, cap by a rate or a window, block, or begin later", async ({ page }) => {
  const user = await newUser();
  await find(page, user);
  const rules = table(page, "Rules");
  const make = async (
    effect: string,
    fill: (fields: ReturnType<typeof form>) => Promise<void>,
    text: string,
  ) => {
    const fields = await chooseAction(page, "Override a limit");
    await fields.getByLabel("Effect").selectOption({ label: effect });
    await fill(fields);
    await fields.getByLabel("Reason").fill(`test of ${text}`);
    await fields.getByRole("button", { name: "Override" }).click();
    await expect(rules.getByRole("row", { name: `test of ${text}` })).toContainText(text);
  };
  await make("Add to the limit", (fields) => fields.getByLabel("Amount").fill("5"), "5 messages more");
  await make("Cap", async (fields) => {
    await fields.getByLabel("Amount").fill("4");
    await fields.getByLabel("Per", { exact: true }).selectOption({ label: "a rate" });
    await fields.getByLabel("Seconds to refill").fill("60");
  }, "at most 4 messages per 60 seconds");
  await make("Cap", async (fields) => {
    await fields.getByLabel("Amount").fill("6");
    await fields.getByLabel("Per", { exact: true }).selectOption({ label: "hour" });
  }, "at most 6 messages per hour");
  await make("Set the limit", (fields) => fields.getByLabel("From").fill("2999-01-02T12:00"), "unlimited");
  const chat = limits(page).getByRole("row", { name: "Chat messages" });
  await expect(chat).toContainText("8 messages4");
  await make("Block", async () => {}, "blocked");
  await expect(chat).toContainText("blocked");
  expect((await rulesOf(user)).map(({ effect, per }) => [effect, per])).toEqual([
    ["add", "period"],
    ["cap", "rate"],
    ["cap", "hour"],
    ["set", "period"],
    ["deny", "period"],
  ]);
  await expectForEveryone(page);
});

test("correcting a count, and what the database says if it cannot be", async ({ page }) => {
  const user = await newUser();
  await count(user, "chat", 3);
  await find(page, user);
  const fields = await chooseAction(page, "Correct a count");
  const correct = async (amount: string) => {
    await fields.getByLabel("Feature").selectOption({ label: "Chat messages" });
    await fields.getByLabel("Add to the count").fill(amount);
    await fields.getByLabel("Reason").fill("counted twice");
    await fields.getByRole("button", { name: "Correct" }).dblclick();
  };
  await correct("-2");
  await expect(page.getByText("The count is corrected.")).toBeVisible();
  await expect(limits(page).getByRole("row", { name: "Chat messages" })).toContainText(
    "1 message3 messages2",
  );
  expect(await counted(user, "chat")).toBe(1);
  await correct("-2");
  await expect(fields.getByRole("alert")).toContainText("chat can't be corrected by -2");
  await correct("999999999999");
  await expect(fields.getByRole("alert")).toContainText("out of range");
  // With its hint.
  await expect(fields.getByRole("alert")).toContainText("The counter holds at most 2147483647");
  expect(await counted(user, "chat")).toBe(1);
});

test("if the answer is lost, trying again does it once", async ({ page }) => {
  const user = await newUser();
  await find(page, user);
  const fields = await chooseAction(page, "Grant units");
  await fields.getByLabel("Amount").fill("20");
  await fields.getByLabel("Reason").fill("goodwill");
  await page.route("**/functions/v1/operator", async (route) => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  await fields.getByRole("button", { name: "Grant" }).click();
  await expect(fields.getByRole("alert")).toContainText("The server does not answer.");
  await fields.getByRole("button", { name: "Grant" }).click();
  await expect(page.getByText("The units are granted.")).toBeVisible();
  expect(await grantsOf(user)).toHaveLength(1);
});

test("who is no operator any more can do nothing, and the page says so", async ({ page }) => {
  const user = await newUser();
  await addRule(user, { feature_type: "chat", effect: "add", amount: 1 });
  const operator = await find(page, user);
  await setRole(operator, "user");
  const fields = await chooseAction(page, "Grant units");
  await fields.getByLabel("Amount").fill("20");
  await fields.getByLabel("Reason").fill("goodwill");
  await fields.getByRole("button", { name: "Grant" }).click();
  await expect(fields.getByRole("alert")).toHaveText("This is for operators only.");
  expect(await grantsOf(user)).toEqual([]);
});

test("the history has the ledger's entries", async ({ page }) => {
  const user = await newUser();
  // Of insights only: a rule "log" is for everybody.
  const stop = await log("insights");
  try {
    await count(user, "insights", 2);
    await grant(user, "insights", 5);
    await find(page, user);
    const rows = table(page, "Ledger").getByRole("row");
    await expect(rows).toHaveCount(3);
    await expect(rows.nth(1)).toContainText("grant0");
    await expect(rows.nth(2)).toContainText("increment+2");
  } finally {
    await stop();
  }
});

test("overriding the limit of a team, of each member and of one, and ending it", async ({ page }) => {
  const [user, other, leaver] = [await newUser(), await newUser(), await newUser()];
  const poolId = await newTeam([user, other, leaver]);
  await leaveTeam(leaver, poolId);
  const operator = await openAsOperator(page);
  const team = await findTeam(page, poolId);
  await expect(team).toContainText("No limit of this team was overridden.");
  const rules = table(team, "Rules");
  const override = async (whom: string, amount: string, per: string | undefined, text: string) => {
    const fields = await chooseAction(team, "Override a limit");
    await fields.getByLabel("For", { exact: true }).selectOption({ label: whom });
    if (per) {
      // A member has no limit of their own.
      await expect(fields.getByLabel("Effect").getByRole("option")).toHaveText(["Cap", "Block"]);
      await fields.getByLabel("Per", { exact: true }).selectOption({ label: per });
    }
    await fields.getByLabel("Amount").fill(amount);
    await fields.getByLabel("Reason").fill(`test of ${text}`);
    await fields.getByRole("button", { name: "Override" }).dblclick();
    await expect(rules.getByRole("row", { name: `test of ${text}` })).toContainText(text);
  };
  await override("the team", "500", undefined, "limit of 500 messages");
  await expect(team.getByRole("row", { name: /^All / })).toContainText("0 of 500 messages");
  await override("each member", "40", "week", "each member: at most 40 messages per week");
  await override(other.email, "60", "week", `${other.email}: at most 60 messages per week`);
  const made = (await rulesOfTeam(poolId)).map((rule) => [rule.applies_to, rule.user_id, rule.actor]);
  expect(made).toEqual([
    ["pool", null, operator.id],
    ["member", null, operator.id],
    ["member", other.id, operator.id],
  ]);
  await expect(form(team, "Override a limit").getByRole("option", { name: leaver.email })).toHaveCount(0);
  await expectForEveryone(page);

  const rule = `Chat messages, ${other.email}: at most 60 messages per week`;
  await team.getByRole("button", { name: `End: ${rule}` }).click();
  const dialog = page.getByRole("dialog", { name: `End the rule: ${rule}` });
  await dialog.getByLabel("Reason").fill("it is over");
  await dialog.getByRole("button", { name: "End the rule" }).dblclick();
  await expect(page.getByText("The rule has ended.")).toBeVisible();
  await expect(rules.getByRole("row", { name: /; ended: it is over/ })).toContainText(other.email);
  await expect(team.getByRole("button", { name: /^End: / })).toHaveCount(2);
  // The rules of a team are not its member's.
  await findUser(page, other);
  await expect(page.getByText("No limit of this user was overridden.")).toBeVisible();
});

test("correcting the part of a member, also of one who has left, and with it the team's count", async ({ page }) => {
  const [user, leaver] = [await newUser(), await newUser()];
  const poolId = await newTeam([user, leaver]);
  const stop = await log("insights");
  try {
    await countInTeam(user, poolId, "insights", 3);
    await countInTeam(leaver, poolId, "insights", 4);
    await leaveTeam(leaver, poolId);
    await openAsOperator(page);
    const team = await findTeam(page, poolId);
    const correct = async (member: string, amount: string) => {
      const fields = await chooseAction(team, "Correct a count");
      await fields.getByLabel("Member").selectOption({ label: member });
      await fields.getByLabel("Feature").selectOption({ label: "Insights" });
      await fields.getByLabel("Add to the count").fill(amount);
      await fields.getByLabel("Reason").fill(`counted twice: ${amount}`);
      await fields.getByRole("button", { name: "Correct" }).dblclick();
      return fields;
    };
    const all = team.getByRole("row", { name: /^All / });
    const ledger = table(team, "Ledger").getByRole("row");
    const usage = table(team, "What the team has used").getByRole("row");
    await correct(user.email, "-2");
    await expect(all).toContainText("5 of 20 insights");
    await expect(ledger.filter({ hasText: "counted twice: -2" })).toContainText(
      `${user.email}Insightscorrect-2`,
    );
    await correct(`${leaver.email}, has left`, "-4");
    await expect(all).toContainText("1 of 20 insights");
    await expect(usage.filter({ hasText: leaver.email }).getByRole("cell", { name: "4", exact: true }))
      .toHaveCount(0);
    // The team has used one more, but the one who has left has not.
    const fields = await correct(user.email, "-2");
    await expect(fields.getByRole("alert")).toContainText("insights can't be corrected by -2");
    await expect(ledger.filter({ hasText: "correct" })).toHaveCount(2);
  } finally {
    await stop();
  }
});

test("a user and two teams on one page can be told apart", async ({ page }) => {
  const user = await newUser();
  const teams = [await newTeam([user]), await newTeam([user])];
  await find(page, user);
  for (const poolId of teams) {
    const team = await findTeam(page, poolId, user.email);
    await expect(team).toContainText("This team was granted nothing.");
  }
  await expectForEveryone(page);
});
