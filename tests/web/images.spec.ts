// Images: three of a plan with three, and the refusal of the fourth.
import { expect, test } from "./support/test.ts";
import { expectUsed, image, makeImage, meter, open, say } from "./support/page.ts";
import { count, counted, newUser, release, reserve, setPlan } from "./support/stack.ts";

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

test("a double click makes one image, with one request", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  let requests = 0;
  page.on("request", (request) => {
    if (request.url().endsWith("/image-generate") && request.method() === "POST") requests += 1;
  });
  await page.getByLabel("What should it show?").fill("a cat");
  await page.getByRole("button", { name: "Make the image" }).evaluate((button: HTMLElement) => {
    button.click();
    button.click();
  });
  await expect(image(page, "a cat")).toBeVisible();
  await expectUsed(page, "Images", "1 of 3 images used");
  expect(requests).toBe(1);
  expect(await counted(user, "image_generation")).toBe(1);
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

for (const status of [500, 502, 503, 504, 546]) {
  test(`an image whose answer became a ${status} on the way is counted once`, async ({ page }) => {
    const user = await newUser();
    await open(page, user);
    await page.route("**/functions/v1/image-generate", async (route) => {
      await route.fetch();
      await route.fulfill({ status, contentType: "text/html", body: "<h1>Bad gateway</h1>" });
    }, { times: 1 });
    await makeImage(page, "a cat");
    await expect(page.getByRole("alert").filter({ hasText: "The server does not answer." })).toBeVisible();
    await page.getByRole("button", { name: "Make the image" }).click();
    await expect(image(page, "a cat")).toBeVisible();
    expect(await counted(user, "image_generation")).toBe(1);
  });
}

test("an image is asked for with the same id while it is made, and with another when it has failed", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  let reservation = "";
  await page.route("**/functions/v1/image-generate", async (route) => {
    // The work began, and its answer is lost.
    reservation = await reserve(user, "image_generation", route.request().postDataJSON().image_id);
    await route.abort();
  }, { times: 1 });
  await makeImage(page, "a cat");
  await expect(page.getByRole("alert").filter({ hasText: "The server does not answer." })).toBeVisible();
  for (const _attempt of [1, 2]) {
    await page.getByRole("button", { name: "Make the image" }).click();
    await expect(page.getByRole("alert").filter({ hasText: "This image is not ready yet." })).toBeVisible();
  }
  await release(reservation);
  await page.getByRole("button", { name: "Make the image" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "This image could not be made." })).toBeVisible();
  await page.getByRole("button", { name: "Make the image" }).click();
  await expect(image(page, "a cat")).toBeVisible();
  expect(await counted(user, "image_generation")).toBe(1);
});

test("an image stays while its user looks at another page", async ({ page }) => {
  await open(page, await newUser());
  await makeImage(page, "a cat");
  await page.getByRole("link", { name: "Plans", exact: true }).click();
  await page.getByRole("link", { name: "Usage", exact: true }).click();
  await expect(image(page, "a cat")).toBeVisible();
});

test("a refusal goes when its limit does", async ({ page }) => {
  const user = await newUser();
  await count(user, "image_generation", 3);
  await open(page, user);
  await makeImage(page, "a cat");
  const refusal = page.getByRole("alert").filter({ hasText: "You have reached your limit" });
  await expect(refusal).toBeVisible();
  await setPlan(user, "growth");
  await expect(refusal).toHaveCount(0);
});

test("the meters say what is not included, and what is used beyond the limit", async ({ page }) => {
  const user = await newUser();
  await count(user, "chat", 5);
  await count(user, "voice_seconds", 82);
  await open(page, user);
  await expect(meter(page, "Insights")).toContainText("not includedNot part of your plan");
  await expect(meter(page, "Chat messages")).toContainText("0 left5 of 3 messages used");
  await expect(meter(page, "Voice")).toContainText("38 s left1 min 22 s of 2 min used");
  await page.getByText("Usage of the last 30 days as a table").click();
  await expect(page.getByRole("row").last().getByRole("cell")).toHaveText(["5", "0", "0"]);
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
