// One balance for images and chat: a feature "credits", a plan with 12 of them a month, and packs. It comes after
// the other tests, because a feature is for everybody.
import { expect, test } from "./support/test.ts";
import { expectForEveryone } from "./support/accessibility.ts";
import { expectUsed, image, makeImage, meter, open, openPlans, say } from "./support/page.ts";
import { addRule, count, grant, grantsOf, newUser, sql } from "./support/stack.ts";

test.beforeAll(() => {
  sql(`select add_feature('credits', 'month');
    insert into plan_limits (plan_id, plan_name, credits_limit, display_order) values ('credits', 'Credits', 12, 3)
      on conflict (plan_id) do nothing;
    insert into usage_rules (applies_to, plan_id, feature_type, effect, amount, paid_in, source_ref)
      values ('plan', 'credits', 'image_generation', 'cost', 5, 'credits', 'test'),
             ('plan', 'credits', 'chat', 'cost', 1, 'credits', 'test')
      on conflict do nothing;
    notify pgrst, 'reload schema'`);
});

test("credits: the price, what they pay for, a refusal that says so, and a pack that helps", async ({ page }) => {
  const user = await newUser({ planId: "credits" });
  await open(page, user);
  await expect(meter(page, "Credits")).toContainText("12 left0 of 12 credits used");
  await expect(meter(page, "Images")).toContainText("2 left0 images used");
  await expectUsed(page, "Images", "An image costs 5 credits: your 12 credits pay for 2.");
  await expectUsed(page, "Chat messages", "A message costs 1 credit: your 12 credits pay for 12.");
  for (const prompt of ["cat 1", "cat 2"]) {
    await makeImage(page, prompt);
    await expect(image(page, prompt)).toBeVisible();
  }
  await expect(meter(page, "Images")).toContainText("0 left2 images used");
  await makeImage(page, "cat 3");
  const refusal = page.getByRole("alert").filter({
    hasText: "Not enough credits: an image costs 5, you have 2.",
  });
  // A fresh allowance of 12 would pay.
  await expect(refusal).toContainText(/You get new credits (in|on) .+\d\d:\d\d\./);
  await expect(page.getByText(/Not part of your plan: Images/)).toHaveCount(0);
  await say(page, "Hello");
  await expect(page.getByText("You said: Hello")).toBeVisible();
  await expectUsed(page, "Credits", "11 of 12 credits used");
  // The message has the balance of now.
  const balance = page.getByRole("alert").filter({ hasText: "an image costs 5, you have 1." });
  await expect(balance).toBeVisible();
  await expectForEveryone(page);
  await balance.getByRole("link", { name: "See the plans" }).click();
  await page.getByRole("button", { name: "Buy 500 credits" }).click();
  await expect(page.getByText("You have bought 500 credits.")).toBeVisible();
  expect(await grantsOf(user)).toHaveLength(1);
  await page.getByRole("link", { name: "Usage" }).click();
  await expect(meter(page, "Credits")).toContainText("501 left");
  await expect(meter(page, "Images")).toContainText("100 left");
  await makeImage(page, "cat 3");
  await expect(image(page, "cat 3")).toBeVisible();
  await expectUsed(page, "Credits", "Pack: 496 of 500 credits left, never expires");
});

test("if even new credits would not pay, the page promises none", async ({ page }) => {
  const user = await newUser({ planId: "credits" });
  await addRule(user, { feature_type: "image_generation", effect: "cost", amount: 50, paid_in: "credits" });
  await open(page, user);
  await makeImage(page, "a cat");
  const refusal = page.getByRole("alert").filter({
    hasText: "Not enough credits: an image costs 50, you have 12.",
  });
  await expect(refusal).toBeVisible();
  await expect(refusal).not.toContainText("new credits");
});

test("a cap that is reached is named, also if credits are there", async ({ page }) => {
  const user = await newUser({ planId: "credits" });
  await addRule(user, { feature_type: "chat", effect: "cap", amount: 1, per: "hour" });
  await count(user, "chat", 1);
  await open(page, user);
  await expect(meter(page, "Chat messages")).toContainText("0 left this hour1 message used");
  await say(page, "Hello");
  await expect(page.getByRole("alert")).toContainText("You have reached your limit of 1 message per hour.");
});

test("packs of a feature come before credits", async ({ page }) => {
  const user = await newUser({ planId: "credits" });
  await grant(user, "image_generation", 3);
  await open(page, user);
  await expect(meter(page, "Images")).toContainText("5 left");
  await makeImage(page, "a cat");
  await expect(image(page, "a cat")).toBeVisible();
  await expectUsed(page, "Images", "Pack: 2 of 3 images left, never expires");
  await expectUsed(page, "Credits", "0 of 12 credits used");
});

test("the plans say what a unit costs", async ({ page }) => {
  await open(page, await newUser());
  await openPlans(page);
  const images = page.getByRole("row", { name: "Images" });
  await expect(images.getByRole("cell")).toHaveText([
    "3 per day",
    "10 per day",
    "50 per day",
    "5 credits each",
  ]);
  await expectForEveryone(page);
});
