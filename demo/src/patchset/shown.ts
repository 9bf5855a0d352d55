// Which patch set the page shows, and where threads stand in it.
import type { CommentData, Place, PlacedAnchor, Thread } from "interline";
import { createContext, use, useMemo } from "react";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";

export interface Shown {
  number: number;
  /** Whether it is the newest one: threads stand in that, in older ones only those that were written there. */
  newest: boolean;
}

export const ShownContext = createContext<Shown>({ number: 1, newest: true });

export function useShown(): Shown {
  return use(ShownContext);
}

/** How a thread came to stand where it does: as its root did. */
export function standing(thread: Thread): Place | undefined {
  return thread.comments[0]?.place;
}

export function isOutdated(thread: Thread): boolean {
  return standing(thread)?.state === "outdated";
}

/** The file of the newest patch set that a thread is shown at. */
export function fileOf(thread: Thread): string {
  return (isOutdated(thread) && standing(thread)?.file) || thread.anchor.file;
}

/** Where a comment stands in the patch set that is shown: in an older one where it was written, if it was there. */
export function anchorIn({ number, newest }: Shown, { anchor, place }: CommentData): PlacedAnchor {
  return !newest && place.written.patchSet === number ? place.written : anchor;
}

/** The threads of a patch set by the file that they are shown at. */
export function threadsIn(threads: readonly Thread[], { number, newest }: Shown): Record<string, Thread[]> {
  // No prototype: a file may be called "constructor".
  const byFile: Record<string, Thread[]> = Object.create(null);
  const add = (path: string, thread: Thread) => (byFile[path] ??= []).push(thread);
  for (const thread of threads) {
    if (newest) {
      add(fileOf(thread), thread);
      continue;
    }
    const written = standing(thread)?.written ?? thread.anchor;
    if (written.patchSet === number) add(written.file, { ...thread, anchor: written });
  }
  return byFile;
}

export function useThreadsByFile(): Record<string, Thread[]> {
  const { review } = useScope();
  const shown = useShown();
  const threads = useReview(review, (r) => r.threads);
  return useMemo(() => threadsIn(threads, shown), [threads, shown]);
}
