// What the server does not take is kept, shown with what was meant, and tried again or discarded by its author alone.

import assert from "node:assert/strict";
import { cp, readFile, rm } from "node:fs/promises";
import { test } from "node:test";

import { decide, focus, until } from "./browser.mjs";
import { rewritten, TEXTS } from "./rewritten.mjs";
import { readReview } from "./server.mjs";
import { badge, committed, keptOffline, offline } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

/** Bo, offline, settles a conflict by another text; Ann was first, as he hears once he is back. */
async function settledTwice(title) {
  const { review, ann, bo } = await rewritten(here, title);
  await bo.page.getByTestId("toast-action").click();
  await bo.page.getByTestId("conflict-edit").click();
  await offline(bo);
  await bo.page.getByTestId("conflict-custom").fill("Bo's own words");
  await bo.page.getByTestId("conflict-save").click();
  await keptOffline(bo.page);
  await ann.page.getByTestId("toast-action").click();
  await ann.page.getByTestId("conflict-keep-mine").click();
  await committed(here.server, review.id, TEXTS.ann);
  await bo.context.setOffline(false);
  await bo.page.getByTestId("rejected-open").waitFor({ timeout: 30_000 });
  return { review, ann, bo };
}

test("what came second is kept over a reload, and said again", async () => {
  const { review, ann, bo } = await settledTwice("Try again");
  await bo.page.getByTestId("toast").filter({ hasText: "settled this already" }).waitFor();
  await badge(bo.page, "data-sync", "saved", "nothing waits any more");
  await badge(bo.page, "data-stored", "true", "the list is stored");
  await bo.page.reload();
  await bo.page.getByTestId("toast-action").click();

  const item = bo.page.getByTestId("rejected-item");
  assert.equal(await item.count(), 1);
  assert.equal(await item.getAttribute("data-cause"), "already_settled");
  assert.match(await item.innerText(), /src\/lib\.rs, line 2/);
  assert.ok((await item.getByTestId("rejected-diff").innerText()).includes("own"));

  const download = bo.page.waitForEvent("download");
  await bo.page.getByTestId("rejected-export").click();
  const exported = JSON.parse(await readFile(await (await download).path(), "utf8"));
  assert.ok(JSON.stringify(exported).includes("Bo's own words"), "the file has the text");

  await item.getByTestId("rejected-retry").click();
  await bo.page.getByTestId("rejected-empty").waitFor();
  await committed(here.server, review.id, "Bo's own words");
  await ann.page.getByTestId("thread").filter({ hasText: "Bo's own words" }).waitFor();
  await bo.page.keyboard.press("Escape");
  await bo.page.getByTestId("rejected").waitFor({ state: "detached" });
  assert.equal(await bo.page.getByTestId("rejected-open").count(), 0);
});

test("what is discarded is asked about first, and stays away", async () => {
  const { review, bo } = await settledTwice("Discard");
  await bo.page.getByTestId("rejected-open").click();
  await bo.page.getByTestId("rejected-discard").click();
  assert.equal(await bo.page.getByTestId("rejected-item").count(), 1, "not before the question is answered");
  await bo.page.getByTestId("rejected-discard-confirm").click();
  await bo.page.getByTestId("rejected-empty").waitFor();
  await bo.page.getByTestId("rejected-close").click();
  await until(() => focus(bo.page), (id) => id === "connection", "the focus goes to what stands beside the button that is gone");
  await badge(bo.page, "data-stored", "true", "that it is gone is stored");
  await bo.page.reload();
  await badge(bo.page, "data-state", "connected", "connected again");
  assert.equal(await bo.page.getByTestId("rejected-open").count(), 0);
  await committed(here.server, review.id, TEXTS.ann);
});

test("a decision that a restored server has lost is shown as what it was before it is taken again", async () => {
  const { review, ann, bo } = await here.pair("Restored", "Kept");
  const status = (page) => page.getByTestId("status");
  await badge(ann.page, "data-sync", "saved", "the server has the comment");
  const { data } = here.server;
  const backup = `${data}-backup`;
  await here.server.kill();
  await cp(data, backup, { recursive: true });
  await here.restart();
  await badge(ann.page, "data-state", "connected", "there again", 30_000);
  await decide(ann.page, "approved", "Looks right");
  await until(() => status(bo.page).getAttribute("data-status"), (now) => now === "approved", "everybody sees it", 30_000);
  await badge(ann.page, "data-sync", "saved", "and so has the server");
  await here.server.kill();
  await rm(data, { recursive: true });
  await cp(backup, data, { recursive: true });
  await rm(backup, { recursive: true });
  await here.restart();

  await ann.page.getByTestId("rejected-open").waitFor({ timeout: 30_000 });
  await ann.page.getByTestId("rejected-open").click();
  const item = ann.page.getByTestId("rejected-item");
  assert.equal(await item.count(), 1);
  assert.equal(await item.getAttribute("data-cause"), "history_lost");
  const lines = await item.getByTestId("rejected-lines").innerText();
  assert.match(lines, /decision\s+Approved, on patch set 1\s+note\s+Looks right/i);
  assert.doesNotMatch(await item.innerText(), /Removing the comment/);
  await until(() => status(bo.page).getAttribute("data-status"), (now) => now === "pending", "nothing of it stands", 30_000);
  await item.getByTestId("rejected-retry").click();
  await ann.page.getByTestId("rejected-empty").waitFor();
  await until(async () => (await readReview(here.server, review.id)).status, (now) => now === "approved", "it is taken again");
});
