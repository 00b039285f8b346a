// The operators' page: what it shows, and to whom.
import { expectNoViolations } from "./support/accessibility.ts";
import { expect, test } from "./support/test.ts";
import { open } from "./support/page.ts";
import { tokens } from "./support/session.ts";
import { anonKey, count, newUser, url } from "./support/stack.ts";

test("an operator sees who is near a limit, who uses most, and one user", async ({ page }) => {
  const user = await newUser();
  await count(user, "image_generation", 3);
  // More than anybody before.
  const messages = Math.floor(Date.now() / 1000);
  await count(user, "chat", messages);
  await open(page, await newUser({ role: "operator" }));
  await page.getByRole("link", { name: "Operator" }).click();

  const near = page.getByRole("region", { name: "Near or over a limit", exact: true });
  await expect(near.getByRole("row", { name: user.email }).filter({ hasText: "Chat messages" }))
    .toContainText(`${messages.toLocaleString("en-GB")} of 3 messages`);

  const top = page.getByRole("region", { name: "Top users", exact: true });
  await top.getByLabel("Feature").selectOption({ label: "Chat messages" });
  await expect(top.getByRole("row").nth(1)).toContainText(user.email);

  await page.getByLabel("Find a user").fill(user.email.toUpperCase());
  await page.getByRole("button", { name: "Find" }).click();
  await expect(page.getByRole("heading", { name: user.email })).toBeVisible();
  await expect(page.getByRole("row", { name: "Images 3 images 3 images" })).toBeVisible();
  const today = new Date().toISOString().slice(0, 10);
  await expect(page.getByRole("region", { name: "Usage by period, table" }).getByRole("row", { name: today }))
    .toContainText(messages.toLocaleString("en-GB"));

  await page.getByLabel("Find a user").fill("nobody@example.com");
  await page.getByRole("button", { name: "Find" }).click();
  await expect(page.getByText("There is no user nobody@example.com.")).toBeVisible();
});

test("use by day adds up over all users", async ({ page }) => {
  await open(page, await newUser({ role: "operator" }));
  await page.getByRole("link", { name: "Operator" }).click();
  const use = page.getByRole("region", { name: "Usage of all users", exact: true });
  await use.getByText("Usage per day as a table").click();
  const cell = use.getByRole("table").first().getByRole("row").last().getByRole("cell").first();
  const before = Number((await cell.textContent())!.replaceAll(",", ""));
  await count(await newUser(), "chat", 2);
  await page.reload();
  await use.getByText("Usage per day as a table").click();
  await expect(cell).toHaveText((before + 2).toLocaleString("en-GB"));
});

test("a user is refused, by the page and by the server", async ({ page }) => {
  const user = await newUser({ claimedRole: "operator" });
  let asked = false;
  page.on("request", (request) => (asked ||= request.url().endsWith("/functions/v1/operator")));
  await open(page, user);
  await expect(page.getByRole("link", { name: "Operator" })).toHaveCount(0);
  await page.goto("/operator");
  await expect(page.getByText("This page is for operators")).toBeVisible();
  await expectNoViolations(page);
  expect(asked).toBe(false);
  const { access_token: token } = await tokens(page);
  for (const authorization of [`Bearer ${token}`, `Bearer ${anonKey}`]) {
    const { status } = await fetch(`${url}/functions/v1/operator`, {
      method: "POST",
      headers: { apikey: anonKey, Authorization: authorization, "Content-Type": "application/json" },
      body: JSON.stringify({ report: "near_limit" }),
    });
    expect([401, 403]).toContain(status);
  }
});
