// The browser's local store: its acceptance suite, and what takes two tabs, a full disk or another release.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startBrowser, until } from "./browser.mjs";
import { openPage, openTab, serveStores } from "./stores.mjs";

let browser;
let site;

before(async () => {
  site = await serveStores();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await site?.close();
});

/** A browser of one's own, as far as stores go. */
async function fresh(run) {
  const context = await browser.newContext();
  try {
    await run(context);
  } finally {
    await context.close();
  }
}

const fails = (promise, code) => assert.rejects(promise, (error) => {
  assert.match(String(error), new RegExp(`${code}: `));
  return true;
});

/** Closes a page, and waits until another sees that so many locks are left: they go a moment later. */
async function gone({ page }, witness, left) {
  await page.close();
  const held = () => witness.page.evaluate(async () => (await navigator.locks.query()).held.length);
  await until(held, (count) => count === left, "its locks go with a page");
}

test("the suite of stores", async (t) => {
  let names;
  await fresh(async (context) => {
    names = await (await openPage(context, site.url)).evaluate(() => ready);
  });
  assert.ok(names.length >= 19, `${names.length} tests`);
  for (const name of names) {
    await t.test(name, () => fresh(async (context) => {
      const page = await openPage(context, site.url);
      await page.evaluate((name) => call((stores) => stores.run(name)), name);
    }));
  }
});

test("a test in the browser that fails is seen to fail", () => fresh(async (context) => {
  const page = await openPage(context, site.url);
  await assert.rejects(page.evaluate(() => call((stores) => stores.run("no such test"))), /unwrap/);
}));

test("what a tab saved is there after it is gone", () => fresh(async (context) => {
  const first = await openTab(context, site.url);
  const client = await first.tab.begin();
  await first.tab.save(1, "typed offline", 10, true);
  await first.tab.keystroke(1, "typed offline, on", 7);
  const next = await openTab(context, site.url);
  await gone(first, next, 0);
  assert.equal(await next.tab.begin(), client);
  assert.deepEqual(await next.tab.load(1), ["typed offline, on", 10, 1, null]);
  assert.equal(await next.tab.storage(), "indexeddb");
}));

test("two tabs never share a client id, and one runs the other's to the end", () => fresh(async (context) => {
  const [one, other] = [await openTab(context, site.url), await openTab(context, site.url)];
  const ids = await Promise.all([one.tab.begin(), other.tab.begin()]);
  assert.notEqual(ids[0], ids[1]);
  await one.tab.save(1, "one's", 10, true);
  await other.tab.save(1, "other's", 10, true);
  assert.deepEqual(await one.tab.orphans(), []);
  await fails(one.tab.hold(ids[1]), "store_in_use");
  await gone(other, one, 1);
  assert.deepEqual(await one.tab.orphans(), [ids[1]]);
  const third = await openTab(context, site.url);
  await third.tab.hold(ids[1]);
  assert.deepEqual(await third.tab.load(1), ["other's", 10, 0, null]);
  assert.deepEqual(await one.tab.orphans(), []);
}));

test("a tab whose lock was stolen writes no more", () => fresh(async (context) => {
  const [frozen, living] = [await openTab(context, site.url), await openTab(context, site.url)];
  const client = await frozen.tab.begin();
  await frozen.tab.save(1, "before", 10, true);
  // What happens to the lock of a page that the browser froze: it goes, and the page does not know.
  await living.page.evaluate(async () => {
    const { held } = await navigator.locks.query();
    await navigator.locks.request(held[0].name, { steal: true }, () => {});
  });
  assert.equal(await living.tab.begin(), client);
  await living.tab.save(1, "after", 10, true);
  await fails(frozen.tab.save(1, "stale", 10, true), "store_in_use");
  await fails(frozen.tab.keystroke(2, "stale", null), "store_in_use");
  assert.deepEqual(await living.tab.load(1), ["after", 10, 0, null]);
  assert.equal(await living.tab.load(2), null);
}));

test("without locks each client begins anew, and what is abandoned is found", () => fresh(async (context) => {
  await context.addInitScript(() => Object.defineProperty(Navigator.prototype, "locks", { value: undefined }));
  const one = await openTab(context, site.url);
  const client = await one.tab.begin();
  await one.tab.save(1, "mine", 10, true);
  const other = await openTab(context, site.url);
  assert.notEqual(await other.tab.begin(), client);
  assert.deepEqual(await other.tab.orphans(), [], "it may live");
  await other.page.evaluate(() => {
    const now = Date.now;
    Date.now = () => now() + 3_600_000;
  });
  assert.deepEqual(await other.tab.orphans(), [client]);
  await other.tab.hold(client);
  await fails(one.tab.keystroke(1, "stale", null), "store_in_use");
  assert.deepEqual(await other.tab.load(1), ["mine", 10, 0, null]);
}));

/** Opens a database by hand, at a version; an older release that does not listen. */
const openRaw = (page, version, name = "interline") => page.evaluate(([version, name]) => new Promise((resolve, reject) => {
  const request = indexedDB.open(name, version);
  request.onsuccess = () => resolve(void (globalThis.raw = request.result));
  request.onerror = () => reject(request.error);
  request.onblocked = () => reject(new Error("blocked"));
}), [version, name]);

test("a newer release takes the store over: the older lets go at once and says so", () => fresh(async (context) => {
  const old = await openTab(context, site.url);
  await old.tab.begin();
  await old.tab.save(1, "before", 10, true);
  const newer = await openPage(context, site.url);
  await openRaw(newer, 99);
  assert.match((await old.tab.reports()).join(), /^store_newer: .*reload/);
  await fails(old.tab.save(1, "late", 10, true), "store_newer");
  await fails(old.tab.load(1), "store_newer");
  await fails(openTab(context, site.url), "store_newer");
  await fails(openTab(context, site.url, { open: "open_or_memory" }), "store_newer");
  // It is left as it was.
  const found = await newer.evaluate(() => new Promise((resolve) => {
    raw.transaction("pending").objectStore("pending").getAll().onsuccess = (event) => resolve(event.target.result);
  }));
  assert.deepEqual(found, ["before"]);
}));

test("an upgrade that an older tab blocks fails after a while, and works once that is gone", () => fresh(async (context) => {
  const page = await openPage(context, site.url);
  const schema = (steps) => page.evaluate((steps) => call((stores) => stores.open_schema(steps)), steps);
  assert.equal(await schema(1), 1);
  // One that is of the older schema, and deaf.
  const old = await openPage(context, site.url);
  await openRaw(old, 1, "schema");
  const begun = Date.now();
  await fails(schema(2), "InUse");
  const waited = Date.now() - begun;
  assert.ok(waited >= 2_900 && waited < 10_000, `${waited} ms`);
  await old.close();
  assert.equal(await schema(2), 2, "nothing of the try before is in the way");
  assert.equal(await schema(3), 3);
}));

test("what cannot be read is set aside, and what is pending stays", () => fresh(async (context) => {
  const { page, tab } = await openTab(context, site.url);
  await tab.begin();
  for (const n of [1, 2, 3]) await tab.save(n, `mine ${n}`, 10, true);
  await tab.keystroke(2, "mine 2", 5);
  await page.evaluate(() => new Promise((resolve, reject) => {
    const request = indexedDB.open("interline");
    request.onsuccess = () => {
      const transaction = request.result.transaction(["pending", "confirmed", "entries"], "readwrite");
      const spoil = (name, at) => {
        const store = transaction.objectStore(name);
        store.getAllKeys().onsuccess = ({ target }) => store.put({ no: "text" }, target.result[at]);
      };
      spoil("confirmed", 0);
      spoil("entries", 0);
      spoil("pending", 2);
      transaction.oncomplete = () => { request.result.close(); resolve(); };
      transaction.onabort = () => reject(transaction.error);
    };
  }));
  for (const n of [1, 2]) {
    const [pending, confirmed, entries, damaged] = await tab.load(n);
    assert.deepEqual([pending, confirmed, entries], [`mine ${n}`, null, 0]);
    assert.match(damaged, /set aside/);
    assert.deepEqual(await tab.load(n), [`mine ${n}`, null, 0, null], "told once");
  }
  await fails(tab.load(3), "store_unreadable");
  const kept = await tab.unreadable();
  assert.ok(kept.includes('confirmed: {"no":"text"}') && kept.includes('entry 5: {"no":"text"}'), kept.join());
  assert.ok(kept.includes('pending: {"no":"text"}'), kept.join());
}));

/** Deletes the database from the page, as clearing the site's data does; every connection is told, and lets go. */
const deleteDatabase = (page) => page.evaluate(() => new Promise((resolve, reject) => {
  const request = indexedDB.deleteDatabase("interline");
  request.onsuccess = () => resolve();
  request.onerror = () => reject(request.error);
  request.onblocked = () => reject(new Error("somebody does not let go"));
}));

test("a database deleted under two tabs is made again, and each keeps its slot", () => fresh(async (context) => {
  const [one, other] = [await openTab(context, site.url), await openTab(context, site.url)];
  const [client] = [await one.tab.begin(), await other.tab.begin()];
  await one.tab.save(1, "one's", 10, true);
  await other.tab.save(1, "other's", 10, true);
  await deleteDatabase(one.page);
  // Not as if somebody else had it: the client saves all it has.
  await fails(one.tab.keystroke(1, "one's, on", 1), "store_failed");
  await one.tab.save(1, "one's, whole", 10, true);
  await fails(other.tab.keystroke(1, "other's, on", 1), "store_failed");
  await other.tab.save(1, "other's, whole", 10, true);
  await one.tab.keystroke(1, "one's, and on", 1);
  assert.deepEqual(await other.tab.load(1), ["other's, whole", 10, 0, null]);
  await gone(one, other, 1);
  assert.deepEqual(await other.tab.orphans(), [client]);
  await other.tab.release();
  await other.tab.hold(client);
  assert.deepEqual(await other.tab.load(1), ["one's, and on", 10, 1, null]);
}));

test("a tab hears that its database was deleted, and what it saves whole is kept at once", () => fresh(async (context) => {
  const { page, tab } = await openTab(context, site.url);
  await tab.begin();
  await tab.save(1, "typed", 10, true);
  const heard = tab.lost();
  await deleteDatabase(page);
  await heard;
  await tab.save(1, "typed", 10, true);
  assert.match((await tab.reports()).join(), /was deleted/);
  assert.deepEqual(await tab.load(1), ["typed", 10, 0, null]);
}));

test("a slot that another tab has ended stays ended, though its row is gone", () => fresh(async (context) => {
  const { page, tab } = await openTab(context, site.url);
  await tab.begin();
  await tab.save(1, "mine", 10, true);
  await page.evaluate(() => new Promise((resolve, reject) => {
    const request = indexedDB.open("interline");
    request.onsuccess = () => {
      const tx = request.result.transaction("slots", "readwrite");
      // The keys of slots are arrays, which come behind every text.
      tx.objectStore("slots").delete(IDBKeyRange.lowerBound([]));
      tx.oncomplete = () => {
        request.result.close();
        resolve();
      };
      tx.onabort = () => reject(tx.error);
    };
  }));
  await fails(tab.save(1, "stale", 10, true), "store_in_use");
}));

test("a browser without IndexedDB goes on in memory, and says so", () => fresh(async (context) => {
  await context.addInitScript(() => {
    IDBFactory.prototype.open = () => { throw new DOMException("not in private windows", "SecurityError"); };
  });
  await fails(openTab(context, site.url), "store_failed");
  const { tab } = await openTab(context, site.url, { open: "open_or_memory" });
  assert.equal(await tab.storage(), "memory");
  assert.match((await tab.reports()).join(), /not in private windows/);
  await tab.begin();
  await tab.save(1, "in memory", 10, true);
  assert.deepEqual(await tab.load(1), ["in memory", 10, 0, null]);
}));

test("a database that cannot be opened for a moment is tried again", () => fresh(async (context) => {
  await context.addInitScript(() => {
    const open = IDBFactory.prototype.open;
    let fails = 2;
    IDBFactory.prototype.open = function (...args) {
      if (fails-- > 0) throw new DOMException("not now", "UnknownError");
      return open.apply(this, args);
    };
  });
  const { tab } = await openTab(context, site.url, { open: "open_or_memory" });
  assert.equal(await tab.storage(), "indexeddb");
}));

test("a database that cannot be opened is not replaced by memory", () => fresh(async (context) => {
  await context.addInitScript(() => {
    IDBFactory.prototype.open = () => { throw new DOMException("a broken disk", "UnknownError"); };
  });
  await fails(openTab(context, site.url, { open: "open_or_memory" }), "store_failed");
}));

/**
 * Sets how much the origin may store, in bytes. Before anything is stored: for a while afterwards the browser goes by
 * what it found the first time.
 */
async function quota(page, quotaSize) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin: new URL(site.url).origin, quotaSize });
}

/** The numbers of the reviews whose confirmed part is there. */
const confirmed = (page) => page.evaluate(() => new Promise((resolve, reject) => {
  const request = indexedDB.open("interline");
  request.onsuccess = () => {
    const keys = request.result.transaction("confirmed").objectStore("confirmed").getAllKeys();
    keys.onsuccess = () => {
      request.result.close();
      resolve(keys.result.map((key) => Number(key[3].slice(-2))).sort());
    };
  };
  request.onerror = () => reject(request.error);
}));

test("where there is no space caches go, the least recently used first, and nothing precious", () => fresh(async (context) => {
  const MB = 1_000_000;
  await quota(await openPage(context, site.url), 5.5 * MB);
  const first = await openTab(context, site.url);
  const client = await first.tab.begin();
  await first.tab.save(1, "older", MB, false);
  await first.tab.save(2, "not sent", MB, true);
  await first.tab.save(3, "younger", MB, false);
  await first.tab.load(1);
  const alive = await openTab(context, site.url);
  await gone(first, alive, 0);
  assert.equal(await alive.tab.begin(), client);
  await alive.tab.save(4, "open", MB, false);
  // Somebody else's, who needs the room.
  const here = await openTab(context, site.url);
  await here.tab.begin();
  await here.tab.save(5, "mine", MB, true);
  await fails(here.tab.save(6, "more", MB, true), "store_full");
  assert.deepEqual(await confirmed(here.page), [1, 2, 3, 4, 5], "the tab that they belong to lives");
  await gone(alive, here, 1);

  // Nobody uses them any more: number 3 was used before number 1.
  const parts = async (n) => (await here.tab.load(n))?.slice(0, 2) ?? null;
  await here.tab.save(6, "more", MB, true);
  assert.deepEqual([await parts(5), await parts(6)], [["mine", MB], ["more", MB]]);
  assert.deepEqual(await confirmed(here.page), [1, 2, 4, 5, 6], "the least recently used is gone, and that alone");
  await here.tab.save(7, "and more", MB, true);
  await here.tab.save(8, "and yet more", MB, true);
  await fails(here.tab.save(9, "too much", MB, true), "store_full");
  assert.deepEqual(await parts(9), null);
  await here.tab.release();
  await here.tab.hold(client);
  assert.deepEqual(await parts(2), ["not sent", MB]);
  for (const [n, pending] of [[1, "older"], [3, "younger"], [4, "open"]]) {
    assert.deepEqual(await parts(n), [pending, null], "what is pending is small, and stays");
  }
}));

test("a key press costs what it is worth beside a confirmed review of 4,000 comments", (t) => fresh(async (context) => {
  const { page, tab } = await openTab(context, site.url);
  await tab.begin();
  const median = (rounds, method, ...args) => page.evaluate(async ([rounds, method, args]) => {
    const took = [];
    for (let n = 1; n <= rounds; n++) {
      const begun = performance.now();
      await globalThis.tab[method](1, `key press ${n}`, ...args.map((arg) => arg === "n" ? n : arg));
      took.push(performance.now() - begun);
    }
    return took.sort((a, b) => a - b)[rounds >> 1];
  }, [rounds, method, args]);
  // About 400 bytes of JSON for each comment.
  const prepared = await page.evaluate(() => globalThis.tab.prepare(4_000 * 400));
  assert.equal(prepared, 1_600_000);
  const whole = await median(30, "save_prepared");
  const pending = await median(200, "keystroke", undefined);
  const entry = await median(200, "keystroke", "n");
  t.diagnostic(`median of a save: ${pending} ms pending alone, ${entry} ms with an entry, ${whole} ms all of it`);
  assert.ok(pending < whole && entry < whole);
}));
