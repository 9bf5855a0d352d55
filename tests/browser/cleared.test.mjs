// The browser's data of the site is deleted while a page is open, and what may not go with a page without a question.

import assert from "node:assert/strict";
import { test } from "node:test";

import { comment, edit, until } from "./browser.mjs";
import { anotherTab, badge, committed, keptOffline, leave, textOf } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

/** Deletes every database of the page's origin; fails where somebody does not let go of one. */
const deleteDatabases = (page) => page.evaluate(async () => {
  for (const { name } of await indexedDB.databases()) {
    await new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(name);
      request.onsuccess = () => resolve();
      request.onerror = () => reject(request.error);
      request.onblocked = () => reject(new Error(`${name} is blocked`));
    });
  }
});

test("the site's data is deleted under an open page: it goes on sending, and keeps what it writes offline", async () => {
  const review = await here.review("Cleared");
  const ann = await here.person("Ann", review.url);
  const thread = await comment(ann.page, "src/lib.rs", "head", 2, "base");
  await committed(here.server, review.id, "base");
  const typing = await edit(thread);
  await typing.press("Control+End");
  await deleteDatabases(ann.page);
  await typing.pressSequentially(" after");
  await committed(here.server, review.id, "base after");
  await badge(ann.page, "data-state", "connected", "still connected");
  await badge(ann.page, "data-stored", "true", "the database is made again");

  await here.server.kill();
  await typing.pressSequentially(" offline");
  await keptOffline(ann.page);
  assert.equal(await leave(ann.page), false, "nothing would be lost, so nothing is asked");
  await here.restart();
  assert.equal(await textOf(here.server, review.id), "base after");
  const page = await anotherTab(ann, review.url);
  await page.getByTestId("thread").filter({ hasText: "base after offline" }).waitFor();
  await committed(here.server, review.id, "base after offline");
});

test("an edit that cannot be applied is shown, and its words are not left without a question", async () => {
  const review = await here.review("Too long");
  const ann = await here.person("Ann", review.url);
  const thread = await comment(ann.page, "src/lib.rs", "head", 2, "base");
  await committed(here.server, review.id, "base");
  await edit(thread);
  await ann.page.evaluate(() => {
    const data = new DataTransfer();
    data.setData("text/plain", "w".repeat(33_000));
    document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  });
  const toast = ann.page.getByTestId("toast").filter({ hasText: "could not be applied" });
  await toast.waitFor();
  await badge(ann.page, "data-sync", "saved", "all else is saved");
  await badge(ann.page, "data-stored", "true", "and stored");
  const dialogs = [];
  ann.page.on("dialog", (dialog) => {
    dialogs.push(dialog.type());
    void dialog.dismiss();
  });
  await ann.page.close({ runBeforeUnload: true });
  await until(() => dialogs.join(), (types) => types === "beforeunload", "it asks, and stays");

  ann.page.removeAllListeners("dialog");
  await toast.getByLabel("Dismiss").click();
  await toast.waitFor({ state: "detached" });
  assert.equal(await leave(ann.page), false, "once the words are dismissed nothing is asked");
});
