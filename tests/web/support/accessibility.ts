// What a page must be like for everyone.
import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

const WIDTHS = [360, 1280];
const COLOR_SCHEMES = ["light", "dark"] as const;

/** Expects, on a phone and a desktop, in light and dark, that axe finds nothing and that the page fits. */
export async function expectForEveryone(page: Page): Promise<void> {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    for (const colorScheme of COLOR_SCHEMES) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await expectNoViolations(page, `${colorScheme}, ${width} px wide`);
    }
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wider, `${width} px wide`).toBeLessThanOrEqual(0);
  }
}

/** Expects that axe finds nothing. */
export async function expectNoViolations(page: Page, when = ""): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]), when).toEqual([]);
}
