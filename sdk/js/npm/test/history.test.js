// Run by `npm test`, against what `npm run build` made.
import assert from "node:assert/strict";
import { test } from "node:test";
import { applied, versions } from "../dist/history.js";

const author = { id: "ann", displayName: "Ann" };

test("changes of one edit all refer to the text before it", () => {
  assert.equal(applied("abcdef", [{ from: 0, to: 1, insert: "XY" }, { from: 3, to: 3, insert: "-" }, { from: 5, to: 6, insert: "" }]), "XYbc-de");
  assert.equal(applied("a\u{1F600}b", [{ from: 1, to: 3, insert: "" }]), "ab");
  assert.equal(applied("same", []), "same");
});

test("each of a thousand versions has its own text, in whatever order they are read", () => {
  const edits = [];
  const texts = ["0;"];
  for (let n = 1; n <= 1000; n++) {
    const before = texts[n - 1];
    // Now at the end, now at the front, now a word replaced.
    const change =
      n % 3 === 0
        ? { from: 0, to: 0, insert: `${n};` }
        : n % 3 === 1
          ? { from: before.length, to: before.length, insert: `${n};` }
          : { from: before.indexOf(";"), to: before.indexOf(";") + 1, insert: "!;" };
    texts.push(applied(before, [change]));
    edits.push({ version: n + 7, at: n, author, changes: [change] });
  }
  const all = versions({ first: { version: 7, at: 0, author, text: texts[0] }, edits });
  assert.equal(all.length, 1001);
  assert.equal(all[1000].text, texts[1000]);
  assert.equal(all[499].text, texts[499]);
  for (const [n, version] of all.entries()) {
    assert.equal(version.text, texts[n]);
    assert.deepEqual([version.version, version.at, version.author], [n + 7, n, author]);
  }
});

test("where the beginning is not kept, nobody is said to have written it at some time", () => {
  const [first] = versions({ first: { version: 90, author, text: "kept" }, edits: [] });
  assert.deepEqual({ ...first, text: first.text }, { version: 90, author, text: "kept" });
});
