// Run by `npm test`, against what `npm run build` made.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hasLine, patchSet } from "../dist/diff.js";

test("lines are numbered on the sides they are on", () => {
  const { files } = patchSet({
    files: [
      {
        status: "modified",
        old_path: "x",
        new_path: "x",
        hunks: [
          { old_start: 4, old_count: 3, new_start: 4, new_count: 3, section: "f()", lines: [" a", "-b", "+c", " d"], no_newline: [3] },
          { old_start: 20, old_count: 0, new_start: 21, new_count: 1, lines: ["+e\r"] },
        ],
      },
      { status: "deleted", old_path: "gone", old_mode: "100644", binary: true },
    ],
  });
  const [x, gone] = files;
  assert.deepEqual(x.hunks[0].lines, [
    { kind: "context", text: "a", oldLine: 4, newLine: 4, noNewline: false },
    { kind: "removed", text: "b", oldLine: 5, noNewline: false },
    { kind: "added", text: "c", newLine: 5, noNewline: false },
    { kind: "context", text: "d", oldLine: 6, newLine: 6, noNewline: true },
  ]);
  assert.deepEqual(x.hunks[1].lines, [{ kind: "added", text: "e\r", newLine: 21, noNewline: false }]);
  assert.equal(x.hunks[0].section, "f()");
  assert.equal(x.hunks[1].section, "");
  assert.deepEqual([x.path, x.additions, x.deletions, x.binary], ["x", 2, 1, false]);
  assert.deepEqual(gone, {
    path: "gone", status: "deleted", oldPath: "gone", oldMode: "100644", binary: true, additions: 0, deletions: 0, hunks: [],
  });
});

test("lines can be found by side", () => {
  const diff = patchSet({
    files: [
      {
        status: "renamed", old_path: "a", new_path: "b", similarity: 90,
        hunks: [{ old_start: 1, old_count: 1, new_start: 1, new_count: 2, lines: ["+x", " y"] }],
      },
    ],
  });
  assert.ok(hasLine(diff, "b", "head", 2) && hasLine(diff, "b", "base", 1));
  assert.ok(!hasLine(diff, "b", "base", 2) && !hasLine(diff, "b", "head", 3) && !hasLine(diff, "a", "base", 1));
});
