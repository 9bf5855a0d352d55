// Messages about new code, and about remarks that two people made of the same line.
import type { Review } from "interline";
import { useEffect } from "react";
import { pushToast } from "../ui/toasts.ts";

export function usePatchSetNotices(review: Review, me: string, compareWith: (patchSet: number) => void): void {
  useEffect(() => {
    const offs = [
      review.on("patchSet", ({ number }) =>
        pushToast({
          tone: "info",
          title: `Patch set ${number} is here`,
          detail: "Threads have moved with their lines; those whose lines are gone stand at the head of their file.",
          about: `${review.data.id} ${number}`,
          ...(number > 1 && { action: { label: "What changed", run: () => compareWith(number - 1) } }),
        }),
      ),
      review.on("sameLine", ({ commentId, otherId }) => {
        const both = [review.get(commentId).data, review.get(otherId).data];
        const other = both.find(({ author }) => author.id !== me);
        if (!other) return;
        const { file, line } = other.anchor;
        pushToast({
          tone: "info",
          title: `${other.author.displayName} commented on the same line`,
          detail: `${file}, line ${line}: it may be the same remark.`,
          about: `${commentId} ${otherId}`,
        });
      }),
    ];
    return () => offs.forEach((off) => off());
  }, [review, me, compareWith]);
}
