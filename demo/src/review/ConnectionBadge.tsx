// Whether everything written here is safe on the server, in one glance.
import type { Client } from "interline";
import { useConnection } from "../app/session.tsx";
import { Icon, type IconName } from "../ui/Icon.tsx";
import { connectionLabel } from "./connection.ts";

export function ConnectionBadge({ client, unsynced }: { client: Client; unsynced: number }) {
  const status = useConnection(client);
  const connected = status.state === "connected";
  const icon: IconName = !connected ? (status.state === "connecting" ? "sync" : "cloudOff") : unsynced > 0 ? "sync" : "cloud";
  const label = connectionLabel(status, unsynced);
  return (
    <span
      className="connection"
      data-testid="connection"
      data-state={status.state}
      data-reason={status.reason}
      data-tip={label}
    >
      <Icon name={icon} />
      <span data-testid="unsynced" data-count={unsynced}>
        {label}
      </span>
    </span>
  );
}
