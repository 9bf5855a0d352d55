// Several lines at once: selected by dragging, with Shift, with the keyboard or a finger, commented on as one, and shown
// as what the thread is about.

import assert from "node:assert/strict";
import { test } from "node:test";

import { focus, line, until } from "./browser.mjs";
import { addPatchSet, readReview } from "./server.mjs";
import { world } from "./world.mjs";

const here = world();

const PATH = "src/lib.rs";
const marked = (page, mark) =>
  page.locator(`[data-testid="line"][data-mark="${mark}"]`).evaluateAll((lines) => lines.map(({ dataset }) => `${dataset.side} ${dataset.line}`));
const numbers = (page, side, number) => line(page, PATH, side, number).locator(".line-no").last();
const offer = (page) => page.getByTestId("range-comment");

/** Writes into the composer that has the focus, and submits. */
async function write(page, text) {
  await until(() => page.evaluate(() => document.activeElement?.classList.contains("cm-content")), (has) => has, "the composer has the focus");
  await page.keyboard.type(text);
  await page.keyboard.press("Control+Enter");
  const thread = page.getByTestId("thread").filter({ hasText: text });
  await thread.getByTestId("comment").waitFor();
  return thread;
}

/** The committed anchor of a comment. */
async function anchorOf(review, text) {
  const found = (now) => now.comments.find((comment) => comment.text === text);
  const { anchor } = found(await until(() => readReview(here.server, review.id), found, `${text} is committed`));
  return [anchor.side, anchor.line, anchor.last];
}

async function drag(page, from, to) {
  const [start, end] = [await from.boundingBox(), await to.boundingBox()];
  await page.mouse.move(start.x + 5, start.y + 5);
  await page.mouse.down();
  await page.mouse.move(start.x + 5, (start.y + end.y) / 2, { steps: 3 });
  await page.mouse.move(end.x + 200, end.y + 5, { steps: 3 });
  await page.mouse.up();
}

test("lines are selected by dragging over their numbers, and the comment on them shows which to everybody", async () => {
  const review = await here.review("Dragged");
  const ann = await here.person("Ann", review.url);
  const bo = await here.person("Bo", review.url);
  const { page } = ann;
  await line(page, PATH, "head", 2).waitFor();
  await drag(page, numbers(page, "head", 2), numbers(page, "head", 4));
  assert.deepEqual(await marked(page, "selected"), ["head 2", "head 3", "head 4"]);
  assert.match(await offer(page).innerText(), /Comment on lines 2 to 4/);
  assert.equal(await page.evaluate(() => String(getSelection())), "", "no text is selected with them");

  await offer(page).click();
  assert.match(await page.getByTestId("composer").locator("xpath=..").innerText(), /Lines 2 to 4/);
  assert.deepEqual(await marked(page, "selected"), ["head 2", "head 3", "head 4"], "they stay marked while one writes");
  // What was begun outlasts the page.
  await page.keyboard.type("All of ");
  await page.reload();
  await page.getByTestId("composer").locator(".cm-content").click();
  await page.keyboard.press("Control+End");
  await write(page, "this");
  assert.deepEqual(await anchorOf(review, "All of this"), ["head", 2, 4]);

  for (const each of [ann, bo]) {
    const thread = each.page.getByTestId("thread").filter({ hasText: "All of this" });
    assert.equal(await thread.getByTestId("thread-range").innerText(), "Lines 2 to 4");
    assert.deepEqual(await marked(each.page, "thread"), ["head 2", "head 3", "head 4"]);
    const above = await thread.evaluate((element) => element.closest(".line-threads").previousElementSibling.dataset.line);
    assert.equal(above, "4", "it stands below the last of them");
  }

  await addPatchSet(here.server, review.id, `--- a/${PATH}
+++ b/${PATH}
@@ -1,4 +1,6 @@
+// Twice.
 fn main() {
-    let x = 1;
+    let x = 2;
+    let y = x;
     println!("{x}");
 }
`);
  const thread = bo.page.getByTestId("thread").filter({ hasText: "All of this" });
  await until(() => thread.getAttribute("data-state"), (state) => state === "moved", "they move together");
  await until(() => thread.getByTestId("thread-range").innerText(), (words) => words === "Lines 3 to 5", "its lines are said");
  assert.match(await thread.getByTestId("thread-place").innerText(), /lines 2 to 4 in patch set 1/);
});

test("Shift takes in the lines up to another one; Escape, Clear and the same line again let go", async () => {
  const review = await here.review("Shift");
  const { page } = await here.person("Ann", review.url);
  await numbers(page, "head", 4).click();
  assert.match(await offer(page).innerText(), /Comment on line 4/);
  await numbers(page, "head", 4).click();
  assert.deepEqual(await marked(page, "selected"), [], "the same line again");
  await numbers(page, "head", 4).click();
  await numbers(page, "head", 1).click({ modifiers: ["Shift"] });
  // Removed lines in between are of the other side.
  assert.deepEqual(await marked(page, "selected"), ["head 1", "head 2", "head 3", "head 4"]);
  await page.keyboard.press("Escape");
  assert.equal(await offer(page).count(), 0);
  await numbers(page, "head", 1).click();
  await numbers(page, "base", 2).click({ modifiers: ["Shift"] });
  assert.match(await offer(page).innerText(), /Comment on old lines 1 to 2/);
  assert.deepEqual(await marked(page, "selected"), ["head 1", "base 2"]);
  await page.getByTestId("range-clear").click();
  assert.deepEqual(await marked(page, "selected"), []);
  await numbers(page, "head", 1).click();
  await line(page, "grüße.txt", "head", 1).locator(".line-no").last().click();
  assert.deepEqual(await page.getByTestId("range-bar").count(), 1, "one selection on the page");

  // The button of any of them comments on all of them.
  await numbers(page, "head", 2).click();
  await numbers(page, "head", 3).click({ modifiers: ["Shift"] });
  await line(page, PATH, "head", 2).hover();
  await line(page, PATH, "head", 2).getByTestId("add-comment").click();
  await write(page, "By the button");
  assert.deepEqual(await anchorOf(review, "By the button"), ["head", 2, 3]);
});

test("the keyboard selects with Shift and the arrow keys, and Enter comments", async () => {
  const review = await here.review("Keys");
  const { page } = await here.person("Ann", review.url);
  const at = () => page.evaluate(() => document.activeElement.closest(".line")?.dataset.line);
  await line(page, PATH, "head", 1).getByTestId("add-comment").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.equal(await at(), "2");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Shift+ArrowDown");
  assert.deepEqual(await marked(page, "selected"), ["head 2", "head 3", "head 4"]);
  assert.equal(await page.getByRole("status").filter({ hasText: "Selected: lines 2 to 4" }).count(), 1, "it is said aloud");
  await page.keyboard.press("Shift+ArrowUp");
  assert.deepEqual(await marked(page, "selected"), ["head 2", "head 3"]);
  await page.keyboard.press("ArrowDown");
  assert.deepEqual(await marked(page, "selected"), [], "moving on lets go");
  await page.keyboard.press("Shift+ArrowUp");
  await page.keyboard.press("Escape");
  assert.deepEqual([await marked(page, "selected"), await focus(page)], [[], "add-comment"]);
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Enter");
  await write(page, "By keys");
  assert.deepEqual(await anchorOf(review, "By keys"), ["head", 3, 4]);
});

test("a finger selects by the first line's number and the last one's", async () => {
  const review = await here.review("Touch");
  const { page } = await here.person("Ann", review.url, undefined, { hasTouch: true, isMobile: true, viewport: { width: 375, height: 700 } });
  await numbers(page, "head", 2).tap();
  await numbers(page, "head", 3).tap();
  assert.match(await offer(page).innerText(), /Comment on lines 2 to 3/);
  for (const id of ["range-comment", "range-clear"]) {
    const { width, height } = await page.getByTestId(id).boundingBox();
    assert.ok(width >= 44 && height >= 44, `${id} is large enough for a finger: ${width} x ${height}`);
  }
  assert.equal(await page.evaluate(() => innerWidth), 375, "nothing sticks out");
  await numbers(page, "head", 4).tap();
  assert.match(await offer(page).innerText(), /Comment on line 4/);
  await numbers(page, "head", 3).tap();
  await offer(page).tap();
  await write(page, "By finger");
  assert.deepEqual(await anchorOf(review, "By finger"), ["head", 3, 4]);
});
