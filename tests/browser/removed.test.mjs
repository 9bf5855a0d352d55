// A comment that somebody removes while another writes in it, or answers it: nothing typed is lost, and nothing is offered
// that the server would refuse.

import assert from "node:assert/strict";
import { test } from "node:test";

import { comment, edit, until } from "./browser.mjs";
import { readReview } from "./server.mjs";
import { badge, committed, slowNetwork } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

const TEXT = "Rename x";
const toast = (page, text) => page.getByTestId("toast").filter({ hasText: text });

async function remove(thread) {
  const root = thread.getByTestId("comment").first();
  await root.hover();
  await root.getByTestId("comment-remove").click();
  await root.getByTestId("comment-remove-confirm").click();
}

async function reply(thread, text, { send = true } = {}) {
  await thread.getByTestId("thread-reply").click();
  const composer = thread.getByTestId("composer");
  await composer.locator(".cm-content").click();
  await composer.locator(".cm-content").pressSequentially(text);
  if (send) await composer.getByTestId("composer-submit").click();
}

test("what is typed while the removal is on its way is in conflict with it, and either is kept", async () => {
  const review = await here.review("Typed at once");
  const ann = await here.person("Ann", review.url);
  const network = slowNetwork();
  const bo = await here.person("Bo", review.url, network.prepare);
  const annThread = await comment(ann.page, "src/lib.rs", "head", 2, TEXT);
  const boThread = bo.page.getByTestId("thread").filter({ hasText: TEXT });
  const editor = await edit(boThread);
  network.hold();
  await remove(annThread);
  await committed(here.server, review.id, "", "Ann's removal is committed");
  await editor.press("Control+End");
  await editor.pressSequentially(" to total");
  await toast(ann.page, "Bo changed the comment that you removed").waitFor();
  network.release();

  await toast(bo.page, "Ann removed the comment that you changed").waitFor();
  for (const { page } of [ann, bo]) {
    await page.getByTestId("conflict-mark").waitFor();
    assert.equal(await page.locator('[data-testid="comment"][data-removed="true"][data-conflict="true"]').count(), 1, "it is marked where it was");
    assert.equal(await page.getByTestId("conflicts-open").getAttribute("data-count"), "1");
  }
  assert.equal(await bo.page.getByTestId("comment-editor").count(), 0, "nobody writes in what is gone");
  assert.equal(await bo.page.getByTestId("toast").count(), 1, "it is said once");

  await toast(ann.page, "Bo changed").getByTestId("toast-action").click();
  assert.equal(await ann.page.getByTestId("conflict-text").innerText(), `${TEXT} to total`, "all that was typed");
  await ann.page.getByTestId("conflict-keep-mine").click();
  await toast(bo.page, "Ann left the comment removed").waitFor();
  for (const { page } of [ann, bo]) await until(() => page.getByTestId("thread").count(), (n) => n === 0, "it is gone");
  await committed(here.server, review.id, "");
});

test("who had nothing unsaved is told, with the text to copy", async () => {
  const { review, annThread, bo, boThread } = await here.pair("Nothing typed", TEXT);
  await edit(boThread);
  await committed(here.server, review.id, TEXT);
  await remove(annThread);
  const told = toast(bo.page, "Ann removed this comment while you were editing it");
  await told.waitFor();
  assert.match(await told.innerText(), /Rename x/);
  await until(() => bo.page.getByTestId("thread").count(), (n) => n === 0, "it is gone");
  assert.equal(await bo.page.getByTestId("conflicts-open").count(), 0, "there is nothing to settle");
});

test("a reply that was begun to a comment which is removed can still be read, copied and thrown away", async () => {
  const { review, annThread, bo, boThread } = await here.pair("Begun", TEXT);
  await committed(here.server, review.id, TEXT);
  await reply(boThread, "I was about to", { send: false });
  await remove(annThread);
  const kept = bo.page.getByTestId("lost-reply");
  await kept.waitFor();
  assert.match(await kept.innerText(), /I was about to/);
  assert.equal(await kept.getByTestId("composer-submit").count(), 0, "the server would refuse it");
  await bo.page.reload();
  await kept.waitFor();
  await kept.getByTestId("lost-reply-discard").click();
  await kept.waitFor({ state: "detached" });
});

test("a reply that was on its way when the comment went is there", async () => {
  const review = await here.review("Replied on the way");
  const ann = await here.person("Ann", review.url);
  const network = slowNetwork();
  const bo = await here.person("Bo", review.url, network.prepare);
  const annThread = await comment(ann.page, "src/lib.rs", "head", 2, TEXT);
  const boThread = bo.page.getByTestId("thread").filter({ hasText: TEXT });
  await boThread.waitFor();
  await reply(boThread, "To total?", { send: false });
  await badge(bo.page, "data-sync", "saved", "the server has the draft");
  network.hold();
  await remove(annThread);
  await committed(here.server, review.id, "");
  await boThread.getByTestId("composer-submit").click();
  await committed(here.server, review.id, "To total?");
  network.release();
  for (const { page } of [ann, bo]) {
    await page.getByTestId("thread").filter({ hasText: "To total?" }).filter({ hasText: "Comment removed" }).waitFor();
  }
  await badge(bo.page, "data-sync", "saved", "nothing waits");
  assert.equal(await bo.page.getByTestId("rejected-open").count(), 0, "nothing was refused");
});

test("a reply that somebody removes the comment without having seen is there", async () => {
  const review = await here.review("Replied at once");
  const network = slowNetwork();
  const ann = await here.person("Ann", review.url, network.prepare);
  const bo = await here.person("Bo", review.url);
  const annThread = await comment(ann.page, "src/lib.rs", "head", 2, TEXT);
  await committed(here.server, review.id, TEXT);
  await badge(ann.page, "data-sync", "saved", "nothing of Ann's waits");
  const boThread = bo.page.getByTestId("thread").filter({ hasText: TEXT });
  await boThread.waitFor();
  network.hold();
  await reply(boThread, "To total?");
  await committed(here.server, review.id, `${TEXT}|To total?`);
  await remove(annThread);
  await committed(here.server, review.id, "To total?");
  network.release();
  for (const { page } of [ann, bo]) {
    const thread = page.getByTestId("thread").filter({ hasText: "To total?" });
    await thread.filter({ hasText: "Comment removed" }).waitFor();
    await reply(thread, page === ann.page ? "No." : "Why not?");
    await thread.getByTestId("comment").nth(page === ann.page ? 2 : 3).waitFor();
  }
  const thread = ({ page }) => page.getByTestId("thread").filter({ hasText: "To total?" });
  await thread(bo).getByTestId("thread-resolve").click();
  await ann.page.locator('[data-testid="thread"][data-resolved="true"]').waitFor();
  await badge(bo.page, "data-sync", "saved", "nothing waits");
  assert.equal(await bo.page.getByTestId("rejected-open").count(), 0, "nothing was refused");
  const { comments } = await readReview(here.server, review.id);
  assert.deepEqual(comments.map(({ removed }) => Boolean(removed)), [true, false, false, false]);
});
