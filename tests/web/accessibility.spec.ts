// Every page for everyone: axe finds nothing, the keyboard is enough, narrow screens fit, nothing jumps.
import { expectForEveryone } from "./support/accessibility.ts";
import { expect, test } from "./support/test.ts";
import { expectUsed, image, makeImage, open, openPlans, say } from "./support/page.ts";
import { addRule, count, grant, newUser } from "./support/stack.ts";

test("signing in", async ({ page }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  await expectForEveryone(page);
});

test("usage with every kind of meter, an image, a chat and a refusal", async ({ page }) => {
  const user = await newUser();
  await count(user, "chat", 1);
  // Packs, a price, caps and overage have lines of their own.
  await grant(user, "insights", 5, "2999-01-02T12:00:00Z");
  await addRule(user, { feature_type: "therai_calls", effect: "cost", amount: 2, paid_in: "insights" });
  await addRule(user, { feature_type: "chat", effect: "cap", amount: 20, per: "hour" });
  await addRule(user, { feature_type: "chat", effect: "cap", amount: 5, per: "rate", every: "1 minute" });
  await addRule(user, { feature_type: "voice_seconds", effect: "overage", amount: 60 });
  await count(user, "voice_seconds", 130);
  await open(page, user);
  await expectUsed(page, "Voice", "10 s beyond your plan");
  await makeImage(page, "a cat");
  await expect(image(page, "a cat")).toBeVisible();
  await count(user, "image_generation", 2);
  await expectUsed(page, "Images", "3 of 3");
  await makeImage(page, "another cat");
  await page.getByText("You have reached your limit of 3 images per day.").waitFor();
  await say(page, "draw a dog");
  await expect(page.getByRole("log")).toContainText("draw a dog");
  await page.getByText("Usage of the last 30 days as a table").click();
  await expectForEveryone(page);
});

test("no subscription", async ({ page }) => {
  await open(page, await newUser({ planId: "growth", status: "canceled" }));
  await expectForEveryone(page);
});

test("an address without a page", async ({ page }) => {
  await open(page, await newUser());
  await page.goto("/nowhere");
  await page.getByRole("link", { name: "Go to your usage" }).waitFor();
  await expectForEveryone(page);
});

test("plans", async ({ page }) => {
  await open(page, await newUser());
  await openPlans(page);
  await page.getByRole("button", { name: "Buy 100 images" }).click();
  await page.getByText("100 images left of your packs").waitFor();
  await expectForEveryone(page);
});

test("operator", async ({ page }) => {
  const user = await newUser();
  await count(user, "chat", 5);
  await addRule(user, { feature_type: "chat", effect: "add", amount: 5, reason: "goodwill" });
  await grant(user, "insights", 5);
  await open(page, await newUser({ role: "operator" }));
  await page.getByRole("link", { name: "Operator" }).click();
  await page.getByText("Usage per day as a table").click();
  await page.getByLabel("Find a user").fill(user.email);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: user.email }).waitFor();
  await page.getByRole("button", { name: "End: Chat messages, 5 messages more" }).waitFor();
  await page.getByRole("button", { name: /^Void: 5 insights/ }).waitFor();
  await expectForEveryone(page);
});

test("the keyboard is enough to sign in and to make an image", async ({ page }) => {
  const user = await newUser();
  await page.goto("/");
  await page.getByLabel("Email address").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type(user.email);
  await page.keyboard.press("Tab");
  await page.keyboard.type("correct horse");
  await page.keyboard.press("Enter");
  await expectUsed(page, "Images", "0 of 3 images used");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await expect(page.getByLabel("What should it show?")).toBeFocused();
  await page.keyboard.type("a cat");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(image(page, "a cat")).toBeVisible();
  // The focus is visible.
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);
  expect(outline).not.toBe("none");
});

test("nothing moves while the page loads", async ({ page }) => {
  await open(page, await newUser());
  await page.addInitScript(() => {
    const shifts: number[] = ((window as unknown as { shifts: number[] }).shifts = []);
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) shifts.push((entry as unknown as { value: number }).value);
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.route("**/rest/v1/**", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    await route.continue();
  });
  for (const path of ["/", "/plans"]) {
    await page.goto(path);
    await page.waitForLoadState("networkidle", { timeout: 3000 }).catch(() => {});
    await page.waitForTimeout(1500);
    const shifts = await page.evaluate(() => (window as unknown as { shifts: number[] }).shifts);
    expect(shifts.reduce((sum, shift) => sum + shift, 0)).toBeLessThan(0.01);
  }
});
