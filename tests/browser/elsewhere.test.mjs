// People who look at different states of the code: each is shown where they are, never on a line of other code.

import assert from "node:assert/strict";
import { test } from "node:test";

import { line, until } from "./browser.mjs";
import { addPatchSet } from "./server.mjs";
import { world } from "./world.mjs";

const here = world();

const PATH = "src/lib.rs";
const LATER = `diff --git a/${PATH} b/${PATH}
--- a/${PATH}
+++ b/${PATH}
@@ -1,4 +1,6 @@ fn main
 fn main() {
-    let x = 1;
+    // Twice.
+    let x = 2;
+    let y = x;
     println!("{x}");
 }
`;

const file = (page) => page.locator(`[data-testid="file"][data-path="${PATH}"]`);
const elsewhere = (page) => file(page).getByTestId("person-elsewhere");
/** The lines on which the page shows somebody. */
const onLines = (page) => page.getByTestId("line-avatar").evaluateAll((all) => all.map((each) => each.closest(".line").dataset).map(({ side, line }) => `${side} ${line}`));
const tip = (page) => page.getByTestId("avatar").getAttribute("data-tip");
const isOn = (page, at) => until(() => onLines(page), (now) => now.join() === at, `they are on ${at || "no line"}`);

test("who looks at an older patch set is shown as there, and on their line to those who look at it too", async () => {
  const review = await here.review("Elsewhere");
  const ann = await here.person("Ann", review.url);
  const bo = await here.person("Bo", review.url);
  await line(bo.page, PATH, "head", 3).click();
  await isOn(ann.page, "head 3");
  assert.equal(await elsewhere(ann.page).count(), 0);

  await addPatchSet(here.server, review.id, LATER);
  for (const { page } of [ann, bo]) await line(page, PATH, "head", 5).filter({ hasText: "println" }).waitFor();
  await line(bo.page, PATH, "head", 4).click();
  await isOn(ann.page, "head 4");
  await bo.page.getByTestId("patch-set").selectOption("1");
  await line(bo.page, PATH, "head", 3).filter({ hasText: "let y" }).click();
  await elsewhere(ann.page).waitFor();
  assert.match(await elsewhere(ann.page).innerText(), /on patch set 1/);
  await isOn(ann.page, "");
  await until(() => tip(ann.page), (words) => words === `Bo - ${PATH}:3 on patch set 1`, "so does the bar");
  const inList = ann.page.locator(`[data-testid="file-link"][data-path="${PATH}"]`).getByTestId("file-avatar");
  assert.match(await inList.getAttribute("title"), /on patch set 1/, "and the list of files");

  // To Bo, Ann is elsewhere.
  await line(ann.page, PATH, "head", 1).click();
  await elsewhere(bo.page).waitFor();
  assert.match(await elsewhere(bo.page).innerText(), /on patch set 2/);
  await isOn(bo.page, "");

  // Reading counts there too, and going to Bo is going to that code.
  await ann.page.getByTestId("avatar").click();
  await ann.page.getByTestId("older-patch-set").waitFor();
  await isOn(ann.page, "head 3");
  assert.equal(await elsewhere(ann.page).count(), 0);
  await until(() => elsewhere(bo.page).count(), (n) => n === 0, "both look at the same");

  await bo.page.getByTestId("older-newest").click();
  await line(bo.page, PATH, "head", 5).click();
  await elsewhere(ann.page).waitFor();
  assert.match(await elsewhere(ann.page).innerText(), /on patch set 2/);
});
