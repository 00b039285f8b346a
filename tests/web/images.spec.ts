// Images: three of a plan with three, and the refusal of the fourth.
import { expect, test } from "./support/test.ts";
import { expectUsed, image, makeImage, meter, open, say } from "./support/page.ts";
import { counted, newUser, setPlan } from "./support/stack.ts";

test("three images, and the fourth is refused in a sentence", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  for (const place of [1, 2, 3]) {
    await makeImage(page, `cat ${place}`);
    await expect(image(page, `cat ${place}`)).toBeVisible();
    await expectUsed(page, "Images", `${place} of 3 images used`);
    await expect(meter(page, "Images")).toContainText(`${3 - place} left`);
  }
  await makeImage(page, "cat 4");
  const refusal = page.getByRole("alert").filter({
    hasText: "You have reached your limit of 3 images per day.",
  });
  await expect(refusal).toContainText(
    /It resets in .+, at \d\d:00\. Another plan may include more\./,
  );
  await expect(refusal.getByRole("link", { name: "See the plans" })).toHaveAttribute("href", "/plans");
  await expect(image(page, "cat 4")).toHaveCount(0);
  expect(await counted(user, "image_generation")).toBe(3);
});

test("a double click makes one image", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await page.getByLabel("What should it show?").fill("a cat");
  await page.getByRole("button", { name: "Make the image" }).dblclick();
  await expect(image(page, "a cat")).toBeVisible();
  await page.getByRole("button", { name: "Make the image" }).evaluate((button: HTMLElement) => {
    button.click();
    button.click();
  });
  await expectUsed(page, "Images", "2 of 3 images used");
  expect(await counted(user, "image_generation")).toBe(2);
});

test("an image whose answer is lost is asked for again with the same id: counted once", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await page.route("**/functions/v1/image-generate", async (route) => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  await makeImage(page, "a cat");
  await expect(page.getByRole("alert").filter({ hasText: "The server does not answer." })).toBeVisible();
  await page.getByRole("button", { name: "Make the image" }).click();
  await expect(image(page, "a cat")).toBeVisible();
  expect(await counted(user, "image_generation")).toBe(1);
});

test("a prompt that is empty or 10 kB is refused before anything is asked", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await makeImage(page, "   ");
  await expect(page.getByText("Describe the image first.")).toBeVisible();
  await makeImage(page, "x".repeat(10_240));
  await expect(page.getByText("This is too long: 10,240 characters, and at most 4,000 are possible."))
    .toBeVisible();
  expect(await counted(user, "image_generation")).toBe(0);
});

test("markup in a prompt is text", async ({ page }) => {
  const user = await newUser();
  const markup = `<img src=x onerror="document.title='broken'"><b>cat</b>`;
  await open(page, user);
  await makeImage(page, markup);
  await expect(image(page, markup)).toBeVisible();
  await say(page, markup);
  await expect(page.getByRole("log")).toContainText(`You said: ${markup}`);
  await expect(page).toHaveTitle("Your usage");
});

test("a request for another user is refused, and counts for nobody", async ({ page }) => {
  const [user, other] = [await newUser(), await newUser()];
  await open(page, user);
  await page.route(
    "**/functions/v1/image-generate",
    (route) =>
      route.continue({ postData: JSON.stringify({ ...route.request().postDataJSON(), user_id: other.id }) }),
  );
  await makeImage(page, "a cat");
  await expect(page.getByRole("alert").filter({ hasText: "The user_id is not that of the signed-in user." }))
    .toBeVisible();
  expect(await counted(user, "image_generation")).toBe(0);
  expect(await counted(other, "image_generation")).toBe(0);
});

test("a plan without a limit is unlimited", async ({ page }) => {
  const user = await newUser();
  await setPlan(user, "premium");
  await open(page, user);
  await expect(meter(page, "Chat messages")).toContainText("unlimited");
  await say(page, "Hello");
  await expectUsed(page, "Chat messages", "1 message used");
});
