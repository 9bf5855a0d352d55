// Two people who change the same thing without having seen each other's: both are told, both versions are kept until a
// person decides, and whoever decides does so with the keyboard if they like.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decide, edit, focus, until } from "./browser.mjs";
import { rewritten, TEXTS } from "./rewritten.mjs";
import { addPatchSet, readReview } from "./server.mjs";
import { badge, committed, keptOffline, offline, slowNetwork } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

const toast = (page, text) => page.getByTestId("toast").filter({ hasText: text });
const marks = (page) => page.locator('[data-testid="comment"][data-conflict="true"]');
/** The editor of the only comment, which its rewriting may have left open. */
const editorOf = async (page) => {
  const open = page.getByTestId("thread").first().locator(".cm-content");
  return (await open.count()) ? open : edit(page.getByTestId("thread").first());
};
const status = (page, value) => until(() => page.getByTestId("status").getAttribute("data-status"), (now) => now === value, `the status is ${value}`);
const unmarked = (page) => until(() => page.getByTestId("conflict-mark").count(), (n) => n === 0, "nothing is marked");

test("both edit one comment from the same base: the merged text stands, and either is resolved to by keyboard", async () => {
  const { review, ann, bo } = await rewritten(here, "Both edit");
  await toast(ann.page, "Bo also modified this comment").waitFor();
  await toast(bo.page, "Ann also modified this comment").waitFor();
  for (const { page } of [ann, bo]) {
    assert.equal(await marks(page).count(), 1, "the comment is marked");
    assert.equal(await page.getByTestId("conflicts-open").getAttribute("data-count"), "1");
  }

  // From the message: the first version has the focus, the keys go from one to the other, and stay inside.
  const { page } = bo;
  await toast(page, "Ann also modified").getByTestId("toast-action").focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByTestId("conflict");
  await dialog.waitFor();
  assert.equal(await focus(page), "conflict-keep-mine");
  const choice = (kind) => dialog.locator(`[data-testid="conflict-choice"][data-kind="${kind}"]`);
  const words = async (kind, mark) => (await choice(kind).locator(mark).allInnerTexts()).join(" ").split(/\s+/).join(" ").trim();
  assert.deepEqual([await words("mine", "ins"), await words("mine", "del")], ["might need", "needs"]);
  assert.deepEqual([await words("theirs", "ins"), await words("theirs", "del")], ["definitely", ""]);
  assert.deepEqual([await words("merged", "ins"), await words("merged", "del")], ["definitely might need", "needs"]);
  for (const [key, at] of [["ArrowRight", "theirs"], ["ArrowDown", "merged"], ["1", "mine"], ["ArrowLeft", "edit"], ["2", "theirs"], ["End", "edit"]]) {
    await page.keyboard.press(key);
    assert.equal(await focus(page), at === "edit" ? "conflict-edit" : `conflict-keep-${at}`, `after ${key}`);
  }
  for (let n = 0; n < 5; n++) {
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.querySelector("dialog[open]").contains(document.activeElement)), "the focus stays inside");
  }
  for (const button of await dialog.locator("[data-choice]").all()) {
    assert.ok((await button.boundingBox()).height >= 44, "large enough for a finger");
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(await focus(page), "conflicts-open", "the focus goes to where it can be opened again");
  await committed(here.server, review.id, TEXTS.merged, "nothing was chosen");

  // From the list in the bar.
  await page.keyboard.press("Enter");
  await page.getByTestId("conflict-item").waitFor();
  await until(() => focus(page), (id) => id === "conflict-item", "the list has the focus");
  await page.keyboard.press("Enter");
  await dialog.waitFor();
  await page.keyboard.press("2");
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  await committed(here.server, review.id, TEXTS.ann, "Ann's version is kept");
  await toast(ann.page, "Bo settled the conflict").waitFor();
  for (const each of [ann, bo]) {
    await unmarked(each.page);
    assert.equal(await each.page.getByTestId("conflicts-open").count(), 0);
  }
});

test("a conflict about a text is settled by another text", async () => {
  const { review, ann, bo } = await rewritten(here, "Something else");
  await ann.page.getByTestId("conflict-resolve").click();
  await ann.page.getByTestId("conflict").waitFor();
  await ann.page.keyboard.press("Escape");
  await until(() => focus(ann.page), (id) => id === "conflict-resolve", "the focus goes back to the mark");
  await toast(ann.page, "Bo also modified this comment").getByTestId("toast-action").click();
  await ann.page.getByTestId("conflict-edit").click();
  const text = ann.page.getByTestId("conflict-custom");
  assert.equal(await text.inputValue(), TEXTS.merged);
  await text.fill("This needs 1 or 2 refactorings");
  await text.press("Control+Enter");
  await committed(here.server, review.id, "This needs 1 or 2 refactorings");
  await until(() => focus(ann.page), (id) => id === "connection", "the focus goes to what stands beside the button that is gone");
  await unmarked(bo.page);
  await bo.page.getByTestId("thread").filter({ hasText: "This needs 1 or 2 refactorings" }).waitFor();
});

test("who settles a text with another one takes out nothing that others write meanwhile", async () => {
  const { review, ann, bo } = await rewritten(here, "Written meanwhile");
  const behind = " IMPORTANT: it leaks memory";
  const editor = await editorOf(bo.page);
  // Before the editor opens: what it starts with has that.
  await editor.press("Control+End");
  await editor.pressSequentially("!");
  await committed(here.server, review.id, `${TEXTS.merged}!`);
  await ann.page.getByTestId("thread").filter({ hasText: `${TEXTS.merged}!` }).waitFor();
  await ann.page.getByTestId("conflict-resolve").click();
  await ann.page.getByTestId("conflict-edit").click();
  const text = ann.page.getByTestId("conflict-custom");
  assert.equal(await text.inputValue(), `${TEXTS.merged}!`);

  // While it is open: it is told, and stays.
  await editor.pressSequentially(behind);
  await committed(here.server, review.id, `${TEXTS.merged}!${behind}`);
  const since = ann.page.getByTestId("conflict-since-words").locator("ins");
  await until(async () => (await since.allInnerTexts()).join(""), (words) => words === behind, "what was added since is shown");
  await text.fill(`Soon: ${TEXTS.merged}!`);
  await ann.page.getByTestId("conflict-save").click();
  await committed(here.server, review.id, `Soon: ${TEXTS.merged}!${behind}`);
  await until(() => readReview(here.server, review.id), (now) => now.conflicts.length === 0, "it is settled");
  for (const { page } of [ann, bo]) await unmarked(page);
});

test("where somebody writes in the same place meanwhile both stay, and the conflict stays open", async () => {
  const { review, ann, bo } = await rewritten(here, "In the same place");
  const behind = " IMPORTANT: it leaks memory";
  await toast(ann.page, "Bo also modified this comment").getByLabel("Dismiss").click();
  await ann.page.getByTestId("conflict-resolve").click();
  await ann.page.getByTestId("conflict-edit").click();
  const text = ann.page.getByTestId("conflict-custom");
  const editor = await editorOf(bo.page);
  await editor.press("Control+End");
  await editor.pressSequentially(behind);
  await committed(here.server, review.id, TEXTS.merged + behind);
  await ann.page.getByTestId("conflict-since").waitFor();
  await text.fill(`${await text.inputValue()} soon`);
  await ann.page.getByTestId("conflict-save").click();
  const now = await until(() => readReview(here.server, review.id), (now) => now.comments[0].text.includes(" soon"), "Ann's words are there");
  assert.ok(now.comments[0].text.includes(behind), now.comments[0].text);
  assert.equal(now.conflicts.length, 1, "nobody has looked at both");
  await toast(ann.page, "Bo also modified this comment").waitFor();
  assert.equal(await marks(ann.page).count(), 1);
});

test("a version that comes while somebody writes another one was not looked at: the conflict stays open", async () => {
  const { review, ann, bo } = await rewritten(here, "A third version");
  const cy = await here.person("Cy", review.url);
  await badge(cy.page, "data-state", "connected", "Cy is connected");
  const third = await edit(cy.page.getByTestId("thread").first());
  await offline(cy);
  await third.press("Control+Home");
  for (let n = 0; n < "This ".length; n++) await third.press("ArrowRight");
  await third.pressSequentially("hardly ");
  const editor = await editorOf(bo.page);
  await editor.press("Control+Home");
  for (let n = 0; n < "This ".length; n++) await editor.press("ArrowRight");
  await editor.pressSequentially("surely ");
  await committed(here.server, review.id, TEXTS.merged.replace("This ", "This surely "));
  await keptOffline(cy.page);
  const written = Date.now();
  await until(() => Date.now() - written, (ms) => ms > 2_000, "Cy has not seen Bo's for long");

  await ann.page.getByTestId("conflict-resolve").click();
  await ann.page.getByTestId("conflict-edit").click();
  const text = ann.page.getByTestId("conflict-custom");
  await until(() => text.inputValue(), (now) => now.includes("surely"), "Ann begins with Bo's word");
  await cy.context.setOffline(false);
  const joined = ann.page.getByTestId("conflict-joined");
  await joined.waitFor({ timeout: 45_000 });
  assert.match(await joined.innerText(), /^Cy wrote another version/);
  await text.fill(`${await text.inputValue()} soon`);
  await ann.page.getByTestId("conflict-save").click();
  const now = await until(() => readReview(here.server, review.id), (now) => now.comments[0].text.includes(" soon"), "Ann's words are there", 30_000);
  assert.match(now.comments[0].text, /hardly/, "Cy's word stays");
  assert.equal(now.conflicts.length, 1, "nobody has looked at Cy's");
  assert.ok(now.conflicts[0].sides.some((side) => side.value.includes("hardly")));
  assert.equal(await marks(ann.page).count(), 1);
});

test("a thread with a conflict in it is in sight, resolved or not, until that is settled", async () => {
  const { ann, bo } = await rewritten(here, "Resolved");
  await toast(ann.page, "Bo also modified this comment").waitFor();
  await ann.page.getByTestId("comment-done").click();
  await ann.page.getByTestId("thread-resolve").click();
  const thread = bo.page.getByTestId("thread");
  await until(() => thread.getAttribute("data-resolved"), (resolved) => resolved === "true", "Bo sees it resolved");
  assert.equal(await marks(bo.page).count(), 1, "the comment is still marked");
  await ann.page.getByTestId("conflict-resolve").click();
  await ann.page.getByTestId("conflict-keep-merged").click();
  await until(() => thread.getByTestId("comment").count(), (n) => n === 0, "it folds once that is settled");
});

test("two decide differently at once: the first stands until somebody settles it, and who looks on is told", async () => {
  const review = await here.review("Two decisions");
  const network = slowNetwork();
  const ann = await here.person("Ann", review.url);
  const bo = await here.person("Bo", review.url, network.prepare);
  await badge(bo.page, "data-state", "connected", "Bo is connected");
  await bo.page.getByTestId("status").waitFor();
  network.hold();
  await decide(ann.page, "approved", "Looks right");
  await until(() => readReview(here.server, review.id), (now) => now.status === "approved", "Ann's is committed");
  await decide(bo.page, "changes_requested");
  await toast(ann.page, "Bo also changed the decision").waitFor();
  network.release();
  await toast(bo.page, "Ann also changed the decision").waitFor();
  for (const { page } of [ann, bo]) {
    await status(page, "approved");
    await page.getByTestId("conflict-mark").waitFor();
    const decisions = page.getByTestId("decision");
    await until(() => decisions.count(), (n) => n === 2, "each has a decision of their own");
    assert.deepEqual((await decisions.evaluateAll((all) => all.map((one) => one.dataset.value))).sort(), ["approved", "changes_requested"]);
  }
  await ann.page.getByText("Looks right").waitFor();

  await toast(bo.page, "Ann also changed").getByTestId("toast-action").click();
  await bo.page.getByTestId("conflict").waitFor();
  await ann.page.getByTestId("conflict-resolve").click();
  await ann.page.getByTestId("conflict-keep-theirs").click();
  await until(() => readReview(here.server, review.id), (now) => now.status === "changes_requested", "it is settled");
  assert.match(await bo.page.getByTestId("conflict-over").innerText(), /Ann settled the conflict: Changes requested/);
  await bo.page.keyboard.press("Enter");
  await bo.page.getByTestId("conflict").waitFor({ state: "detached" });
  for (const { page } of [ann, bo]) {
    await status(page, "changes_requested");
    await unmarked(page);
  }
});

test("an edit of a comment that was removed meanwhile brings it back, if its author wants that", async () => {
  const { review, ann, bo, annThread, boThread } = await here.pair("Edit and removal", "Rename x");
  await committed(here.server, review.id, "Rename x");
  const editor = await edit(boThread);
  await offline(bo);
  await editor.press("Control+End");
  await editor.pressSequentially(" to total");
  await keptOffline(bo.page);
  await annThread.getByTestId("comment").hover();
  await annThread.getByTestId("comment-remove").click();
  await annThread.getByTestId("comment-remove-confirm").click();
  await committed(here.server, review.id, "", "the comment is removed");
  await bo.context.setOffline(false);

  await toast(bo.page, "Ann removed the comment that you changed").getByTestId("toast-action").click({ timeout: 45_000 });
  const kept = bo.page.getByTestId("conflict-text");
  assert.equal(await kept.innerText(), "Rename x to total");
  await toast(ann.page, "Bo changed the comment that you removed").waitFor();
  await bo.page.getByTestId("conflict-keep-mine").click();
  await committed(here.server, review.id, "Rename x to total");
  await ann.page.getByTestId("thread").filter({ hasText: "Rename x to total" }).waitFor();
});

test("a decision on older code is marked, and leads to what changed since", async () => {
  const review = await here.review("Stale");
  const ann = await here.person("Ann", review.url);
  await decide(ann.page, "approved", "Ship it");
  const decision = ann.page.getByTestId("decision");
  await until(() => decision.getAttribute("data-stale"), (stale) => stale === "false", "it is about the newest code");
  await addPatchSet(here.server, review.id, `--- a/src/lib.rs
+++ b/src/lib.rs
@@ -1,3 +1,3 @@
 fn main() {
-    let x = 1;
+    let x = 5;
     println!("{x}");
`);
  await until(() => decision.getAttribute("data-stale"), (stale) => stale === "true", "it is stale");
  assert.match(await decision.innerText(), /patch set 1/);
  assert.match(await ann.page.getByTestId("decision-stale").innerText(), /2 is current/);
  await ann.page.getByTestId("decision-since").click();
  await ann.page.locator('[data-testid="since-file"][data-path="src/lib.rs"]').waitFor();
  await ann.page.keyboard.press("Escape");
  await decide(ann.page, "approved", "Still");
  await until(() => decision.getAttribute("data-stale"), (stale) => stale === "false", "decided anew");
});
