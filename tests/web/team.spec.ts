// A team's pool on the page of a member: what all use, the member's own part, caps, and images for the team.
import { expect, type Page, test } from "./support/test.ts";
import { expectForEveryone } from "./support/accessibility.ts";
import { image, makeImage, open } from "./support/page.ts";
import {
  addTeamRule,
  count,
  counted,
  countedInTeam,
  countInTeam,
  grantToTeam,
  leaveTeam,
  newTeam,
  newUser,
} from "./support/stack.ts";

const team = (page: Page, name = "Your team") => page.getByRole("region", { name, exact: true });
const meter = (page: Page, name: string) => team(page).getByRole("listitem", { name, exact: true });
const own = (page: Page, name: string) =>
  page.getByRole("region", { name: "Usage", exact: true }).getByRole("listitem", { name, exact: true });
const chooseTeam = (page: Page) => page.getByLabel("Who is it for?").selectOption("Your team");

test("a member sees what the team uses and their own part, and no other member's", async ({ page }) => {
  const [user, other] = [await newUser(), await newUser()];
  const poolId = await newTeam([user, other], { seats: 3 });
  await addTeamRule(poolId, "member", { user_id: other.id, feature_type: "chat", effect: "cap", amount: 47 });
  await addTeamRule(poolId, "pool", { feature_type: "chat", effect: "cap", amount: 60, per: "hour" });
  grantToTeam(poolId, "insights", 40, crypto.randomUUID());
  await countInTeam(other, poolId, "chat", 19);
  await countInTeam(user, poolId, "chat", 6);
  const answers: string[] = [];
  page.on("response", async (response) => {
    if (response.url().includes("/rest/v1/")) answers.push(await response.text().catch(() => ""));
  });
  await open(page, user);
  await expect(team(page).getByRole("heading", { name: "Your team: Growth" })).toBeVisible();
  await expect(team(page)).toContainText("3 seats.");
  await expect(meter(page, "Chat messages")).toContainText("35 left this hour25 of 300 messages used");
  await expect(meter(page, "Chat messages")).toContainText("Your part: 6 messages");
  await expect(meter(page, "Chat messages")).toContainText(
    /The team: 35 of 60 messages left this hour, resets in \d+ minutes?, at \d\d:00/,
  );
  await expect(meter(page, "Insights")).toContainText("70 left0 of 30 insights used");
  await expect(meter(page, "Insights")).toContainText("Pack: 40 of 40 insights left, never expires");
  await expect(own(page, "Chat messages")).toContainText("0 of 3 messages used");
  // The other's part is nowhere, also not in what the server has sent.
  await expect(page.getByText(/\b(19|47) messages/)).toHaveCount(0);
  const sent = answers.join("\n");
  expect(sent).toContain('"member_usage"');
  expect(sent).not.toContain(other.id);
  expect(sent).not.toMatch(/": ?(19|47)[,}]/);
  // What another member uses arrives.
  await countInTeam(other, poolId, "chat", 5);
  await expect(meter(page, "Chat messages")).toContainText("30 of 300 messages used");
  await expect(meter(page, "Chat messages")).toContainText("Your part: 6 messages");
});

test("an image for the team counts in its pool, one for me does not", async ({ page }) => {
  const user = await newUser();
  const poolId = await newTeam([user]);
  await open(page, user);
  await chooseTeam(page);
  await makeImage(page, "a cat");
  await expect(image(page, "a cat")).toBeVisible();
  await expect(meter(page, "Images")).toContainText("1 of 20 images used");
  await expect(meter(page, "Images")).toContainText("Your part: 1 image");
  await expect(own(page, "Images")).toContainText("0 of 3 images used");
  expect([await countedInTeam(user, poolId, "image_generation"), await counted(user, "image_generation")])
    .toEqual([
      1,
      0,
    ]);
  await page.getByLabel("Who is it for?").selectOption("Me");
  await makeImage(page, "a dog");
  await expect(image(page, "a dog")).toBeVisible();
  await expect(own(page, "Images")).toContainText("1 of 3 images used");
  expect([await countedInTeam(user, poolId, "image_generation"), await counted(user, "image_generation")])
    .toEqual([
      1,
      1,
    ]);
});

test("a member's cap that is reached is named with its countdown, for this member only", async ({ page }) => {
  const [user, other] = [await newUser(), await newUser()];
  const poolId = await newTeam([user, other]);
  const cap = { feature_type: "image_generation", effect: "cap" };
  await addTeamRule(poolId, "member", { ...cap, amount: 2, per: "day" });
  await countInTeam(user, poolId, "image_generation", 1);
  await open(page, user);
  await expect(meter(page, "Images")).toContainText("1 left this day for you1 of 20 images used");
  await chooseTeam(page);
  await makeImage(page, "a cat");
  await expect(image(page, "a cat")).toBeVisible();
  await expect(meter(page, "Images")).toContainText("0 left this day for you2 of 20 images used");
  await expect(meter(page, "Images")).toContainText(
    /You: 0 of 2 images left this day, resets in \d+ (hour|minute)s?, at \d\d:\d\d/,
  );
  await makeImage(page, "a dog");
  const refusal = page.getByRole("alert").filter({
    hasText: "You have reached your limit of 2 images per day in the team.",
  });
  await expect(refusal).toContainText(/It resets in .+, at .+\. Whoever manages the team can allow more\./);
  // A plan of one's own does not help.
  await expect(refusal.getByRole("link")).toHaveCount(0);
  await expectForEveryone(page);
  // The user has images of their own, and the message stays all the same.
  await expect(own(page, "Images")).toContainText("3 left");
  await expect(refusal).toBeVisible();
  await countInTeam(other, poolId, "image_generation", 2);
  await expect(meter(page, "Images")).toContainText("4 of 20 images used");
  await addTeamRule(poolId, "member", { ...cap, user_id: user.id, amount: 5, per: "day" });
  await expect(refusal).toHaveCount(0);
  await makeImage(page, "a dog");
  await expect(image(page, "a dog")).toBeVisible();
  expect(await countedInTeam(user, poolId, "image_generation")).toBe(5);
});

test("the limit of the team is the team's, not the user's", async ({ page }) => {
  const [user, other] = [await newUser({ planId: "premium" }), await newUser()];
  const poolId = await newTeam([user, other], { planId: "free", seats: 1 });
  await countInTeam(other, poolId, "image_generation", 3);
  await open(page, user);
  await expect(meter(page, "Images")).toContainText("0 left3 of 3 images used");
  await chooseTeam(page);
  await makeImage(page, "a cat");
  const refusal = page.getByRole("alert").filter({
    hasText: "Your team has reached its limit of 3 images per day.",
  });
  await expect(refusal).toBeVisible();
  await page.getByLabel("Who is it for?").selectOption("Me");
  await expect(refusal).toBeVisible();
  await makeImage(page, "a cat");
  await expect(image(page, "a cat")).toBeVisible();
  await expect(refusal).toHaveCount(0);
});

test("who has left a team makes no image for it", async ({ page }) => {
  const [user, other] = [await newUser(), await newUser()];
  const [mine, others] = [await newTeam([user]), await newTeam([other])];
  await open(page, user);
  await chooseTeam(page);
  // As if the membership had ended a moment ago.
  await page.route("**/functions/v1/image-generate", (route) => {
    const body = { ...route.request().postDataJSON(), pool_id: others };
    return route.continue({ postData: JSON.stringify(body) });
  }, { times: 1 });
  await makeImage(page, "a cat");
  await expect(page.getByRole("alert").filter({ hasText: "You are not a member of this team." }))
    .toBeVisible();
  expect(await countedInTeam(other, others, "image_generation")).toBe(0);
  await leaveTeam(user, mine);
  await expect(team(page)).toHaveCount(0);
  await expect(page.getByLabel("Who is it for?")).toHaveCount(0);
});

test("two teams have numbers; a team without a subscription says so", async ({ page }) => {
  const user = await newUser();
  await newTeam([user]);
  await newTeam([user], { planId: "gone" });
  await count(user, "chat", 1);
  await open(page, user);
  await expect(team(page, "Your team 1")).toBeVisible();
  await expect(team(page, "Your team 2")).toBeVisible();
  await expect(page.getByRole("status").filter({ hasText: "Your team's plan is no longer offered." }))
    .toBeVisible();
  await expect(page.getByLabel("Who is it for?").getByRole("option")).toHaveText([
    "Me",
    "Your team 1",
    "Your team 2",
  ]);
  // Nothing of it is about the user's own plan.
  await expect(own(page, "Chat messages")).toContainText("1 of 3 messages used");
});

test("who is in no team sees nothing of teams", async ({ page }) => {
  await open(page, await newUser());
  await expect(page.getByText("What should it show?")).toBeVisible();
  await expect(page.getByText(/team/i)).toHaveCount(0);
});

test("an operator sees every member's part, grants units to the team, and voids what is left", async ({ page }) => {
  const [user, other, leaver] = [await newUser(), await newUser(), await newUser()];
  const poolId = await newTeam([user, other, leaver]);
  await countInTeam(user, poolId, "chat", 4);
  await countInTeam(other, poolId, "chat", 7);
  await countInTeam(leaver, poolId, "chat", 2);
  await leaveTeam(leaver, poolId);
  await open(page, await newUser({ role: "operator" }));
  await page.getByRole("link", { name: "Operator" }).click();
  const found = page.getByRole("region", { name: `Team ${poolId}`, exact: true });
  for (const search of [other.email, poolId]) {
    await page.getByLabel("Find a team").fill(search);
    await page.getByRole("button", { name: "Show the team" }).click();
    await expect(found).toContainText("plan growth, active · 2 seats · 2 members");
  }
  const row = (name: string) => found.getByRole("row").filter({ hasText: name });
  await expect(found.getByRole("row", { name: /^All / })).toContainText("13 of 200 messages");
  await expect(row(user.email).getByRole("cell").first()).toHaveText("4");
  await expect(row(other.email).getByRole("cell").first()).toHaveText("7");
  await expect(row(leaver.email)).toContainText("has left");
  await expect(row(leaver.email).getByRole("cell").first()).toHaveText("2");
  await expect(found).toContainText("This team was granted nothing.");
  await found.getByLabel("Feature").selectOption("Insights");
  await found.getByLabel("Amount").fill("30");
  await found.getByLabel("Reason").fill("a long outage");
  await found.getByRole("button", { name: "Grant", exact: true }).dblclick();
  await expect(row("a long outage")).toHaveCount(1);
  await expect(row("a long outage")).toContainText("0 of 30 insights");
  await expectForEveryone(page);
  await found.getByRole("button", { name: /^Void: 30 insights/ }).click();
  await page.getByRole("dialog").getByLabel("Reason").fill("granted twice");
  await page.getByRole("dialog").getByRole("button", { name: "Void the grant" }).click();
  await expect(row("a long outage")).toContainText("voided");
  await page.getByLabel("Find a team").fill(crypto.randomUUID());
  await page.getByRole("button", { name: "Show the team" }).click();
  await expect(page.getByText(/^There is no team of /)).toBeVisible();
});
