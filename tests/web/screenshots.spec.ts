// Takes the pictures of docs/screenshots, which people compare by eye, of the demo users of dev/supabase. Only
// "tests/web/run screenshots" does.
import { type Page, test } from "./support/test.ts";
import { expectUsed, image, makeImage, open, openPlans, say } from "./support/page.ts";
import { count } from "./support/stack.ts";

const FOLDER = `${import.meta.dirname}/../../docs/screenshots`;
const PASSWORD = "demo-password";

const alice = { id: "a11ce000-0000-4000-8000-000000000001", email: "alice@example.com" };
const grace = { id: "97ace000-0000-4000-8000-000000000002", email: "grace@example.com" };
const cleo = { id: "c1e00000-0000-4000-8000-000000000007", email: "cleo@example.com" };
const olga = { id: "019a0000-0000-4000-8000-000000000006", email: "olga@example.com" };

const windows = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

/** Takes a page in light and dark, at the width of a desktop and of a phone. */
async function take(page: Page, name: string): Promise<void> {
  for (const [device, size] of Object.entries(windows)) {
    await page.setViewportSize(size);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      // The charts follow the width of the window.
      await page.waitForTimeout(500);
      const path = `${FOLDER}/${name}-${device}-${colorScheme}.png`;
      await page.screenshot({ path, fullPage: true, animations: "disabled" });
    }
  }
  await page.setViewportSize(windows.desktop);
}

test.use({ viewport: windows.desktop });

test("sign-in", async ({ page }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  await take(page, "sign-in");
});

test("usage, and a limit that is reached", async ({ page }) => {
  await count(alice, "therai_calls", 1);
  await open(page, alice, PASSWORD);
  await say(page, "Please draw a lighthouse at night");
  await page.getByRole("button", { name: "Make this image" }).click();
  await image(page, "a lighthouse at night").waitFor();
  await expectUsed(page, "Images", "1 of 3");
  await take(page, "usage");
  await count(alice, "image_generation", 2);
  await expectUsed(page, "Images", "3 of 3");
  await makeImage(page, "a lighthouse by day");
  await page.getByRole("alert").waitFor();
  await take(page, "refusal");
});

test("credits, and packs", async ({ page }) => {
  await count(cleo, "chat", 7);
  await count(cleo, "image_generation", 20);
  await open(page, cleo, PASSWORD);
  await expectUsed(page, "Credits", "Pack: 43 of 50 credits left");
  await take(page, "credits");
  await openPlans(page);
  await page.getByRole("button", { name: "Buy 100 images" }).click();
  await page.getByText("100 images left of your packs").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await take(page, "packs");
});

test("plans", async ({ page }) => {
  await open(page, grace, PASSWORD);
  await openPlans(page);
  await page.getByText("Your plan", { exact: true }).waitFor();
  await take(page, "plans");
});

test("operator", async ({ page }) => {
  await count(grace, "image_generation", 9);
  await open(page, olga, PASSWORD);
  await page.getByRole("link", { name: "Operator" }).click();
  await page.getByRole("heading", { name: "Per day" }).waitFor();
  await take(page, "operator");
  await page.getByLabel("Find a user").fill(cleo.email);
  await page.keyboard.press("Enter");
  await page.getByRole("tab", { name: "Override a limit" }).click();
  const form = page.getByRole("form", { name: "Override a limit" });
  await form.getByLabel("Amount").fill("10");
  await form.getByLabel("Reason").fill("goodwill");
  await form.getByRole("button", { name: "Override" }).click();
  await page.getByRole("button", { name: /^End: / }).waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await take(page, "operator-user");
});
