// Private drafts: written where others see only that somebody writes, kept by the browser and on all devices, and
// published in one step.

import assert from "node:assert/strict";
import { test } from "node:test";

import { comment, focus, line, until } from "./browser.mjs";
import { draft, keep } from "./composer.mjs";
import { readReview } from "./server.mjs";
import { anotherTab, badge, committed, keptOffline } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

/** Answers a thread with a draft. */
async function keepReply(page, thread, text) {
  await thread.getByTestId("thread-reply").click();
  const composer = thread.getByTestId("composer");
  await composer.locator(".cm-content").click();
  await page.keyboard.type(text);
  await composer.getByTestId("composer-close").click();
  await thread.getByTestId("draft").filter({ hasText: text }).waitFor();
}

const texts = async (id) => (await readReview(here.server, id)).comments.map((found) => found.text).sort();

test("drafts are the author's alone until they are published as one review", async () => {
  const review = await here.review("Drafts");
  const ann = await here.person("Ann", review.url);
  const bo = await here.person("Bo", review.url);
  const boThread = await comment(bo.page, "src/lib.rs", "head", 2, "Why two?");
  const annThread = ann.page.getByTestId("thread").filter({ hasText: "Why two?" });
  await annThread.waitFor();

  const kept = await keep(ann.page, "src/lib.rs", "head", 3, "Please rename");
  assert.match(await kept.innerText(), /Draft — only you see it/);
  assert.equal(await focus(ann.page), "draft", "the focus follows the text");
  // An answer to somebody's thread can wait as well.
  await keepReply(ann.page, annThread, "Because of y");

  // Edited like any comment, while others see where and not what.
  await kept.getByTestId("draft-edit").click();
  const editor = kept.locator(".cm-content");
  await editor.pressSequentially(" this");
  const writing = bo.page.getByTestId("line-writing");
  await until(() => writing.allInnerTexts(), (all) => all.includes("Ann is writing on line 3"), "Bo sees that Ann writes");
  assert.equal(await line(bo.page, "src/lib.rs", "head", 3).getByTestId("line-writing").count(), 1);
  await kept.getByTestId("draft-done").click();
  await until(() => writing.count(), (n) => n === 0, "and that she has stopped");
  await badge(ann.page, "data-sync", "saved", "the server has the drafts");

  // Another page of hers has them, and a reload keeps them.
  const tab = await anotherTab(ann, review.url);
  await draft(tab, "Please rename this").waitFor();
  await ann.page.reload();
  await draft(ann.page, "Please rename this").waitFor();
  assert.deepEqual(await texts(review.id), ["Why two?"], "the server tells nobody");
  assert.equal(await bo.page.getByTestId("draft").count(), 0);
  assert.equal(await bo.page.getByTestId("publish-open").count(), 0);
  assert.ok(!(await bo.page.content()).includes("Please rename"));

  const open = ann.page.getByTestId("publish-open");
  await until(() => open.getAttribute("data-count"), (n) => n === "2", "two to publish");
  await open.focus();
  await ann.page.keyboard.press("Enter");
  const dialog = ann.page.getByTestId("publish");
  await dialog.waitFor();
  assert.equal(await dialog.getByTestId("publish-draft").count(), 2);
  assert.equal(await focus(ann.page), "publish-comment", "the focus is on the decision");
  await ann.page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(await focus(ann.page), "publish-open", "and goes back");
  await open.click();
  await dialog.getByTestId("publish-changes_requested").check();
  await dialog.getByTestId("publish-note").fill("See the name");
  await dialog.getByTestId("publish-submit").click();

  await bo.page.getByTestId("thread").filter({ hasText: "Please rename this" }).waitFor();
  await boThread.getByText("Because of y").waitFor();
  await until(() => bo.page.getByTestId("status").getAttribute("data-status"), (s) => s === "changes_requested", "the decision");
  await bo.page.getByText("See the name").waitFor();
  for (const page of [ann.page, tab]) {
    await until(() => page.getByTestId("draft").count(), (n) => n === 0, "no draft is left");
    assert.equal(await page.getByTestId("publish-open").count(), 0);
    await page.getByTestId("thread").filter({ hasText: "Please rename this" }).waitFor();
  }
  assert.deepEqual(await texts(review.id), ["Because of y", "Please rename this", "Why two?"]);
});

test("one is published by itself, another removed, and a third stays", async () => {
  const review = await here.review("Drafts, one by one");
  const ann = await here.person("Ann", review.url);
  const bo = await here.person("Bo", review.url);
  const first = await keep(ann.page, "src/lib.rs", "head", 2, "First");
  const second = await keep(ann.page, "src/lib.rs", "head", 3, "Second");
  await keep(ann.page, "src/lib.rs", "base", 2, "Third");
  await first.getByTestId("draft-publish").click();
  await bo.page.getByTestId("thread").filter({ hasText: "First" }).waitFor();
  await second.hover();
  await second.getByTestId("draft-remove").click();
  await second.getByTestId("draft-remove-confirm").click();
  await second.waitFor({ state: "detached" });
  await until(() => ann.page.getByTestId("publish-open").getAttribute("data-count"), (n) => n === "1", "one is left");
  await until(() => focus(ann.page), (has) => has === "publish-open", "the focus is beside what went");
  await committed(here.server, review.id, "First");
});

test("a draft reply to a comment that somebody removed stays in sight, and keeps nothing else back", async () => {
  const review = await here.review("A draft without its thread");
  const ann = await here.person("Ann", review.url);
  const bo = await here.person("Bo", review.url);
  const boThread = await comment(bo.page, "src/lib.rs", "head", 2, "Why two?");
  const annThread = ann.page.getByTestId("thread").filter({ hasText: "Why two?" });
  await annThread.waitFor();
  await keepReply(ann.page, annThread, "Because of y");
  await keep(ann.page, "src/lib.rs", "head", 3, "Please rename");
  await badge(ann.page, "data-sync", "saved", "the server has the drafts");
  await boThread.getByTestId("comment").hover();
  await boThread.getByTestId("comment-remove").click();
  await boThread.getByTestId("comment-remove-confirm").click();
  await annThread.waitFor({ state: "detached" });

  const lost = ann.page.getByTestId("lost-draft-replies").getByTestId("draft");
  await lost.waitFor();
  assert.match(await lost.getByTestId("draft-answers").innerText(), /^Reply to a comment of Bo on src\/lib\.rs, line 2, which was removed/);
  assert.equal(await lost.getByTestId("draft-publish").count(), 0, "the server would refuse it");
  assert.equal(await lost.getByTestId("copy").count(), 1);
  await lost.getByTestId("draft-edit").click();
  await lost.locator(".cm-content").pressSequentially(", see below");
  await lost.getByTestId("draft-done").click();
  await lost.getByText("Because of y, see below").waitFor();
  await ann.page.reload();
  await lost.getByText("Because of y, see below").waitFor();

  // It is left out at first; who chooses it all the same is told why nothing was published.
  const open = ann.page.getByTestId("publish-open");
  const dialog = ann.page.getByTestId("publish");
  const item = dialog.getByTestId("publish-draft").filter({ hasText: "which was removed" });
  await open.click();
  assert.equal(await dialog.getByTestId("publish-choose").count(), 2);
  assert.equal(await item.getByTestId("publish-choose").isChecked(), false);
  assert.equal(await dialog.getByTestId("publish-submit").innerText(), "Publish 1 draft");
  await item.getByTestId("publish-choose").check();
  await dialog.getByTestId("publish-approved").check();
  await dialog.getByTestId("publish-note").fill("Apart from the name");
  await dialog.getByTestId("publish-submit").click();
  await ann.page.getByTestId("toast").filter({ hasText: "Your drafts were not published" }).waitFor();
  await until(() => open.getAttribute("data-count"), (n) => n === "2", "both are drafts again");
  await committed(here.server, review.id, "", "nothing was published");
  await open.click();
  const refused = dialog.getByTestId("publish-refused");
  assert.equal(await refused.getAttribute("data-code"), "comment_removed");
  assert.match(await refused.innerText(), /answers a comment that was: leave it out/);
  assert.equal(await dialog.getByTestId("publish-approved").isChecked(), true, "what was meant is there to be said again");
  assert.equal(await dialog.getByTestId("publish-note").inputValue(), "Apart from the name");

  // Removed in the list, with the keyboard.
  await item.getByTestId("publish-remove").focus();
  await ann.page.keyboard.press("Enter");
  await item.getByTestId("publish-remove-confirm").waitFor();
  await ann.page.keyboard.press("Escape");
  await until(() => focus(ann.page), (has) => has === "publish-remove", "Escape answers the question alone");
  await ann.page.keyboard.press("Enter");
  await item.getByTestId("publish-remove-confirm").focus();
  await ann.page.keyboard.press("Enter");
  await item.waitFor({ state: "detached" });
  assert.equal(await focus(ann.page), "publish-choose", "the focus is on what is left");
  await dialog.getByTestId("publish-submit").click();
  await bo.page.getByTestId("thread").filter({ hasText: "Please rename" }).waitFor();
  await bo.page.getByText("Apart from the name").waitFor();
  await committed(here.server, review.id, "Please rename");
  await until(() => ann.page.getByTestId("draft").count(), (n) => n === 0, "no draft is left");
  assert.equal(await ann.page.getByTestId("lost-draft-replies").count(), 0);
  assert.equal(await ann.page.getByTestId("rejected-open").count(), 0, "what was refused has been said");
});

test("some are left out of a review and stay drafts", async () => {
  const review = await here.review("Some of the drafts");
  const ann = await here.person("Ann", review.url);
  await keep(ann.page, "src/lib.rs", "head", 2, "Goes");
  await keep(ann.page, "src/lib.rs", "head", 3, "Stays");
  await ann.page.getByTestId("publish-open").click();
  const dialog = ann.page.getByTestId("publish");
  const box = (text) => dialog.getByTestId("publish-draft").filter({ hasText: text }).getByTestId("publish-choose");
  for (const text of ["Goes", "Stays"]) {
    assert.equal(await box(text).isChecked(), true, "all are chosen at first");
    await box(text).focus();
    await ann.page.keyboard.press("Space");
    assert.equal(await box(text).isChecked(), false);
  }
  const submit = dialog.getByTestId("publish-submit");
  assert.equal(await submit.isDisabled(), true);
  assert.equal(await dialog.getByTestId("publish-count").innerText(), "Choose at least one draft.");
  await box("Goes").check();
  assert.equal(await dialog.getByTestId("publish-count").innerText(), "1 is left out and stays a draft.");
  assert.equal(await submit.innerText(), "Publish 1 draft");
  await submit.click();
  await committed(here.server, review.id, "Goes");
  await until(() => ann.page.getByTestId("publish-open").getAttribute("data-count"), (n) => n === "1", "one is left");
  await draft(ann.page, "Stays").waitFor();
  assert.equal(await draft(ann.page, "Goes").count(), 0);
});

test("offline, drafts are written and published, and arrive once", async () => {
  const review = await here.review("Drafts offline");
  const ann = await here.person("Ann", review.url);
  await line(ann.page, "src/lib.rs", "head", 3).waitFor();
  await badge(ann.page, "data-sync", "saved", "open");
  await here.server.kill();
  await badge(ann.page, "data-state", "disconnected", "the page says so", 30_000);
  const kept = await keep(ann.page, "src/lib.rs", "head", 3, "Written offline");
  await ann.page.getByTestId("publish-open").click();
  const dialog = ann.page.getByTestId("publish");
  await dialog.getByTestId("publish-approved").check();
  await dialog.getByTestId("publish-submit").click();
  await kept.getByTestId("draft-publishing").waitFor();
  assert.equal(await kept.getByTestId("draft-edit").count(), 0, "it is settled what will be seen");
  await keptOffline(ann.page);
  await ann.page.close();
  await here.restart();
  const page = await anotherTab(ann, review.url);
  await page.getByTestId("thread").filter({ hasText: "Written offline" }).waitFor();
  await committed(here.server, review.id, "Written offline", "it arrives, once");
  await until(() => page.getByTestId("draft").count(), (n) => n === 0, "it is no draft any more");
  const bo = await here.person("Bo", review.url);
  await bo.page.getByTestId("thread").filter({ hasText: "Written offline" }).waitFor();
  await until(() => bo.page.getByTestId("status").getAttribute("data-status"), (s) => s === "approved", "with the decision");
});
