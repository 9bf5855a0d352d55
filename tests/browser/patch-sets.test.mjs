// New code under a review: threads move with their lines or say that those are gone, and nothing written points at
// other code than it was written on.

import assert from "node:assert/strict";
import { test } from "node:test";

import { comment, compose, line, until } from "./browser.mjs";
import { addPatchSet, readReview } from "./server.mjs";
import { badge, committed, keptOffline, offline, slowNetwork } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

/** The diff of the other tests a day later: a line more at the head of the function, and another value. */
const LATER = `diff --git a/src/lib.rs b/src/lib.rs
index 1111111..3333333 100644
--- a/src/lib.rs
+++ b/src/lib.rs
@@ -1,4 +1,6 @@ fn main
 fn main() {
-    let x = 1;
+    // Twice.
+    let x = 3;
+    let y = x;
     println!("{x}");
 }
`;

const toast = (page, text) => page.getByTestId("toast").filter({ hasText: text });
const file = (page) => page.locator('[data-testid="file"][data-path="src/lib.rs"]');
const thread = (page, text) => page.getByTestId("thread").filter({ hasText: text });

/** The line that a thread stands below, as its side and number; nothing while the page is being drawn anew. */
const lineAbove = (found) =>
  found.evaluate((element) => {
    const above = element.closest(".line-threads")?.previousElementSibling;
    return above ? `${above.dataset.side} ${above.dataset.line}` : null;
  });

test("threads move with their lines, or are outdated with the code as it was; older code can be looked at", async () => {
  const { review, ann, bo } = await here.pair("Patch sets", "Why two?");
  await comment(ann.page, "src/lib.rs", "head", 3, "Rename y");
  await thread(bo.page, "Rename y").waitFor();

  assert.equal(await addPatchSet(here.server, review.id, LATER), 2);
  for (const { page } of [ann, bo]) {
    const moved = thread(page, "Rename y");
    await until(() => moved.getAttribute("data-state"), (state) => state === "moved", "the thread has moved");
    await until(() => lineAbove(moved), (at) => at === "head 4", "it stands below its line");
    assert.match(await moved.getByTestId("thread-place").innerText(), /line 3 in patch set 1/);

    const outdated = file(page).getByTestId("outdated-threads").getByTestId("thread");
    assert.equal(await outdated.getAttribute("data-state"), "outdated");
    assert.match(await outdated.innerText(), /Why two\?/);
    assert.equal(await outdated.locator('[data-here="true"]').innerText(), "    let x = 2;");
    await page.getByTestId("toast").filter({ hasText: "Patch set 2" }).waitFor();
  }

  const page = ann.page;
  await page.getByTestId("toast-action").click();
  const since = page.getByTestId("since-file");
  await since.first().waitFor();
  assert.deepEqual(
    await since.evaluateAll((items) => items.map((item) => [item.dataset.path, item.dataset.kind])),
    [["grüße.txt", "left"], ["src/lib.rs", "changed"]],
  );
  assert.deepEqual(await since.locator('[data-kind="removed"]').allInnerTexts(), ["    let x = 2;"]);
  assert.deepEqual(await since.locator('[data-kind="added"]').allInnerTexts(), ["    // Twice.", "    let x = 3;"]);
  await page.keyboard.press("Escape");

  await page.getByTestId("patch-set").selectOption("1");
  await page.getByTestId("older-patch-set").waitFor();
  await until(() => lineAbove(thread(page, "Why two?")), (at) => at === "head 2", "it is where it was written");
  await until(() => lineAbove(thread(page, "Rename y")), (at) => at === "head 3", "and so is the other");
  await page.getByTestId("older-newest").click();
  await page.getByTestId("older-patch-set").waitFor({ state: "detached" });
  await until(() => lineAbove(thread(page, "Rename y")), (at) => at === "head 4", "it is below its line again");
});

test("what was begun on older code goes where its line is now", async () => {
  const review = await here.review("Begun before");
  const ann = await here.person("Ann", review.url);
  const target = line(ann.page, "src/lib.rs", "head", 3);
  await target.hover();
  await target.getByTestId("add-comment").click();
  const composer = ann.page.getByTestId("composer");
  await composer.locator(".cm-content").click();
  await ann.page.keyboard.type("Begun on y");

  await addPatchSet(here.server, review.id, LATER);
  await ann.page.getByTestId("draft-place").waitFor();
  assert.match(await ann.page.getByTestId("draft-place").innerText(), /line 3 of patch set 1/);
  assert.match(await composer.innerText(), /Begun on y/);
  await composer.getByTestId("composer-submit").click();
  const sent = thread(ann.page, "Begun on y");
  await until(() => sent.getAttribute("data-state"), (state) => state === "moved", "it has moved on arrival");
  assert.equal(await lineAbove(sent), "head 4");
  const [stored] = (await readReview(here.server, review.id)).comments;
  assert.equal(stored.anchor.line, 4);
});

test("a decision is of the code that was looked at when its form was opened", async () => {
  const review = await here.review("Deciding meanwhile");
  const ann = await here.person("Ann", review.url);
  const bo = await here.person("Bo", review.url);
  await line(bo.page, "src/lib.rs", "head", 3).hover();
  await line(bo.page, "src/lib.rs", "head", 3).getByTestId("add-comment").click();
  await bo.page.getByTestId("composer").locator(".cm-content").click();
  await bo.page.keyboard.type("One thing");
  await bo.page.getByTestId("composer-close").click();
  await ann.page.getByTestId("status").click();
  await ann.page.getByTestId("decide-note").fill("As it is");
  await bo.page.getByTestId("publish-open").click();

  assert.equal(await addPatchSet(here.server, review.id, LATER), 2);
  for (const { page } of [ann, bo]) await toast(page, "Patch set 2").waitFor();
  assert.match(await ann.page.getByTestId("decide-menu").innerText(), /Your decision on patch set 1/);
  await ann.page.getByTestId("decide-approved").check();
  await ann.page.getByTestId("decide-submit").click();
  await bo.page.getByTestId("publish-approved").check();
  await bo.page.getByTestId("publish-submit").click();
  const decided = async () => (await readReview(here.server, review.id)).decisions;
  const both = await until(decided, (all) => all.length === 2, "both have decided");
  assert.deepEqual(both.map((one) => [one.value, one.patch_set, one.stale]), [["approved", 1, true], ["approved", 1, true]]);
  await until(() => ann.page.getByTestId("decision-stale").count(), (n) => n === 2, "both are marked");

  // Opened anew, it is of the code that is shown now.
  await ann.page.getByTestId("status").click();
  assert.match(await ann.page.getByTestId("decide-menu").innerText(), /Your decision on patch set 2/);
  await ann.page.getByTestId("decide-submit").click();
  await until(decided, (all) => all.some((one) => one.patch_set === 2 && !one.stale), "and is not stale");
});

const remarks = { ann: "Unused?", bo: "Nobody uses it" };

/** Both hear of the other's remark, and see both in one order. */
async function bothTold(ann, bo) {
  await toast(bo.page, "Ann commented on the same line").waitFor({ timeout: 30_000 });
  await toast(ann.page, "Bo commented on the same line").waitFor();
  await thread(bo.page, remarks.ann).waitFor();
  for (const { page } of [ann, bo]) {
    assert.deepEqual(await page.getByTestId("comment-text").allInnerTexts(), [remarks.ann, remarks.bo], "both stay, in one order");
  }
}

test("two people who remark on one line without having seen the other's are told", async () => {
  const review = await here.review("Same line");
  const ann = await here.person("Ann", review.url);
  const network = slowNetwork();
  const bo = await here.person("Bo", review.url, network.prepare);
  await badge(bo.page, "data-state", "connected", "Bo is connected");
  const composer = await compose(bo.page, "src/lib.rs", "head", 3, remarks.bo);
  await until(() => composer.getByTestId("composer-close").isEnabled(), (enabled) => enabled, "it is a draft");
  await badge(bo.page, "data-sync", "saved", "the server has it");
  network.hold();
  await comment(ann.page, "src/lib.rs", "head", 3, remarks.ann);
  await committed(here.server, review.id, remarks.ann);
  await composer.getByTestId("composer-submit").click();
  await committed(here.server, review.id, `${remarks.ann}|${remarks.bo}`);
  network.release();
  await bothTold(ann, bo);
});

test("so are they where one of them was offline", async () => {
  const review = await here.review("Same line offline");
  const ann = await here.person("Ann", review.url);
  const bo = await here.person("Bo", review.url);
  await badge(bo.page, "data-state", "connected", "Bo is connected");
  await line(bo.page, "src/lib.rs", "head", 3).waitFor();
  await offline(bo);
  await comment(ann.page, "src/lib.rs", "head", 3, remarks.ann);
  await committed(here.server, review.id, remarks.ann);
  await comment(bo.page, "src/lib.rs", "head", 3, remarks.bo);
  await keptOffline(bo.page);
  await bo.context.setOffline(false);
  await bothTold(ann, bo);
});
