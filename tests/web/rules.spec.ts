// What the page says of rules: a rate, a cap, a block.
import { expect, test } from "./support/test.ts";
import { expectUsed, image, makeImage, meter, open, openPlans, say } from "./support/page.ts";
import { addRule, count, counted, newUser, removeRule } from "./support/stack.ts";

test("a second image at once is refused with the seconds to wait, and works after them", async ({ page }) => {
  const user = await newUser({ planId: "growth" });
  await addRule(user, {
    feature_type: "image_generation",
    effect: "cap",
    amount: 1,
    per: "rate",
    every: "30 seconds",
  });
  await open(page, user);
  await makeImage(page, "cat 1");
  await expect(image(page, "cat 1")).toBeVisible();
  await makeImage(page, "cat 2");
  const refusal = page.getByRole("alert").filter({
    hasText: /Too many at once: try again in (\d+ seconds|1 second)\./,
  });
  await expect(refusal).toBeVisible();
  expect(await counted(user, "image_generation")).toBe(1);
  // The message leaves when the wait is over; the meter is that of the day all along.
  await expectUsed(page, "Images", "1 of 10 images used");
  await expect(refusal).toHaveCount(0, { timeout: 45_000 });
  await makeImage(page, "cat 2");
  await expect(image(page, "cat 2")).toBeVisible();
  expect(await counted(user, "image_generation")).toBe(2);
});

test("the message of a rate leaves when the wait is over, also without new limits", async ({ page }) => {
  const user = await newUser({ planId: "growth" });
  await addRule(user, { feature_type: "chat", effect: "cap", amount: 1, per: "rate", every: "30 seconds" });
  await open(page, user);
  await say(page, "Hello");
  await expect(page.getByText("You said: Hello")).toBeVisible();
  await say(page, "Hello again");
  const refusal = page.getByRole("alert").filter({ hasText: "Too many at once" });
  await expect(refusal).toBeVisible();
  await page.route("**/rpc/my_limits", (route) => route.abort());
  await expect(refusal).toHaveCount(0, { timeout: 45_000 });
});

test("a cap that is reached is named, not the limit of the plan", async ({ page }) => {
  const user = await newUser({ planId: "premium" });
  await addRule(user, { feature_type: "chat", effect: "cap", amount: 1, per: "hour" });
  await addRule(user, { feature_type: "chat", effect: "cap", amount: 100, per: "total" });
  await open(page, user);
  await expect(meter(page, "Chat messages")).toContainText("1 left this hour");
  await say(page, "Hello");
  await expect(page.getByText("You said: Hello")).toBeVisible();
  await expect(meter(page, "Chat messages")).toContainText("0 left this hour");
  await say(page, "Hello again");
  const refusal = page.getByRole("alert").filter({
    hasText: "You have reached your limit of 1 message per hour.",
  });
  await expect(refusal).toContainText(/It resets in .+, at .+:00\. Another plan may allow more\./);
  expect(await counted(user, "chat")).toBe(1);
});

test("a meter says what the tightest cap leaves, if that is less than the limit leaves", async ({ page }) => {
  const user = await newUser({ planId: "growth" });
  const rule = { feature_type: "chat", effect: "cap" };
  for (const [per, amount] of [["week", 150], ["billing_month", 40], ["year", 60]] as const) {
    await addRule(user, { ...rule, per, amount });
  }
  await addRule(user, { ...rule, feature_type: "image_generation", per: "total", amount: 11 });
  await open(page, user);
  await expect(meter(page, "Chat messages")).toContainText("40 left this billing month");
  await expectUsed(page, "Chat messages", "0 of 100 messages used");
  await expect(meter(page, "Images")).toContainText("10 left0 of 10 images used");
});

test("a blocked feature is shown as blocked, and the others as they are", async ({ page }) => {
  const user = await newUser({ planId: "growth" });
  await count(user, "chat", 2);
  const rule = await addRule(user, { feature_type: "image_generation", effect: "deny" });
  await open(page, user);
  await expect(meter(page, "Images")).toContainText("blocked");
  await expectUsed(page, "Images", "Blocked for your account");
  await expectUsed(page, "Chat messages", "2 of 100 messages used");
  // Nothing says that the whole plan is blocked.
  await expect(page.getByRole("status").filter({ hasText: "blocked" })).toHaveCount(0);
  await makeImage(page, "a cat");
  const refusal = page.getByRole("alert").filter({ hasText: "This feature is blocked for your account." });
  await expect(refusal).toContainText("This is about Images only.");
  await expect(refusal.getByRole("link", { name: "See the plans" })).toHaveCount(0);
  await say(page, "Hello");
  await expect(page.getByText("You said: Hello")).toBeVisible();
  expect(await counted(user, "chat")).toBe(3);
  // When the block is lifted, the message leaves and images work.
  await removeRule(rule);
  await expect(refusal).toHaveCount(0);
  await expectUsed(page, "Images", "0 of 10 images used");
  await makeImage(page, "a cat");
  await expect(image(page, "a cat")).toBeVisible();
});

test("a blocked feature does not hide which plan the user has", async ({ page }) => {
  const user = await newUser({ planId: "growth" });
  await addRule(user, { feature_type: "insights", effect: "deny" });
  await open(page, user);
  await openPlans(page);
  await expect(page.getByText("Your plan", { exact: true })).toBeVisible();
  await expect(page.getByRole("button", { name: "Choose Growth" })).toHaveCount(0);
});
