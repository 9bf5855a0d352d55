// What the server does not take is kept, shown with what was meant, and tried again or discarded by its author alone.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { comment, edit, until } from "./browser.mjs";
import { badge, committed, keptOffline } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

/** Ann, offline, edits a comment that Bo removes meanwhile; then she is back. */
async function editRemoved(title) {
  const review = await here.review(title);
  const bo = await here.person("Bo", review.url);
  const boThread = await comment(bo.page, "src/lib.rs", "head", 2, "Please rename x");
  await committed(here.server, review.id, "Please rename x");
  const ann = await here.person("Ann", review.url);
  const annThread = ann.page.getByTestId("thread").filter({ hasText: "Please rename x" });
  await annThread.waitFor();
  await badge(ann.page, "data-state", "connected", "Ann is connected");
  const editor = await edit(annThread);
  await editor.press("Control+End");
  await ann.context.setOffline(true);
  await badge(ann.page, "data-state", "disconnected", "Ann is offline", 30_000);
  await editor.pressSequentially(" to total");
  await keptOffline(ann.page);

  await boThread.getByTestId("comment").hover();
  await boThread.getByTestId("comment-remove").click();
  await boThread.getByTestId("comment-remove-confirm").click();
  await committed(here.server, review.id, "", "the comment is removed");
  await ann.context.setOffline(false);
  await ann.page.getByTestId("rejected-open").waitFor({ timeout: 30_000 });
  return { review, ann, bo };
}

test("an edit of a comment that was removed is kept over a reload, and said again in a new comment", async () => {
  const { review, ann, bo } = await editRemoved("Try again");
  await ann.page.getByTestId("toast").filter({ hasText: "removed meanwhile" }).waitFor();
  await badge(ann.page, "data-sync", "saved", "nothing waits any more");
  await badge(ann.page, "data-stored", "true", "the list is stored");
  await ann.page.reload();
  await ann.page.getByTestId("toast-action").click();

  const item = ann.page.getByTestId("rejected-item");
  assert.equal(await item.count(), 1);
  assert.equal(await item.getAttribute("data-cause"), "refused");
  assert.equal(await item.getAttribute("data-code"), "comment_removed");
  assert.match(await item.innerText(), /src\/lib\.rs, line 2/);
  // What the server has, and what came to it.
  assert.equal(await item.getByTestId("rejected-diff").innerText(), "Please rename x to total");
  assert.equal(await item.locator("ins").innerText(), " to total");

  const download = ann.page.waitForEvent("download");
  await ann.page.getByTestId("rejected-export").click();
  const exported = JSON.parse(await readFile(await (await download).path(), "utf8"));
  assert.ok(JSON.stringify(exported).includes("Please rename x to total"), "the file has the text");

  await item.getByTestId("rejected-retry").click();
  await ann.page.getByTestId("rejected-empty").waitFor();
  await committed(here.server, review.id, "Please rename x to total");
  await bo.page.getByTestId("thread").filter({ hasText: "Please rename x to total" }).waitFor();
  await ann.page.keyboard.press("Escape");
  await ann.page.getByTestId("rejected").waitFor({ state: "detached" });
  assert.equal(await ann.page.getByTestId("rejected-open").count(), 0);
});

test("what is discarded is asked about first, and stays away", async () => {
  const { review, ann, bo } = await editRemoved("Discard");
  await ann.page.getByTestId("rejected-open").click();
  await ann.page.getByTestId("rejected-discard").click();
  assert.equal(await ann.page.getByTestId("rejected-item").count(), 1, "not before the question is answered");
  await ann.page.getByTestId("rejected-discard-confirm").click();
  await ann.page.getByTestId("rejected-empty").waitFor();
  await ann.page.getByTestId("rejected-close").click();
  const focus = () => ann.page.evaluate(() => document.activeElement?.getAttribute("data-testid"));
  await until(focus, (id) => id === "connection", "the focus goes to what stands beside the button that is gone");
  await badge(ann.page, "data-stored", "true", "that it is gone is stored");
  await ann.page.reload();
  await badge(ann.page, "data-state", "connected", "connected again");
  assert.equal(await ann.page.getByTestId("rejected-open").count(), 0);
  await committed(here.server, review.id, "");
});
