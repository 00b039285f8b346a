// Playwright's test, which fails if anything throws on a page.
import { expect, type Locator, type Page, test as base } from "@playwright/test";

export { expect, type Locator, type Page };

export const test = base.extend<{ noErrors: void }>({
  noErrors: [async ({ context }, use) => {
    const errors: string[] = [];
    context.on("weberror", (error) => errors.push(String(error.error().stack)));
    await use();
    expect(errors).toEqual([]);
  }, { auto: true }],
});
