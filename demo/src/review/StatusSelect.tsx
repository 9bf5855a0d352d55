// The review's status as a control: a native select, so that every keyboard and screen reader knows it.
import type { Status } from "interline";
import { Icon } from "../ui/Icon.tsx";
import { useScope } from "./context.ts";
import { statuses, statusIcons, statusLabels } from "./status.ts";
import { useReview } from "./use-review.ts";

export function StatusSelect() {
  const { review } = useScope();
  const status = useReview(review, (r) => r.data.status);
  return (
    <span className="status-control" data-status={status}>
      <Icon name={statusIcons[status]} />
      <select
        data-testid="status-select"
        aria-label="Status"
        value={status}
        onChange={(event) => review.setStatus(event.target.value as Status)}
      >
        {statuses.map((each) => (
          <option key={each} value={each}>
            {statusLabels[each]}
          </option>
        ))}
      </select>
      <Icon name="chevron" size={12} />
    </span>
  );
}

export function StatusBadge({ status }: { status: Status }) {
  return (
    <span className="status-badge" data-status={status}>
      <Icon name={statusIcons[status]} size={14} />
      {statusLabels[status]}
    </span>
  );
}
