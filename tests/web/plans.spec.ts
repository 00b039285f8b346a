// Plans: the table, an upgrade that frees a limit, and what is no subscription.
import { expect, test } from "./support/test.ts";
import { expectUsed, image, makeImage, meter, open, openPlans } from "./support/page.ts";
import { count, newUser } from "./support/stack.ts";

test("the plans are those of the database", async ({ page }) => {
  await open(page, await newUser());
  await openPlans(page);
  await expect(page.getByRole("columnheader")).toHaveText(["Feature", "Free", "Growth", "Premium"]);
  const images = page.getByRole("row", { name: "Images" });
  await expect(images.getByRole("cell")).toHaveText(["3 per day", "10 per day", "50 per day"]);
  const voice = page.getByRole("row", { name: "Voice" });
  await expect(voice.getByRole("cell")).toHaveText(["2 min per month", "60 min per month", "unlimited"]);
  await expect(page.getByRole("row", { name: "Insights" }).getByRole("cell").first()).toHaveText(
    "not included",
  );
});

test("an upgrade frees the limit, in every tab and without a reload", async ({ page, context }) => {
  const user = await newUser();
  await count(user, "image_generation", 3);
  await open(page, user);
  const other = await context.newPage();
  await other.goto("/");
  await makeImage(page, "a cat");
  await page.getByRole("alert").getByRole("link", { name: "See the plans" }).click();
  await page.getByRole("button", { name: "Choose Growth" }).click();
  await expect(page.getByText("Your plan is now Growth.")).toBeVisible();
  await expectUsed(other, "Images", "3 of 10 images used");
  await page.getByRole("link", { name: "Usage" }).click();
  await expect(page.getByRole("heading", { name: "Your plan: Growth" })).toBeVisible();
  await makeImage(page, "a cat");
  await expect(image(page, "a cat")).toBeVisible();
  await expectUsed(page, "Images", "4 of 10 images used");
});

test("an upgrade for another user, or without a session, is refused", async ({ page }) => {
  const [user, other] = [await newUser(), await newUser()];
  await open(page, user);
  await openPlans(page);
  await page.route(
    "**/functions/v1/change-plan",
    (route) => route.continue({ postData: JSON.stringify({ user_id: other.id, plan_id: "premium" }) }),
    { times: 1 },
  );
  await page.getByRole("button", { name: "Choose Premium" }).click();
  await expect(page.getByRole("alert")).toHaveText("The user_id is not that of the signed-in user.");
  await page.getByRole("button", { name: "Sign out" }).click();
  await open(page, other);
  await expect(page.getByRole("heading", { name: "Your plan: Free" })).toBeVisible();
});

test("where plans are paid for, the page says what the server says", async ({ page }) => {
  await open(page, await newUser());
  await openPlans(page);
  const json = { error: "Your plan changes after a payment.", error_code: "PAYMENT_REQUIRED" };
  await page.route("**/functions/v1/change-plan", (route) => route.fulfill({ status: 403, json }));
  await page.getByRole("button", { name: "Choose Premium" }).click();
  await expect(page.getByRole("alert")).toHaveText("Your plan changes after a payment.");
});

test("a canceled subscription can be renewed", async ({ page }) => {
  await open(page, await newUser({ planId: "growth", status: "canceled" }));
  await openPlans(page);
  await page.getByRole("button", { name: "Choose Growth" }).click();
  await page.getByRole("link", { name: "Usage" }).click();
  await expectUsed(page, "Images", "0 of 10 images used");
});

const denied = [
  ["a canceled subscription", { planId: "growth", status: "canceled" }, "Your subscription is not active."],
  [
    "a trial that is over",
    { planId: "free", trialEnd: "2025-01-31T12:00:00Z" },
    "Your trial ended on 31 Jan 2025.",
  ],
  ["a plan that is not for sale", { planId: "gone" }, "Your plan is no longer offered."],
] as const;

for (const [name, plan, sentence] of denied) {
  test(`${name}: the page says so, and makes nothing`, async ({ page }) => {
    const user = await newUser(plan);
    await open(page, user);
    const usage = page.getByRole("region", { name: "Usage" });
    await expect(usage).toContainText(sentence);
    await expect(meter(page, "Images")).toContainText("blocked");
    await makeImage(page, "a cat");
    await expect(page.getByRole("alert").filter({ hasText: sentence })).toBeVisible();
    await expect(image(page, "a cat")).toHaveCount(0);
  });
}
