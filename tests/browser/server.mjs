// A real server process on a free port with its own data folder.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

const DEADLINE_MS = 20_000;

/** Starts the server and resolves once it listens. Give `data` and `port` to start it again where it was. */
export async function startServer({ data, port = 0 } = {}) {
  const binary = process.env.INTERLINE_SERVER;
  if (!binary) throw new Error("INTERLINE_SERVER must name the server's binary");
  const dir = data ?? (await mkdtemp(join(tmpdir(), "interline-browser-")));
  const child = spawn(binary, ["--listen", `127.0.0.1:${port}`, "--data-dir", dir], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, RUST_LOG: process.env.RUST_LOG ?? "warn", REDIS_URL: "" },
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const url = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("the server did not start in time")), DEADLINE_MS);
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const found = /^interline listening on (http:\S+)/.exec(line);
      if (found) {
        clearTimeout(late);
        resolve(found[1]);
      }
    });
  });
  return {
    url,
    data: dir,
    port: Number(new URL(url).port),
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    async stop() {
      child.kill("SIGTERM");
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Runs a native client that appends `<name n>` to the first comment, n from 0; resolves to the text it ends with. */
export function startTypist(server, review, name, count) {
  // Built with the tests in Rust, beside the server.
  const binary = join(dirname(process.env.INTERLINE_SERVER), "typist");
  const child = spawn(binary, [server.url, review, name, String(count)], { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    let text;
    createInterface({ input: child.stdout })
      .on("line", (line) => {
        if (line.startsWith("text ")) text = line.slice("text ".length);
      })
      .on("close", () => (text === undefined ? reject(new Error(`${name} ended early`)) : resolve(text)));
    child.once("error", reject);
  });
}

/** Creates a review as `git diff | curl` would; resolves to `{id, url}`. */
export async function createReview(server, diff, title) {
  const response = await fetch(`${server.url}/api/reviews?title=${encodeURIComponent(title)}`, {
    method: "POST",
    body: diff,
  });
  if (response.status !== 201) throw new Error(`creating a review: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Gives a review its next patch set; resolves to that one's number. */
export async function addPatchSet(server, id, diff) {
  const response = await fetch(`${server.url}/api/reviews/${id}/patchsets`, { method: "POST", body: diff });
  if (response.status !== 201) throw new Error(`adding a patch set: ${response.status} ${await response.text()}`);
  return (await response.json()).number;
}

/** A review as REST shows it: committed state only. */
export async function readReview(server, id) {
  const response = await fetch(`${server.url}/api/reviews/${id}`);
  return response.json();
}
