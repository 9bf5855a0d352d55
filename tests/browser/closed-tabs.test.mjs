// What is written while the server is away outlasts the page it was written in: it waits in the browser's database
// and arrives once, whichever page of that browser comes next.

import assert from "node:assert/strict";
import { test } from "node:test";

import { comment, edit, line, until } from "./browser.mjs";
import { anotherTab, badge, committed, keptOffline, leave, textOf } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

/** Opens the editor of the first comment of a page. */
const editor = async (page) => edit(page.getByTestId("thread").first());

test("a tab is closed while the server is away: what was typed arrives once after the next visit", async () => {
  const review = await here.review("Closed offline");
  const ann = await here.person("Ann", review.url);
  await comment(ann.page, "src/lib.rs", "head", 2, "start");
  await committed(here.server, review.id, "start");
  const typing = await editor(ann.page);
  await typing.press("Control+End");
  await here.server.kill();
  await typing.pressSequentially(" kept while away \u{1F600}", { delay: 5 });
  await keptOffline(ann.page);
  assert.match(await ann.page.getByTestId("connection").innerText(), /1 change waiting/);
  assert.equal(await leave(ann.page), false, "nothing would be lost, so nothing is asked");

  await here.restart();
  assert.equal(await textOf(here.server, review.id), "start", "nothing was sent before");
  const expected = "start kept while away \u{1F600}";
  const page = await anotherTab(ann, review.url);
  await page.getByTestId("thread").filter({ hasText: expected }).waitFor();
  await committed(here.server, review.id, expected);
  await badge(page, "data-sync", "saved", "the badge says that it is saved");

  // Nor does it arrive again with the visit after that.
  await page.reload();
  await page.getByTestId("thread").filter({ hasText: expected }).waitFor();
  await badge(page, "data-state", "connected", "connected again");
  await badge(page, "data-sync", "saved", "there is nothing to send");
  assert.equal(await textOf(here.server, review.id), expected);
});

test("of two tabs one is closed while the server is away: the other sends what both have written", async () => {
  const review = await here.review("Two tabs");
  const ann = await here.person("Ann", review.url);
  await comment(ann.page, "src/lib.rs", "head", 2, "start");
  await committed(here.server, review.id, "start");
  const second = await anotherTab(ann, review.url);
  await second.getByTestId("thread").filter({ hasText: "start" }).waitFor();
  await badge(second, "data-state", "connected", "the second tab is connected");

  const first = await editor(ann.page);
  const other = await editor(second);
  await first.press("Control+End");
  await other.press("Control+Home");
  await here.server.kill();
  await first.pressSequentially(" from the first", { delay: 5 });
  await other.pressSequentially("from the second ", { delay: 5 });
  await keptOffline(ann.page);
  await keptOffline(second);
  assert.equal(await leave(ann.page), false);

  await here.restart();
  const expected = "from the second start from the first";
  await committed(here.server, review.id, expected, "both tabs' typing, once", 60_000);
  await until(() => other.innerText(), (text) => text === expected, "the living tab shows it");
});

test("a long queue tells how much of it is done, and ends", async () => {
  const review = await here.review("Long queue");
  const ann = await here.person("Ann", review.url);
  await badge(ann.page, "data-state", "connected", "connected");
  // The code has come as well: it is asked for by itself.
  await line(ann.page, "src/lib.rs", "head", 2).waitFor();
  await here.server.kill();
  const texts = ["one", "two", "three", "four", "five", "six"];
  for (const text of texts) await comment(ann.page, "src/lib.rs", "head", 2, text);
  await keptOffline(ann.page);
  const told = ann.page.getByTestId("unsynced");
  // Each is a draft and its publication.
  assert.equal(await told.getAttribute("data-of"), String(2 * texts.length));
  assert.match(await told.innerText(), /12 changes waiting/);
  await here.restart();
  await committed(here.server, review.id, texts.join("|"), "all comments in their order");
  await badge(ann.page, "data-sync", "saved", "the badge says that all is saved");
  await until(() => ann.page.getByTestId("sync-news").innerText(), (text) => text.includes("saved"), "so it is announced");
});

test("a browser without a database works from memory, says so, and asks before the page goes", async () => {
  const review = await here.review("Memory");
  const ann = await here.person("Ann", review.url, (context) => context.addInitScript(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException("there is no database in this mode", "SecurityError");
    };
  }));
  await ann.page.getByTestId("storage").waitFor();
  await badge(ann.page, "data-storage", "memory", "the badge says so");
  await comment(ann.page, "src/lib.rs", "head", 2, "start");
  await committed(here.server, review.id, "start");
  await ann.page.getByTestId("connection").click();
  assert.match(await ann.page.getByTestId("sync-details").innerText(), /memory only/);
  await ann.page.keyboard.press("Escape");

  const typing = await editor(ann.page);
  await here.server.kill();
  await typing.pressSequentially(" lost with the page");
  await badge(ann.page, "data-sync", "waiting", "the badge says that changes wait");
  await badge(ann.page, "data-stored", "false", "nothing has them but the page");
  assert.equal(await leave(ann.page), true);
  await here.restart();
});
