// Signing in and out, and sessions that end.
import { expect, test } from "./support/test.ts";
import { expectNoViolations } from "./support/accessibility.ts";
import { expectUsed, image, makeImage, meter, open, signIn } from "./support/page.ts";
import { counted, newUser } from "./support/stack.ts";
import { expireToken, revokeSessions, sleepTooLong, tamperWithTokens } from "./support/session.ts";

test("a user signs in, sees their own usage, and signs out", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await expect(page.getByText(user.email)).toBeVisible();
  await page.reload();
  await expectUsed(page, "Images", "0 of 3 images used");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await expect(page.getByText(user.email)).toHaveCount(0);
});

test("a wrong password and an unknown address get the same sentence", async ({ page }) => {
  const user = await newUser();
  for (
    const [who, password] of [[user, "wrong password"], [
      { id: "", email: "nobody@example.com" },
      "x",
    ]] as const
  ) {
    await signIn(page, who, password);
    await expect(page.getByRole("alert")).toHaveText("The email address or the password is wrong.");
    await expectNoViolations(page);
  }
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
});

test("somebody new signs up, and has the free plan", async ({ page }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "I have no account yet" }).click();
  await page.getByLabel("Email address").fill(`${crypto.randomUUID()}@example.com`);
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByRole("button", { name: "Create the account" }).click();
  await expect(page.getByRole("alert")).toHaveText("Choose a password of at least 6 characters.");
  await page.getByLabel("Password", { exact: true }).fill("longer than that");
  await page.getByRole("button", { name: "Create the account" }).click();
  await expect(page.getByRole("heading", { name: "Your plan: Free" })).toBeVisible();
});

test("after another user has signed in, nothing of the first is shown", async ({ page }) => {
  const [first, second] = [await newUser({ planId: "growth" }), await newUser()];
  await open(page, first);
  await makeImage(page, "a secret of the first");
  await expect(image(page, "a secret of the first")).toBeVisible();
  await page.getByRole("button", { name: "Sign out" }).click();
  await open(page, second);
  await expect(page.getByRole("heading", { name: "Your plan: Free" })).toBeVisible();
  await expectUsed(page, "Images", "0 of 3 images used");
  await expect(image(page, "a secret of the first")).toHaveCount(0);
});

test("a token that expires before a generation is renewed: one image", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await expireToken(page, user);
  await makeImage(page, "a cat");
  await expect(image(page, "a cat")).toBeVisible();
  expect(await counted(user, "image_generation")).toBe(1);
});

test("a session that ends in the middle of a generation: the page asks to sign in again", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await page.route("**/functions/v1/image-generate", async (route) => {
    const response = await route.fetch();
    await revokeSessions(page);
    await expireToken(page, user);
    await route.fulfill({ response, body: await response.body() });
  });
  await makeImage(page, "a cat");
  await expect(page.getByRole("alert")).toHaveText("You are signed out. Sign in to go on.");
  await page.unroute("**/functions/v1/image-generate");
  await open(page, user);
  await expectUsed(page, "Images", "1 of 3 images used");
});

test("a session that ended before a generation: nothing is counted", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await revokeSessions(page);
  await expireToken(page, user);
  await makeImage(page, "a cat");
  await expect(page.getByRole("alert")).toHaveText("You are signed out. Sign in to go on.");
  expect(await counted(user, "image_generation")).toBe(0);
});

test("a session that cannot be renewed while Auth does not answer goes on afterwards", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await page.route("**/auth/v1/token**", (route) => route.fulfill({ status: 503, body: "" }));
  await sleepTooLong(page, user);
  await page.reload();
  await expect(page.getByRole("alert")).toHaveText("The server does not answer. Trying again…");
  // Supabase's client gives up after half a minute; the page does not.
  await page.waitForTimeout(35_000);
  await expect(page.getByRole("alert")).toHaveText("The server does not answer. Trying again…");
  await page.unroute("**/auth/v1/token**");
  await expect(meter(page, "Images")).toContainText("0 of 3 images used", { timeout: 90_000 });
});

test("tampered tokens end the session, and show and count nothing", async ({ page }) => {
  const [user, other] = [await newUser(), await newUser({ planId: "growth" })];
  await open(page, user);
  await tamperWithTokens(page, other);
  await page.reload();
  await expect(page.getByRole("alert")).toHaveText("You are signed out. Sign in to go on.");
  await expect(page.getByRole("heading", { name: "Your plan: Growth" })).toHaveCount(0);
  expect(await counted(other, "image_generation")).toBe(0);
});
