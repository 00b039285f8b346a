// Debian's Chromium, against the stack that tests/web/run has started.
import { defineConfig } from "@playwright/test";
import { setting } from "./support/stack.ts";

export default defineConfig({
  testDir: import.meta.dirname,
  outputDir: setting("WEB_TEST_OUTPUT"),
  fullyParallel: true,
  workers: 2,
  timeout: 300_000,
  expect: { timeout: 30_000 },
  reporter: "list",
  // A new feature and the outages concern everyone, so they come last. The pictures are only taken when they are
  // asked for.
  projects: [
    { name: "pages", testIgnore: ["credits.spec.ts", "outage.spec.ts", "screenshots.spec.ts"] },
    { name: "credits", testMatch: "credits.spec.ts", dependencies: ["pages"], fullyParallel: false },
    { name: "outage", testMatch: "outage.spec.ts", dependencies: ["credits"], fullyParallel: false },
    { name: "screenshots", testMatch: "screenshots.spec.ts", fullyParallel: false },
  ],
  use: {
    baseURL: setting("PAGE_URL"),
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: setting("CHROMIUM"),
      // Chromium's sandbox does not work as root; the other options stop its background requests.
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
