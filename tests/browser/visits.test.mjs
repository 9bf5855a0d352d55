// Coming back: what is new since the last visit, and which files were viewed, on every device of a person.

import assert from "node:assert/strict";
import { test } from "node:test";

import { comment, line, until } from "./browser.mjs";
import { addPatchSet } from "./server.mjs";
import { anotherTab, badge } from "./tabs.mjs";
import { world } from "./world.mjs";

const here = world();

const file = (page, path) => page.locator(`[data-testid="file"][data-path="${path}"]`);
const box = (page, path) => file(page, path).getByTestId("file-viewed");

test("what others wrote meanwhile is marked as new, and read once it was in sight", async () => {
  const review = await here.review("Unread");
  const ann = await here.person("Ann", review.url);
  const bo = await here.person("Bo", review.url);
  await line(ann.page, "src/lib.rs", "head", 2).waitFor();
  await ann.page.goto(here.server.url);
  await comment(bo.page, "src/lib.rs", "head", 2, "New to Ann");
  assert.equal(await bo.page.getByTestId("unread").count(), 0, "one's own is not unread");

  await ann.page.goto(review.url);
  const thread = ann.page.getByTestId("thread").filter({ hasText: "New to Ann" });
  await until(() => thread.getAttribute("data-fresh"), (fresh) => fresh === "true", "it is marked");
  await until(() => ann.page.getByTestId("unread").count(), (n) => n === 0, "it has been read");
  assert.equal(await thread.getAttribute("data-fresh"), "true", "the mark stays for this visit");
  await badge(ann.page, "data-stored", "true", "that is stored");
  const again = await anotherTab(ann, review.url);
  await again.getByTestId("thread").filter({ hasText: "New to Ann" }).waitFor();
  await badge(again, "data-state", "connected", "connected");
  await until(() => again.getByTestId("thread").first().getAttribute("data-fresh"), (fresh) => fresh === "false", "it is not new any more");
});

test("a viewed file folds, stays viewed over a reload, and comes back when its diff changes", async () => {
  const review = await here.review("Viewed");
  const ann = await here.person("Ann", review.url);
  await box(ann.page, "src/lib.rs").check();
  await box(ann.page, "grüße.txt").check();
  await line(ann.page, "src/lib.rs", "head", 2).waitFor({ state: "detached" });
  await badge(ann.page, "data-stored", "true", "that is stored");
  await ann.page.reload();
  await until(() => box(ann.page, "src/lib.rs").isChecked(), (checked) => checked, "still viewed");
  const link = ann.page.locator('[data-testid="file-link"][data-path="src/lib.rs"]');
  assert.equal(await link.getAttribute("data-viewed"), "true");

  await addPatchSet(here.server, review.id, `--- a/src/lib.rs
+++ b/src/lib.rs
@@ -1,3 +1,3 @@
 fn main() {
-    let x = 1;
+    let x = 5;
     println!("{x}");
diff --git a/grüße.txt b/grüße.txt
new file mode 100644
--- /dev/null
+++ b/grüße.txt
@@ -0,0 +1 @@
+hallo
\\ No newline at end of file
`);
  await line(ann.page, "src/lib.rs", "head", 2).waitFor();
  assert.equal(await box(ann.page, "src/lib.rs").isChecked(), false, "it has changed");
  assert.equal(await box(ann.page, "grüße.txt").isChecked(), true, "it has not");
});
