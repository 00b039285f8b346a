// The page as its users see it: by names and roles, never by classes.
import { expect, type Locator, type Page } from "@playwright/test";
import { PASSWORD, type User } from "./stack.ts";

export async function signIn(page: Page, { email }: User, password = PASSWORD): Promise<void> {
  await page.goto("/");
  await page.getByLabel("Email address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Signs in, and waits for the meters. */
export async function open(page: Page, user: User, password = PASSWORD): Promise<void> {
  await signIn(page, user, password);
  await expect(page.getByRole("heading", { name: /^Your plan: / })).toBeVisible();
}

export const meter = (page: Page, name: string): Locator => page.getByRole("listitem", { name, exact: true });

/** Expects what the meter of a feature says, such as "1 of 3 images used". */
export const expectUsed = (page: Page, name: string, text: string | RegExp): Promise<void> =>
  expect(meter(page, name)).toContainText(text);

export async function makeImage(page: Page, prompt: string): Promise<void> {
  await page.getByLabel("What should it show?").fill(prompt);
  await page.getByRole("button", { name: "Make the image" }).click();
}

export const image = (page: Page, prompt: string): Locator =>
  page.getByRole("img", { name: prompt, exact: true });

export async function say(page: Page, message: string): Promise<void> {
  await page.getByLabel("Your message").fill(message);
  await page.getByRole("button", { name: "Send" }).click();
}

export async function openPlans(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Plans", exact: true }).click();
  await expect(page.getByRole("table")).toBeVisible();
}
