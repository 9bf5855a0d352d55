// The words and looks of a review's status, in one place.
import type { Status } from "interline";
import type { IconName } from "../ui/Icon.tsx";

export const statuses: readonly Status[] = ["pending", "approved", "changes_requested"];

export const statusLabels: Record<Status, string> = {
  pending: "Pending",
  approved: "Approved",
  changes_requested: "Changes requested",
};

export const statusIcons: Record<Status, IconName> = {
  pending: "circle",
  approved: "approved",
  changes_requested: "changes",
};
