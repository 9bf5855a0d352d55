// Who decided what, having seen which patch set; what was decided on older code says so.
import type { Decision } from "interline";
import { Avatar } from "../presence/Avatar.tsx";
import { useScope } from "../review/context.ts";
import { StatusBadge } from "../review/StatusBadge.tsx";
import { useReview } from "../review/use-review.ts";
import { Icon } from "../ui/Icon.tsx";
import { RelativeTime } from "../ui/RelativeTime.tsx";

/** `onCompare` shows what changed since a patch set. */
export function DecisionList({ onCompare }: { onCompare(patchSet: number): void }) {
  const { review } = useScope();
  const decisions = useReview(review, (r) => r.decisions);
  const newest = useReview(review, (r) => r.data.patchSet);
  if (decisions.length === 0) return null;
  return (
    <ul className="decisions" aria-label="Decisions">
      {decisions.map((decision) => (
        <DecisionRow key={decision.author.id} decision={decision} newest={newest} onCompare={onCompare} />
      ))}
    </ul>
  );
}

interface RowProps {
  decision: Decision;
  newest: number;
  onCompare(patchSet: number): void;
}

function DecisionRow({ decision: { author, value, patchSet, note, at, stale }, newest, onCompare }: RowProps) {
  return (
    <li className="decision" data-testid="decision" data-user={author.id} data-value={value} data-stale={stale}>
      <Avatar user={author} size={20} />
      <strong>{author.displayName}</strong>
      <StatusBadge status={value} />
      <span className="decision-about">
        patch set {patchSet}, <RelativeTime at={at} />
      </span>
      {stale && (
        <span className="decision-stale" data-testid="decision-stale">
          <Icon name="clock" size={13} /> Stale: {newest} is current
          <button type="button" className="link-button" data-testid="decision-since" aria-haspopup="dialog" onClick={() => onCompare(patchSet)}>
            what changed since
          </button>
        </span>
      )}
      {note && <p className="decision-note">{note}</p>}
    </li>
  );
}
