// The server goes away and comes back: the page says so, keeps what it knows, and goes on.
import { expect, test } from "./support/test.ts";
import { expectNoViolations } from "./support/accessibility.ts";
import { expectUsed, image, makeImage, open } from "./support/page.ts";
import { database, newUser } from "./support/stack.ts";

test("the server goes away and comes back", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await expectUsed(page, "Images", "0 of 3 images used");
  database("stop");
  try {
    await expect(page.getByText("The server does not answer. Trying again…")).toBeVisible();
    // What was known stays on the page, with its time.
    await expectUsed(page, "Images", "0 of 3 images used");
    await expect(page.getByText(/Last updated at \d\d:\d\d\./)).toBeVisible();
    await makeImage(page, "a cat");
    await expect(page.getByRole("alert").filter({ hasText: "Usage can't be counted at the moment." }))
      .toBeVisible();
    await expectNoViolations(page);
  } finally {
    database("start");
  }
  await expect(page.getByText("The server does not answer. Trying again…")).toHaveCount(0);
  await page.getByRole("button", { name: "Make the image" }).click();
  await expect(image(page, "a cat")).toBeVisible();
  await expectUsed(page, "Images", "1 of 3 images used");
});

test("a page that is opened while the server is away says so, and fills when it is back", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  database("stop");
  try {
    await page.reload();
    await expect(page.getByText("Your usage could not be loaded")).toBeVisible();
    await expect(page.getByText("Your history could not be loaded")).toBeVisible();
    await expectNoViolations(page);
  } finally {
    database("start");
  }
  await expectUsed(page, "Images", "0 of 3 images used");
  await expect(page.getByText("Your usage could not be loaded")).toHaveCount(0);
});
