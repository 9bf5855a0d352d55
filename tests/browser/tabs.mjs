// What tests on reviews share: the diff, what the page and the server say, and more pages of one person.

import { until } from "./browser.mjs";
import { readReview } from "./server.mjs";

/** A diff with lines to comment on, in two files. */
export const DIFF = `diff --git a/src/lib.rs b/src/lib.rs
index 1111111..2222222 100644
--- a/src/lib.rs
+++ b/src/lib.rs
@@ -1,4 +1,5 @@ fn main
 fn main() {
-    let x = 1;
+    let x = 2;
+    let y = x;
     println!("{x}");
 }
diff --git a/grüße.txt b/grüße.txt
new file mode 100644
--- /dev/null
+++ b/grüße.txt
@@ -0,0 +1 @@
+hallo
\\ No newline at end of file
`;

/** Another page of a person who has given a name already; `prepare` gets it before it loads anything. */
export async function anotherTab({ context, errors }, url, prepare) {
  const page = await context.newPage();
  await prepare?.(page);
  page.setDefaultTimeout(15_000);
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url);
  return page;
}

/** Waits for the badge to have an attribute with one of some values. */
export async function badge(page, attribute, values, what, deadlineMs) {
  const wanted = [values].flat();
  await until(() => page.getByTestId("connection").getAttribute(attribute), (value) => wanted.includes(value), what, deadlineMs);
}

/** Cuts somebody's connection, and waits until their page has noticed. */
export async function offline({ context, page }) {
  await context.setOffline(true);
  await badge(page, "data-state", "disconnected", "offline", 30_000);
}

/** Waits until everything written on a page is where it outlasts the page, and the page knows that the server is away. */
export async function keptOffline(page) {
  await badge(page, "data-sync", "waiting", "the badge says that changes wait");
  await badge(page, "data-stored", "true", "the browser has them");
}

/** The committed texts of the comments that are not removed, joined. */
export async function textOf(server, id) {
  const review = await readReview(server, id);
  return review.comments
    .filter((found) => !found.removed)
    .map((found) => found.text)
    .join("|");
}

/** Waits until that is some text. */
export async function committed(server, id, text, what = "the committed text", deadlineMs = 30_000) {
  await until(() => textOf(server, id), (now) => now === text, what, deadlineMs);
}

/** Closes a page as a person does; resolves to whether it asked first. Where it asks, the answer is to go. */
export async function leave(page) {
  let asked = false;
  page.on("dialog", (dialog) => {
    asked ||= dialog.type() === "beforeunload";
    void dialog.accept();
  });
  const closed = page.waitForEvent("close");
  await page.close({ runBeforeUnload: true });
  await closed;
  return asked;
}

/**
 * A network that can keep back what the server sends while a person goes on sending. Its `prepare` is for `person`, or for
 * one page; what was kept back arrives in its order with `release`. It begins by itself once they send what matches `from`.
 */
export function slowNetwork({ from } = {}) {
  let holding = false;
  let kept = [];
  return {
    prepare: (person) => person.routeWebSocket(/\/api\/socket/, (page) => {
      const server = page.connectToServer();
      page.onMessage((message) => {
        holding ||= from?.test(String(message)) === true;
        server.send(message);
      });
      server.onMessage((message) => (holding ? kept.push(() => page.send(message)) : page.send(message)));
    }),
    hold() {
      holding = true;
    },
    release() {
      holding = false;
      from = undefined;
      for (const deliver of kept) deliver();
      kept = [];
    },
  };
}
