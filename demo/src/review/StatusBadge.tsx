// The review's status, or a decision, as a badge.
import type { Status } from "interline";
import { Icon } from "../ui/Icon.tsx";
import { statusIcons, statusLabels } from "./status.ts";

export function StatusBadge({ status }: { status: Status }) {
  return (
    <span className="status-badge" data-status={status}>
      <Icon name={statusIcons[status]} size={14} />
      {statusLabels[status]}
    </span>
  );
}
