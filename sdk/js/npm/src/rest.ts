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

export async function diff(origin: string, review: string, number: number): Promise<PatchSet> {
  return patchSet(await ask<WirePatchSet>(`${origin}/api/reviews/${encodeURIComponent(review)}/patchsets/${number}`));
}

export async function changedSince(origin: string, review: string, number: number): Promise<ChangedFile[]> {
  const path = `${origin}/api/reviews/${encodeURIComponent(review)}/patchsets/${number}/since`;
  return (await ask<{ files: ChangedFile[] }>(path)).files;
}

async function ask<T>(url: string, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers: { accept: "application/json", ...init?.headers } });
  } catch (cause) {
    const offline = typeof navigator !== "undefined" && navigator.onLine === false;
    const code = offline ? "offline" : "server_unavailable";
    throw new InterlineError({ code, message: "The server cannot be reached.", retryable: true }, { cause });
  }
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
