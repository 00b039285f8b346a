// The chat: messages are counted, and an offered image can be made.
import { expect, test } from "./support/test.ts";
import { expectUsed, image, open, say } from "./support/page.ts";
import { counted, newUser } from "./support/stack.ts";

test("three messages, and the fourth is refused in a sentence", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  for (const place of [1, 2, 3]) {
    await say(page, `Hello ${place}`);
    await expect(page.getByRole("log")).toContainText(`You said: Hello ${place}`);
    await expectUsed(page, "Chat messages", `${place} of 3 messages used`);
  }
  await say(page, "Hello 4");
  await expect(
    page.getByRole("alert").filter({ hasText: "You have reached your limit of 3 messages per day." }),
  )
    .toBeVisible();
  // What was written is not lost.
  await expect(page.getByLabel("Your message")).toHaveValue("Hello 4");
  expect(await counted(user, "chat")).toBe(3);
});

test("an image that the model offers is made with one button", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await say(page, "Please draw a cat on a roof");
  await page.getByRole("button", { name: "Make this image" }).click();
  await expect(image(page, "a cat on a roof")).toBeVisible();
  await expectUsed(page, "Images", "1 of 3 images used");
});

test("an empty message is not sent", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await say(page, " ");
  await expect(page.getByText("Write a message first.")).toBeVisible();
  expect(await counted(user, "chat")).toBe(0);
});

test("a double click sends one message", async ({ page }) => {
  const user = await newUser();
  await open(page, user);
  await page.getByLabel("Your message").fill("Hello");
  await page.getByRole("button", { name: "Send" }).evaluate((button: HTMLElement) => {
    button.click();
    button.click();
  });
  await expect(page.getByRole("log")).toContainText("You said: Hello");
  await expectUsed(page, "Chat messages", "1 of 3 messages used");
  expect(await counted(user, "chat")).toBe(1);
});
