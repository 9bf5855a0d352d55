// The visitor's private drafts as React state, shared by every component that looks.
import type { Draft, Drafts, Rejected } from "interline";
import { createContext, use, useCallback, useMemo, useSyncExternalStore } from "react";
import { useScope } from "../review/context.ts";
import { share } from "../review/share.ts";
import { useReview } from "../review/use-review.ts";

/** Nothing until they are open, which is a moment after the review is. */
export const DraftsContext = createContext<Drafts | undefined>(undefined);

export function useDrafts(): Drafts | undefined {
  return use(DraftsContext);
}

interface Snapshot {
  list: Draft[];
  rejected: Rejected[];
}

const NOTHING: Snapshot = { list: [], rejected: [] };

/** Keeps one snapshot per handle, however many components look at it. */
const snapshots = new WeakMap<Drafts, Snapshot>();

function useSnapshot<T>(select: (snapshot: Snapshot) => T): T {
  const drafts = useDrafts();
  const subscribe = useCallback(
    (listener: () => void) => {
      if (!drafts) return () => {};
      const update = () => {
        // Whichever component hears of it first takes the snapshot; each looks whether its part is another one.
        snapshots.set(drafts, take(drafts, snapshots.get(drafts)));
        listener();
      };
      // What changed while nobody was listening.
      update();
      return drafts.on("change", update);
    },
    [drafts],
  );
  return useSyncExternalStore(subscribe, () => select((drafts && known(drafts)) ?? NOTHING));
}

function known(drafts: Drafts): Snapshot {
  let snapshot = snapshots.get(drafts);
  if (!snapshot) snapshots.set(drafts, (snapshot = take(drafts)));
  return snapshot;
}

function take(drafts: Drafts, old?: Snapshot): Snapshot {
  return share(old, { list: drafts.list, rejected: drafts.rejected });
}

export function useDraftList(): readonly Draft[] {
  return useSnapshot((snapshot) => snapshot.list);
}

/** Those that no composer on this page shows. */
export function useStandingDrafts(): readonly Draft[] {
  const { drafts: composers } = useScope();
  const list = useDraftList();
  const composed = useSyncExternalStore(composers.subscribe, () => composers.composed);
  return useMemo(() => list.filter((draft) => !composed.has(draft.id)), [list, composed]);
}

export function useDraft(id: string): Draft | undefined {
  return useSnapshot((snapshot) => snapshot.list.find((draft) => draft.id === id));
}

/** A draft to show; nothing of one that the review shows as a comment already, a moment before it is no draft any more. */
export function useShownDraft(id: string): Draft | undefined {
  const { review } = useScope();
  const draft = useDraft(id);
  const publishing = draft?.publishing === true;
  const there = useReview(review, (r) => publishing && r.threads.some(({ comments }) => comments.some((comment) => comment.id === id)));
  return there ? undefined : draft;
}

/** What of the drafts, or of publishing them, is not on the server as it was meant. */
export function useRejectedDrafts(): readonly Rejected[] {
  return useSnapshot((snapshot) => snapshot.rejected);
}
