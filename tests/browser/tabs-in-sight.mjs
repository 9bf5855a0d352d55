// Chromium as people have it: of its tabs one is in sight, and the others know that they are not. Playwright tells every
// page of a browser that it has started itself that it is in sight, so this one is started here.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { chromium } from "playwright-core";

import { ARGS, CHROMIUM } from "./browser.mjs";

const DEADLINE_MS = 20_000;

/** Starts a Chromium with an empty profile; its one context is where people's pages are. */
export async function startInSight() {
  const profile = await mkdtemp(join(tmpdir(), "interline-profile-"));
  const args = [...ARGS, "--headless", "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"];
  const child = spawn(CHROMIUM, args, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "exit");
  const url = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("Chromium did not start in time")), DEADLINE_MS);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`Chromium ended with ${code}`)));
    createInterface({ input: child.stderr }).on("line", (line) => {
      const found = /^DevTools listening on (ws:\S+)/.exec(line);
      if (found) {
        clearTimeout(late);
        resolve(found[1]);
      }
    });
  });
  const browser = await chromium.connectOverCDP(url, { noDefaults: true });
  const [context] = browser.contexts();
  return {
    /** As far as `person` asks of a browser. */
    newContext: async () => context,
    /** Brings another tab to the front; what it returns brings a page back, which then hears that it is in sight. */
    async hide(page) {
      const other = await context.newPage();
      await other.bringToFront();
      await page.waitForFunction(() => document.visibilityState === "hidden");
      return async () => {
        await page.bringToFront();
        await page.waitForFunction(() => document.visibilityState === "visible");
        await other.close();
      };
    },
    async stop() {
      await browser.close();
      child.kill("SIGKILL");
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
