// What of the drafts did not go as somebody wanted, as messages.
import type { Drafts, Rejected } from "interline";
import { useEffect } from "react";
import { words } from "../rejected/words.ts";
import { pushToast } from "../ui/toasts.ts";
import { isPublished } from "./published.ts";

/** Handles whose refusals from before were mentioned. */
const mentioned = new WeakSet<Drafts>();

export function useDraftNotices(drafts: Drafts | undefined, openRejected: () => void): void {
  useEffect(() => {
    if (!drafts) return;
    const show = (rejected: Rejected) => {
      if (isMoot(drafts, rejected)) return drafts.discardRejected(rejected.id);
      const { title, detail } = words(rejected);
      const action = { label: "Show", run: openRejected };
      pushToast({ tone: "warning", title, ...(detail && { detail }), about: `draft ${rejected.id}`, action });
    };
    if (!mentioned.has(drafts)) drafts.rejected.forEach(show);
    mentioned.add(drafts);
    const offs = [
      drafts.on("rejected", show),
      drafts.on("error", (error) => pushToast({ tone: "warning", title: "Something went wrong with your drafts", detail: error.message })),
    ];
    return () => offs.forEach((off) => off());
  }, [drafts, openRejected]);
}

/** Another tab or device published the same drafts first: what was wanted has happened. */
function isMoot(drafts: Drafts, { code, publication }: Rejected): boolean {
  if (code !== "published" || !publication || publication.decision !== undefined) return false;
  const left = new Set(drafts.list.map((draft) => draft.id));
  return publication.ids.every((id) => !left.has(id) && isPublished(drafts, id));
}
