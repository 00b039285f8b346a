// Changes that come from elsewhere: another tab, another device, the time, the network.
import { expect, test } from "./support/test.ts";
import { expectUsed, makeImage, meter, open } from "./support/page.ts";
import { addRule, count, grant, newUser, reserve, setPlan } from "./support/stack.ts";
import { realtime } from "./support/realtime.ts";

test("two tabs show the same", async ({ page, context }) => {
  const user = await newUser();
  await open(page, user);
  const other = await context.newPage();
  await other.goto("/");
  await expectUsed(other, "Images", "0 of 3 images used");
  await makeImage(page, "a cat");
  await expectUsed(other, "Images", "1 of 3 images used");
});

test("use on another device shows, also while it is in progress", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await count(user, "chat", 2);
  await expectUsed(page, "Chat messages", "2 of 3 messages used");
  await reserve(user, "image_generation");
  await expectUsed(page, "Images", "1 of 3 images used, including 1 in progress");
  await expect(page.getByRole("meter", { name: "Images" })).toHaveAttribute("aria-valuenow", "1");
});

test("with Realtime, a change is read at once, and nothing is polled", async ({ page }) => {
  const user = await newUser();
  const server = await realtime(page);
  let reads = 0;
  page.on("request", (request) => {
    if (request.url().endsWith("/rpc/my_limits") && request.method() === "POST") reads += 1;
  });
  await open(page, user);
  await server.joined;
  const before = reads;
  await page.waitForTimeout(5000);
  expect(reads - before).toBeLessThanOrEqual(1);
  await count(user, "chat", 1);
  await server.announce("feature_usage");
  await expectUsed(page, "Chat messages", "1 of 3 messages used");
  await reserve(user, "image_generation");
  await server.announce("feature_reservations");
  await expectUsed(page, "Images", "1 of 3 images used, including 1 in progress");
  await setPlan(user, "growth");
  await server.announce("user_plans");
  await expectUsed(page, "Images", "1 of 10 images used");
  await grant(user, "image_generation", 5);
  await server.announce("usage_grants");
  await expectUsed(page, "Images", "Pack: 5 of 5 images left");
  await addRule(user, { feature_type: "chat", effect: "deny" });
  await server.announce("usage_rules");
  await expectUsed(page, "Chat messages", "Blocked for your account");
  const { changes } = await server.joined;
  expect(new Set(changes.map(({ filter }) => filter))).toEqual(new Set([`user_id=eq.${user.id}`]));
});

test("offline: the page says so, keeps its numbers, and loses nothing", async ({ page, context }) => {
  const user = await newUser();
  await open(page, user);
  await context.setOffline(true);
  await expect(page.getByText("You are offline.", { exact: true })).toBeVisible();
  await expectUsed(page, "Images", "0 of 3 images used");
  await context.setOffline(false);
  await expect(page.getByText("You are offline.", { exact: true })).toHaveCount(0);
  await makeImage(page, "a cat");
  await expectUsed(page, "Images", "1 of 3 images used");
});

for (const [locale, timezoneId] of [["de-DE", "Europe/Berlin"], ["en-US", "America/Los_Angeles"]] as const) {
  test.describe(`in ${timezoneId}`, () => {
    test.use({ locale, timezoneId });
    test("a limit resets at the end of the UTC day, in the time of the device", async ({ page }) => {
      await open(page, await newUser());
      const midnight = new Date();
      midnight.setUTCHours(24, 0, 0, 0);
      const time = midnight.toLocaleTimeString(locale, { timeStyle: "short", timeZone: timezoneId });
      await expect(meter(page, "Images")).toContainText(`at ${time}`);
    });
  });
}
