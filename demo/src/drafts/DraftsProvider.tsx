// Opens the visitor's private drafts in a review for as long as its page is shown.
import type { Drafts, Review } from "interline";
import { useEffect, useState, type ReactNode } from "react";
import { showRefused } from "../review/notices.ts";
import { DraftsContext } from "./use-drafts.ts";

export function DraftsProvider({ review, children }: { review: Review; children: ReactNode }) {
  const [drafts, setDrafts] = useState<Drafts>();
  useEffect(() => {
    let stale = false;
    let opened: Drafts | undefined;
    review.drafts().then(
      (made) => {
        if (stale) return made.close();
        opened = made;
        setDrafts(made);
      },
      (error: unknown) => {
        if (!stale) showRefused("Your drafts could not be opened", error);
      },
    );
    return () => {
      stale = true;
      opened?.close();
      setDrafts(undefined);
    };
  }, [review]);
  return <DraftsContext value={drafts}>{children}</DraftsContext>;
}
