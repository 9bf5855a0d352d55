// A review on a telephone: nothing sticks out, and all that can be pressed is large enough for a finger.

import assert from "node:assert/strict";
import { test } from "node:test";

import { comment, decide, focus, line, until } from "./browser.mjs";
import { rewritten, TEXTS } from "./rewritten.mjs";
import { addPatchSet } from "./server.mjs";
import { committed } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

const WIDTH = 375;
const TELEPHONE = { viewport: { width: WIDTH, height: 700 }, hasTouch: true, isMobile: true };

/** What is too small for a finger: less than 44 px in either direction. What lies in a label is as large as that. */
const small = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("button, select, label:has(input), a, summary, textarea")]
      .map((element) => [element.getAttribute("data-testid") ?? element.className, element.getBoundingClientRect()])
      .filter(([, { width, height }]) => width > 1 && height > 1 && (width < 44 || height < 44))
      .map(([name, { width, height }]) => `${name} ${Math.round(width)} x ${Math.round(height)}`),
  );

async function fits(page, what) {
  // A page that is too wide is shown smaller: then the window is wider than the screen.
  assert.equal(await page.evaluate(() => innerWidth), WIDTH, `${what}: nothing sticks out`);
  assert.deepEqual(await small(page), [], `${what}: large enough`);
}

test("a conflict is found, looked at and settled with a finger", async () => {
  const { review, ann, bo } = await rewritten(here, "A review on a telephone, whose title takes more than one line");
  const { page } = await here.person("Cy", review.url, undefined, TELEPHONE);
  await page.getByTestId("conflict-mark").waitFor();
  await until(() => page.getByTestId("avatar").count(), (n) => n === 2, "both are there");
  await fits(page, "the review");

  await page.getByTestId("conflicts-open").tap();
  await page.getByTestId("conflict-item").waitFor();
  await fits(page, "the list");
  await page.getByTestId("conflict-item").tap();
  await page.getByTestId("conflict").waitFor();
  await fits(page, "the dialog");
  await page.getByTestId("conflict-edit").tap();
  await page.getByTestId("conflict-custom").waitFor();
  await fits(page, "writing something else");
  await page.getByTestId("conflict-close").tap();
  await page.getByTestId("conflict").waitFor({ state: "detached" });
  assert.equal(await focus(page), "conflicts-open", "the focus goes to where it can be opened again");

  // A message that stays does not keep anything from being pressed.
  await ann.page.setViewportSize(TELEPHONE.viewport);
  await ann.page.getByTestId("toast").filter({ hasText: "Bo also modified" }).waitFor();
  await ann.page.getByTestId("comment-done").click();
  await ann.page.getByTestId("thread-reply").click();
  await ann.page.getByTestId("composer-discard").click();

  await page.getByTestId("conflict-resolve").tap();
  await page.locator('[data-testid="conflict-choice"]').filter({ hasText: "Ann" }).locator("[data-choice]").tap();
  await committed(here.server, review.id, TEXTS.ann);
  for (const each of [ann, bo]) await each.page.getByTestId("toast").filter({ hasText: "Cy settled the conflict" }).waitFor();
});

test("deciding, decisions on older code and older code itself fit too", async () => {
  const review = await here.review("Decisions");
  const { page } = await here.person("Ann", review.url, undefined, TELEPHONE);
  await page.getByTestId("status").tap();
  await page.getByTestId("decide-menu").waitFor();
  await fits(page, "the menu");
  await page.keyboard.press("Escape");
  await decide(page, "approved", "Ship it");
  await addPatchSet(here.server, review.id, `--- a/src/lib.rs
+++ b/src/lib.rs
@@ -1,3 +1,3 @@
 fn main() {
-    let x = 1;
+    let x = 5;
     println!("{x}");
`);
  await page.getByTestId("decision-stale").waitFor();
  await fits(page, "a stale decision");
  await page.getByTestId("decision-since").tap();
  await page.locator('[data-testid="since-file"][data-path="src/lib.rs"]').waitFor();
  await fits(page, "what changed since");
  await page.getByTestId("since-close").tap();
  await page.getByTestId("patch-set").selectOption("1");
  await page.getByTestId("older-patch-set").waitFor();
  await fits(page, "older code");
});

test("drafts are chosen, removed and published with a finger, and one without its thread is in sight", async () => {
  const review = await here.review("Drafts on a telephone");
  const ann = await here.person("Ann", review.url);
  const thread = await comment(ann.page, "src/lib.rs", "head", 2, "Why two?");
  const { page } = await here.person("Bo", review.url, undefined, TELEPHONE);
  const keep = async (text) => {
    await page.getByTestId("composer").locator(".cm-content").pressSequentially(text);
    await page.getByTestId("composer-close").tap();
    await page.getByTestId("draft").filter({ hasText: text }).waitFor();
  };
  await page.getByTestId("thread-reply").tap();
  await keep("Because of y");
  await line(page, "src/lib.rs", "head", 3).locator(".line-no").last().tap();
  await page.getByTestId("range-comment").tap();
  await keep("Please rename");
  await thread.getByTestId("comment").hover();
  await thread.getByTestId("comment-remove").click();
  await thread.getByTestId("comment-remove-confirm").click();
  await page.getByTestId("lost-draft-replies").waitFor();
  await fits(page, "the drafts");

  await page.getByTestId("publish-open").tap();
  const dialog = page.getByTestId("publish");
  const lost = dialog.getByTestId("publish-draft").filter({ hasText: "which was removed" });
  await lost.waitFor();
  await fits(page, "the list");
  await lost.getByTestId("publish-remove").tap();
  await lost.getByTestId("publish-remove-confirm").waitFor();
  await fits(page, "the question");
  await lost.getByTestId("publish-remove-confirm").tap();
  await lost.waitFor({ state: "detached" });
  await dialog.getByTestId("publish-submit").tap();
  await committed(here.server, review.id, "Please rename");
});
