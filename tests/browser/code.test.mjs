// The code under review is kept by the browser: it is there without the server, and not in the place of other code.

import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { line, until } from "./browser.mjs";
import { addPatchSet } from "./server.mjs";
import { anotherTab } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

const withLine = (text) => `--- /dev/null\n+++ b/later.txt\n@@ -0,0 +1 @@\n+${text}\n`;
const code = (page) => line(page, "later.txt", "head", 1);
const shows = (page, text, what) => until(() => code(page).allInnerTexts(), (found) => found.join().includes(text), what);

/** The files of the stopped server's database, from one folder to another in the place of what is there. */
async function replace(from, to) {
  const ours = async (folder) => (await readdir(folder)).filter((name) => name.startsWith("interline.db"));
  for (const name of await ours(to)) await rm(join(to, name));
  for (const name of await ours(from)) await cp(join(from, name), join(to, name));
}

/** Answers as a gateway does whose server is away, in that one's place. */
async function gateway(port) {
  const answers = createServer((_, response) => response.writeHead(502).end("away"));
  await new Promise((resolve) => answers.listen(port, "127.0.0.1", resolve));
  return () => new Promise((resolve) => {
    answers.close(resolve);
    answers.closeAllConnections();
  });
}

test("code that was seen is there without the server, also behind a gateway that says so; and other code is told apart", async () => {
  const review = await here.review("Kept code");
  const backup = await mkdtemp(join(tmpdir(), "interline-backup-"));
  await here.server.kill();
  await replace(here.server.data, backup);
  await here.restart();
  assert.equal(await addPatchSet(here.server, review.id, withLine("lost")), 2);
  const ann = await here.person("Ann", review.url);
  await shows(ann.page, "lost", "the code is there");
  // A page that was loaded anew has nothing of it in memory, but the browser has.
  const link = ann.page.getByText("Kept code").first();
  await ann.page.goto(here.server.url);
  await link.waitFor();
  await here.server.kill();
  const comesBack = await gateway(here.server.port);
  await link.click();
  await shows(ann.page, "lost", "behind a gateway");
  await comesBack();
  await here.restart();
  await ann.page.goto(here.server.url);
  await link.waitFor();
  await here.server.kill();
  await link.click();
  await shows(ann.page, "lost", "without a server");

  // The server comes back without that code, and with other code of its number.
  await ann.context.setOffline(true);
  await replace(backup, here.server.data);
  await rm(backup, { recursive: true });
  await here.restart();
  assert.equal(await addPatchSet(here.server, review.id, withLine("other")), 2);
  await ann.context.setOffline(false);
  await shows(ann.page, "other", "the page that was open shows it");
  const page = await anotherTab(ann, review.url);
  await shows(page, "other", "so does another");
});
