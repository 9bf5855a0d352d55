// What everything inside a review page needs: the review, the visitor, their drafts and their presence.
import type { Review, User } from "interline";
import { createContext, use, useSyncExternalStore } from "react";
import type { SelectedLines } from "../diff/selected.ts";
import type { OwnPresence } from "../presence/own-presence.ts";
import type { DraftKey, Drafts } from "./drafts.ts";

export interface ReviewScope {
  review: Review;
  me: User;
  drafts: Drafts;
  own: OwnPresence;
  /** The lines that the visitor has selected. */
  lines: SelectedLines;
  /** Opens the dialog of a conflict. */
  showConflict(id: string): void;
}

export const ReviewContext = createContext<ReviewScope | undefined>(undefined);

export function useScope(): ReviewScope {
  const scope = use(ReviewContext);
  if (!scope) throw new Error("useScope outside of a review page");
  return scope;
}

export function useOpenDrafts(): readonly DraftKey[] {
  const { drafts } = useScope();
  return useSyncExternalStore(drafts.subscribe, () => drafts.open);
}
