// The messages that tell a user of an alert: once, and only of their own.
import { expect, type Page, test } from "./support/test.ts";
import { expectNoViolations } from "./support/accessibility.ts";
import { expectUsed, image, makeImage, open, openPlans, say } from "./support/page.ts";
import { addRule, count, newUser, type User } from "./support/stack.ts";

const WARNING = "You have used 80% of your images today.";

const message = (page: Page, text: string) => page.getByRole("status").filter({ hasText: text });

/** A user who is warned at 80 % of their 10 images, and has used 7. */
async function nearlyWarned(): Promise<User> {
  const user = await newUser({ planId: "growth" });
  await addRule(user, { feature_type: "image_generation", effect: "warn", amount: 80 });
  await count(user, "image_generation", 7);
  return user;
}

/** Waits for the page to have read the alerts, and whatever it makes of them. */
async function afterAlerts(page: Page, action: () => Promise<unknown>): Promise<void> {
  const read = page.waitForResponse((response) => response.url().includes("/rest/v1/usage_alerts"));
  await action();
  await read;
  await page.waitForTimeout(500);
}

test("crossing 80 % shows a message, which says so to a screen reader", async ({ page }) => {
  await open(page, await nearlyWarned());
  await expectUsed(page, "Images", "7 of 10 images used");
  await makeImage(page, "a cat");
  await expect(message(page, WARNING)).toBeVisible();
  await expect(page.getByRole("alert").filter({ hasText: WARNING })).toHaveCount(0);
  await expectNoViolations(page);
});

test("a message is shown once: not after another action, a reload, or in another tab", async ({ page, context }) => {
  await open(page, await nearlyWarned());
  await makeImage(page, "cat 1");
  await expect(message(page, WARNING)).toBeVisible();
  await message(page, WARNING).getByRole("button", { name: "Close" }).click();
  await expect(message(page, WARNING)).toHaveCount(0);
  await afterAlerts(page, () => makeImage(page, "cat 2"));
  await expect(image(page, "cat 2")).toBeVisible();
  await expect(message(page, WARNING)).toHaveCount(0);
  await afterAlerts(page, () => page.reload());
  await expectUsed(page, "Images", "9 of 10 images used");
  await expect(message(page, WARNING)).toHaveCount(0);
  const other = await context.newPage();
  await afterAlerts(other, () => other.goto("/"));
  await expectUsed(other, "Images", "9 of 10 images used");
  await expect(message(other, WARNING)).toHaveCount(0);
});

test("an alert from another device is shown when the page loads", async ({ page }) => {
  const user = await nearlyWarned();
  await count(user, "image_generation", 1);
  await open(page, user);
  await expect(message(page, WARNING)).toBeVisible();
});

test("each new alert is shown, and of what is running low as well", async ({ page }) => {
  const user = await nearlyWarned();
  await addRule(user, { feature_type: "chat", effect: "low", amount: 99 });
  await open(page, user);
  await say(page, "Hello");
  await expect(page.getByText("You said: Hello")).toBeVisible();
  await say(page, "Hello again");
  await expect(message(page, "You are running low on chat messages.")).toBeVisible();
  await makeImage(page, "a cat");
  await expect(message(page, WARNING)).toBeVisible();
});

test("a period that is over is no news for a new browser", async ({ page }) => {
  const user = await newUser({ planId: "growth" });
  await addRule(user, { feature_type: "image_generation", effect: "warn", amount: 80 });
  await count(user, "image_generation", 9, "2025-02-10");
  await afterAlerts(page, () => open(page, user));
  await expectUsed(page, "Images", "0 of 10 images used");
  await expect(page.getByText(WARNING)).toHaveCount(0);
});

test("nobody sees the alerts of somebody else, also in the same browser", async ({ page }) => {
  const [user, other] = [await nearlyWarned(), await newUser({ planId: "growth" })];
  await count(user, "image_generation", 1);
  await addRule(other, { feature_type: "chat", effect: "warn", amount: 1 });
  await count(other, "chat", 1);
  const theirs = "You have used 1% of your chat messages today.";
  await open(page, other);
  await expect(message(page, theirs)).toBeVisible();
  await expect(page.getByText(WARNING)).toHaveCount(0);
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByLabel("Email address")).toBeVisible();
  await expect(page.getByText(theirs)).toHaveCount(0, { timeout: 2000 });
  await open(page, user);
  await expect(message(page, WARNING)).toBeVisible();
});

test("a message is read on every page", async ({ page }) => {
  const user = await nearlyWarned();
  await open(page, user);
  await openPlans(page);
  await count(user, "image_generation", 1);
  await page.reload();
  await expect(message(page, WARNING)).toBeVisible();
});
