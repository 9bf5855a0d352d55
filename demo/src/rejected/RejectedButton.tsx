// Stays in the bar for as long as something waits for a decision.
import { Icon } from "../ui/Icon.tsx";
import { useRejected } from "./use-rejected.ts";

export function RejectedButton({ onOpen }: { onOpen(): void }) {
  const count = useRejected().length;
  if (count === 0) return null;
  return (
    <button type="button" className="rejected-button" data-testid="rejected-open" data-count={count} aria-haspopup="dialog" onClick={onOpen}>
      <Icon name="alert" />
      <span>{count} not applied</span>
    </button>
  );
}
