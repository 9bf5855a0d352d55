// Stays in the bar for as long as something waits for a decision.
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
import { Icon } from "../ui/Icon.tsx";

export function RejectedButton({ onOpen }: { onOpen(): void }) {
  const { review } = useScope();
  const count = useReview(review, (r) => r.rejected.length);
  if (count === 0) return null;
  return (
    <button type="button" className="rejected-button" data-testid="rejected-open" data-count={count} aria-haspopup="dialog" onClick={onOpen}>
      <Icon name="alert" />
      <span>{count} not applied</span>
    </button>
  );
}
