// How many threads hold something that the visitor has not read; pressing it goes to the first.
import type { Reveal } from "../diff/reveal.ts";
import { fileOf } from "../patchset/shown.ts";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
import { Icon } from "../ui/Icon.tsx";

export function UnreadButton({ onVisit }: { onVisit(place: Reveal): void }) {
  const { review } = useScope();
  const unread = useReview(review, (r) => r.unread);
  const first = useReview(review, (r) => r.threads.find((thread) => r.unread.includes(thread.id)));
  if (!first) return null;
  const { side, line } = first.anchor;
  const outdated = first.comments[0]?.place.state === "outdated";
  return (
    <button
      type="button"
      className="unread-button"
      data-testid="unread"
      data-count={unread.length}
      onClick={() => onVisit({ file: fileOf(first), ...(!outdated && { side, line }) })}
    >
      <Icon name="dot" size={12} /> {unread.length} unread
    </button>
  );
}
