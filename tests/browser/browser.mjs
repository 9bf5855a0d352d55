// Chromium, and people in it: each person is a browser context of their own.

import { chromium } from "playwright-core";

/** Where Chromium is. */
export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** What it is started with. */
export const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

export async function startBrowser() {
  return chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: ARGS,
  });
}

/** A person with an empty profile who opens a page and gives a name; `errors` collects what their pages throw. `device` is what they have in hand. */
export async function person(browser, name, url, prepare, device) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...device });
  await prepare?.(context);
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url);
  await page.getByTestId("name-input").fill(name);
  await page.getByTestId("name-save").click();
  return { name, page, context, errors };
}

/** The locator of a line of the diff. */
export function line(page, path, side, number) {
  const file = page.locator(`[data-testid="file"][data-path="${path}"]`);
  return file.locator(`[data-testid="line"][data-side="${side}"][data-line="${number}"]`);
}

/** Opens a composer on a line and types into it; resolves to its locator. */
export async function compose(page, path, side, number, text) {
  const target = line(page, path, side, number);
  await target.hover();
  await target.getByTestId("add-comment").click();
  const composer = page.getByTestId("composer");
  await composer.locator(".cm-content").click();
  await page.keyboard.type(text);
  return composer;
}

/** Comments on a line and resolves to the new thread's locator. */
export async function comment(page, path, side, number, text) {
  const composer = await compose(page, path, side, number, text);
  await composer.getByTestId("composer-submit").click();
  const thread = page.getByTestId("thread").filter({ hasText: text });
  await thread.waitFor();
  return thread;
}

/** Starts editing the first comment of a thread; resolves to the editor's locator. */
export async function edit(thread) {
  await thread.getByTestId("comment").first().hover();
  await thread.getByTestId("comment-edit").first().click();
  const editor = thread.getByTestId("comment").first().locator(".cm-content");
  await editor.waitFor();
  await editor.click();
  return editor;
}

/** Waits until `probe` gives a value that `good` accepts; polls, with a deadline. */
export async function until(probe, good, what, deadlineMs = 15_000) {
  const end = Date.now() + deadlineMs;
  let last;
  for (;;) {
    last = await probe();
    if (good(last)) return last;
    if (Date.now() > end) throw new Error(`${what}: last seen ${JSON.stringify(last)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Decides, from the menu below the review's status. */
export async function decide(page, value, note = "") {
  await page.getByTestId("status").click();
  await page.getByTestId(`decide-${value}`).check();
  await page.getByTestId("decide-note").fill(note);
  await page.getByTestId("decide-submit").click();
}

/** The test id of what has the focus. */
export function focus(page) {
  return page.evaluate(() => document.activeElement?.getAttribute("data-testid"));
}
