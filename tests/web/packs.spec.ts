// Packs: buying one, what is left of it, and what is used of it. Also use beyond everything, and caps.
import { expect, type Page, test } from "./support/test.ts";
import { expectNoViolations } from "./support/accessibility.ts";
import { expectUsed, image, makeImage, meter, open, openPlans, say } from "./support/page.ts";
import { addRule, count, counted, grant, grantsOf, newUser, removeRule } from "./support/stack.ts";

const pack = (page: Page, of: string) => page.getByRole("listitem", { name: `Pack of ${of}`, exact: true });
const buyImages = (page: Page) => page.getByRole("button", { name: "Buy 100 images" });

test("a pack is bought with a click, shown at once in every tab, and used after the plan's images", async ({ page, context }) => {
  const user = await newUser();
  await count(user, "image_generation", 3);
  await open(page, user);
  const other = await context.newPage();
  await other.goto("/");
  await expect(meter(other, "Images")).toContainText("0 left3 of 3 images used");
  await makeImage(page, "a cat");
  await page.getByRole("alert").getByRole("link", { name: "See the plans" }).click();
  await expect(pack(page, "100 images")).toContainText("0 images left of your packs");
  await buyImages(page).click();
  await expect(page.getByText("You have bought 100 images.")).toBeVisible();
  await expect(pack(page, "100 images")).toContainText("100 images left of your packs");
  await expectNoViolations(page);
  await expect(meter(other, "Images")).toContainText("100 left");
  await expectUsed(other, "Images", "Pack: 100 of 100 images left, never expires");
  await page.getByRole("link", { name: "Usage" }).click();
  await makeImage(page, "a cat");
  await expect(image(page, "a cat")).toBeVisible();
  await expect(meter(page, "Images")).toContainText("99 left3 of 3 images used, 1 more from packs");
  await expectUsed(page, "Images", "Pack: 99 of 100 images left, never expires");
  await expect(page.getByRole("meter", { name: "Images" })).toHaveAttribute("aria-valuemax", "103");
});

test("a double click buys one pack, a second click another", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await openPlans(page);
  await buyImages(page).dblclick();
  await expect(pack(page, "100 images")).toContainText("100 images left");
  expect(await grantsOf(user)).toHaveLength(1);
  await page.getByRole("button", { name: "Buy 60 min of voice" }).click();
  await buyImages(page).click();
  await expect(pack(page, "100 images")).toContainText("200 images left");
  await expect(pack(page, "60 min of voice")).toContainText("60 min left");
  expect(await grantsOf(user)).toHaveLength(3);
});

test("if the answer is lost, buying again grants the same pack once", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await openPlans(page);
  await page.route("**/functions/v1/buy-pack", async (route) => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  await buyImages(page).click();
  await expect(page.getByRole("alert")).toHaveText("The server does not answer. Try again in a moment.");
  await buyImages(page).click();
  await expect(page.getByText("You have bought 100 images.")).toBeVisible();
  await expect(page.getByRole("alert")).toHaveCount(0);
  expect(await grantsOf(user)).toHaveLength(1);
});

test("where packs are paid for, the page says what the server says", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await openPlans(page);
  const json = { error: "A pack is yours after its payment.", error_code: "PAYMENT_REQUIRED" };
  await page.route("**/functions/v1/buy-pack", (route) => route.fulfill({ status: 403, json }));
  await buyImages(page).click();
  await expect(page.getByRole("alert")).toHaveText("A pack is yours after its payment.");
  expect(await grantsOf(user)).toEqual([]);
});

test("a pack for somebody else is refused", async ({ page }) => {
  const [user, other] = [await newUser(), await newUser()];
  await open(page, user);
  await openPlans(page);
  await page.route("**/functions/v1/buy-pack", (route) => {
    const body = { ...route.request().postDataJSON(), user_id: other.id };
    return route.continue({ postData: JSON.stringify(body) });
  });
  await buyImages(page).click();
  await expect(page.getByRole("alert")).toHaveText("The user_id is not that of the signed-in user.");
  expect([await grantsOf(user), await grantsOf(other)]).toEqual([[], []]);
});

test("what a plan does not include is usable with a pack, until that is used up", async ({ page }) => {
  const user = await newUser();
  await addRule(user, { feature_type: "image_generation", effect: "set", amount: 0 });
  await open(page, user);
  await expect(meter(page, "Images")).toContainText("not includedNot part of your plan");
  await grant(user, "image_generation", 1, "2999-01-02T12:00:00Z");
  await expect(meter(page, "Images")).toContainText("1 left0 images used");
  await expectUsed(page, "Images", "Pack: 1 of 1 image left, until 2 Jan 2999");
  await makeImage(page, "a cat");
  await expect(image(page, "a cat")).toBeVisible();
  await expect(meter(page, "Images")).toContainText("0 left1 image used");
  await makeImage(page, "a dog");
  const refusal = page.getByRole("alert").filter({ hasText: "You have used all your images." });
  await expect(refusal).toContainText("Buy a pack, or choose a plan that includes them.");
  await expect(page.getByText("Not part of your plan: Images.")).toHaveCount(0);
  expect(await counted(user, "image_generation")).toBe(1);
  // With another pack, the message leaves.
  await grant(user, "image_generation", 1);
  await expect(refusal).toHaveCount(0);
});

test("packs go on without a subscription", async ({ page }) => {
  const user = await newUser({ planId: "growth", status: "canceled" });
  await grant(user, "image_generation", 2);
  await open(page, user);
  await expect(page.getByRole("region", { name: "Usage" })).toContainText("Your subscription is not active.");
  await expect(meter(page, "Images")).toContainText("2 left");
  await expect(meter(page, "Chat messages")).toContainText("blocked");
  await makeImage(page, "a cat");
  await expect(image(page, "a cat")).toBeVisible();
});

test("what is carried over is called so", async ({ page }) => {
  const user = await newUser();
  await grant(user, "insights", 4, undefined, `carry:${crypto.randomUUID()}`);
  await open(page, user);
  await expectUsed(page, "Insights", "Carried over: 4 of 4 insights left, never expires");
});

test("use beyond everything is shown as such", async ({ page }) => {
  const user = await newUser();
  await addRule(user, { feature_type: "image_generation", effect: "overage", amount: 1 });
  await count(user, "image_generation", 3);
  await open(page, user);
  await expect(meter(page, "Images")).not.toContainText("beyond your plan");
  await makeImage(page, "a cat");
  await expect(image(page, "a cat")).toBeVisible();
  await expect(meter(page, "Images")).toContainText("0 left3 of 3 images used");
  await expectUsed(page, "Images", "1 image beyond your plan, billed separately");
});

test("a feature that is paid in another one shows its price, and what the balance pays for", async ({ page }) => {
  const user = await newUser({ planId: "growth" });
  await addRule(user, { feature_type: "image_generation", effect: "cost", amount: 4, paid_in: "insights" });
  await open(page, user);
  await expect(meter(page, "Images")).toContainText("12 left0 of 10 images used");
  await expectUsed(
    page,
    "Images",
    "After those of your plan, an image costs 4 insights: your 10 insights pay for 2.",
  );
  await count(user, "image_generation", 12);
  await expect(meter(page, "Images")).toContainText("0 left10 of 10 images used, 2 more paid in insights");
  await makeImage(page, "a cat");
  const refusal = page.getByRole("alert").filter({
    hasText: "Not enough insights: an image costs 4, you have 2.",
  });
  await expect(refusal).toContainText(/You get new insights (in|on) .+\d\d:\d\d\./);
  await expect(refusal).not.toContainText("your limit");
});

test("each cap is shown with what is left and when it resets, and a rate with its wait", async ({ page }) => {
  const user = await newUser({ planId: "growth" });
  const cap = { feature_type: "chat", effect: "cap" };
  await addRule(user, { ...cap, per: "hour", amount: 10 });
  await addRule(user, { ...cap, per: "total", amount: 500 });
  await addRule(user, { ...cap, per: "period", amount: 90 });
  const rate = await addRule(user, { ...cap, per: "rate", amount: 3, every: "1 hour" });
  await count(user, "chat", 1);
  await open(page, user);
  await expect(meter(page, "Chat messages")).toContainText("9 left this hour1 of 100 messages used");
  const chat = meter(page, "Chat messages");
  await expect(chat).toContainText(/9 of 10 messages left this hour, resets in \d+ minutes?, at \d\d:00/);
  await expect(chat).toContainText(/89 of 90 messages left per day, resets (in .+, at|on .+) \d\d:00/);
  await expect(chat).toContainText("499 of 500 messages left in total");
  await expect(chat).not.toContainText("in total, resets");
  await expect(chat).toContainText(/At most 3 messages per 60 minutes: 2 now, all in \d+ minutes/);
  await say(page, "Hello");
  await expect(chat).toContainText(/8 of 10 messages left this hour/);
  await removeRule(rate);
  await expect(chat).not.toContainText("At most");
  await expectNoViolations(page);
});
