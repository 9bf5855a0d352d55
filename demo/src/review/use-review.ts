// A review as React state. `useReview` renders a component again only when the part that it selects changed.
import type { ConflictData, Decision, Rejected, Review, ReviewData, Thread, Unsynced, UserPresence } from "interline";
import { useCallback, useSyncExternalStore } from "react";
import { threadsWithDisputed } from "../conflicts/disputed.ts";
import { fileOf } from "../patchset/shown.ts";
import { share } from "./share.ts";

export interface ReviewSnapshot {
  data: ReviewData;
  threads: Thread[];
  threadsById: Record<string, Thread>;
  threadsByFile: Record<string, Thread[]>;
  presence: UserPresence[];
  unsynced: Unsynced;
  rejected: Rejected[];
  conflicts: ConflictData[];
  decisions: Decision[];
  /** The threads that the visitor has not read as they are now. */
  unread: string[];
  /** The files that the visitor has viewed as they are now. */
  viewed: string[];
}

export function useReview<T>(review: Review, select: (snapshot: ReviewSnapshot) => T): T {
  const live = liveOf(review);
  const subscribe = useCallback((listener: () => void) => live.subscribe(listener), [live]);
  return useSyncExternalStore(subscribe, () => select(live.snapshot));
}

/** Keeps one snapshot per review, however many components look at it. */
class Live {
  readonly #review: Review;
  readonly #listeners = new Set<() => void>();
  #stop: (() => void) | undefined;
  snapshot: ReviewSnapshot;

  constructor(review: Review) {
    this.#review = review;
    this.snapshot = take(review);
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (!this.#stop) this.#start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  #start(): void {
    const offs = [
      this.#review.on("change", this.#update),
      this.#review.on("presence", this.#update),
      this.#review.on("unsynced", this.#update),
    ];
    this.#stop = () => offs.forEach((off) => off());
    // What changed while nobody was listening.
    this.#update();
  }

  #update = (): void => {
    const next = take(this.#review, this.snapshot);
    if (next === this.snapshot) return;
    this.snapshot = next;
    for (const listener of this.#listeners) listener();
  };
}

const lives = new WeakMap<Review, Live>();

function liveOf(review: Review): Live {
  let live = lives.get(review);
  if (!live) {
    live = new Live(review);
    lives.set(review, live);
  }
  return live;
}

function take(review: Review, old?: ReviewSnapshot): ReviewSnapshot {
  // State is plain data: whoever settles a conflict takes it from the review.
  const conflicts = review.conflicts().map(({ resolve, text, ...data }): ConflictData => data);
  const threads = share(old?.threads, threadsWithDisputed(review, conflicts));
  const threadsById: Record<string, Thread> = Object.create(null);
  const threadsByFile: Record<string, Thread[]> = Object.create(null);
  for (const thread of threads) {
    threadsById[thread.id] = thread;
    (threadsByFile[fileOf(thread)] ??= []).push(thread);
  }
  return share(old, {
    data: { ...review.data },
    threads,
    threadsById,
    threadsByFile,
    presence: review.presence(),
    unsynced: { ...review.unsynced },
    rejected: review.rejected,
    conflicts,
    decisions: review.decisions(),
    unread: review.unread(),
    viewed: review.viewed(),
  });
}
