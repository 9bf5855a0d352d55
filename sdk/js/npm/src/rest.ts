// What is asked for over HTTP: reviews as rows, new reviews, diffs.
import { patchSet, type WirePatchSet } from "./diff.js";
import { InterlineError, isErrorData } from "./error.js";
import type { ChangedFile, PatchSet, ReviewSummary, Status } from "./types.js";

interface WireSummary {
  id: string;
  key?: string | null;
  title: string;
  status: Status;
  url: string;
  created_at: number;
  comments: number;
  version: number;
}

/** How many rows are asked for at once, and how many at all. */
const PAGE = 200;
const MOST = 2_000;

/** Every review, newest first, up to the newest 2,000. */
export async function reviews(origin: string): Promise<ReviewSummary[]> {
  const rows: ReviewSummary[] = [];
  let after: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(PAGE), ...(after !== undefined && { after }) });
    const page = await ask<{ reviews: WireSummary[]; next?: string | null }>(`${origin}/api/reviews?${query}`);
    rows.push(...page.reviews.map(summary));
    after = page.reviews.length > 0 ? (page.next ?? undefined) : undefined;
  } while (after !== undefined && rows.length < MOST);
  return rows;
}

function summary({ key, created_at, ...rest }: WireSummary): ReviewSummary {
  return { ...rest, createdAt: created_at, ...(key != null && { key }) };
}

export async function createReview(
  origin: string,
  diff: string,
  { title, key }: { title: string; key?: string },
): Promise<{ id: string; url: string }> {
  const query = new URLSearchParams({ title, ...(key !== undefined && { key }) });
  const headers = { "content-type": "text/x-diff; charset=utf-8" };
  const { id, url } = await ask<{ id: string; url: string }>(`${origin}/api/reviews?${query}`, {
    method: "POST",
    body: diff,
    headers,
  });
  return { id, url };
}

/** The code of a patch set, and the tag by which the server tells it from other code of that number. */
export interface Code {
  tag: string | null;
  patchSet: PatchSet;
}

/**
 * The code of a patch set: what is `kept`, here or else by the browser, so that it can be looked at without the server.
 * Where the server can say so, it has to be what has this number still: once history was lost that may be other code.
 */
export async function code(origin: string, review: string, number: number, kept?: Code): Promise<Code> {
  const url = `${origin}/api/reviews/${encodeURIComponent(review)}/patchsets/${number}`;
  const load = async (cache: RequestCache): Promise<Code> => {
    const response = await send(url, { cache });
    return { tag: response.headers.get("etag"), patchSet: patchSet(await read<WirePatchSet>(response)) };
  };
  const known = kept ?? (await load("force-cache"));
  return known.tag === null || (await stands(url, known.tag)) ? known : load("reload");
}

/** Whether what has a tag is still it; also where nobody can say. */
async function stands(url: string, tag: string): Promise<boolean> {
  // Past the browser's cache, which would keep a gateway's error in the place of the code.
  const asked = send(url, { cache: "no-store", headers: { "if-none-match": tag } });
  const status = await asked.then((response) => response.status, () => undefined);
  return status === undefined || status === 304 || status >= 500;
}

export async function changedSince(origin: string, review: string, number: number): Promise<ChangedFile[]> {
  const path = `${origin}/api/reviews/${encodeURIComponent(review)}/patchsets/${number}/since`;
  return (await ask<{ files: ChangedFile[] }>(path)).files;
}

async function ask<T>(url: string, init?: RequestInit): Promise<T> {
  return read<T>(await send(url, init));
}

async function send(url: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, headers: { accept: "application/json", ...init?.headers } });
  } catch (cause) {
    const offline = typeof navigator !== "undefined" && navigator.onLine === false;
    const code = offline ? "offline" : "server_unavailable";
    throw new InterlineError({ code, message: "The server cannot be reached.", retryable: true }, { cause });
  }
}

async function read<T>(response: Response): Promise<T> {
  const body = (await response.json().catch(() => undefined)) as unknown;
  if (response.ok && body !== undefined) return body as T;
  if (!response.ok && isErrorData(body)) throw new InterlineError(body);
  const { status } = response;
  throw new InterlineError({
    code: status >= 500 ? "server_unavailable" : "bad_answer",
    message: `The server answered with status ${status}.`,
    retryable: status >= 500 || status === 429,
  });
}
