// Opens the visitor's private drafts in a review for as long as its page is shown.
import type { Drafts, Review } from "interline";
import { useEffect, useState, type ReactNode } from "react";
import { messageOf } from "../ui/errors.ts";
import { pushToast } from "../ui/toasts.ts";
import { DraftsContext } from "./use-drafts.ts";

export function DraftsProvider({ review, children }: { review: Review; children: ReactNode }) {
  const [drafts, setDrafts] = useState<Drafts>();
  const [attempt, setAttempt] = useState(0);
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
        if (stale) return;
        // It stays: what was submitted meanwhile waits for them.
        const action = { label: "Try again", run: () => setAttempt((n) => n + 1) };
        pushToast({ tone: "warning", title: "Your drafts could not be opened", detail: messageOf(error), stays: true, action });
      },
    );
    return () => {
      stale = true;
      opened?.close();
      setDrafts(undefined);
    };
  }, [review, attempt]);
  return <DraftsContext value={drafts}>{children}</DraftsContext>;
}
