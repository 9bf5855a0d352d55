// The words for the state of the connection and for what is still on its way.
import type { ConnectionStatus } from "interline";

export function connectionLabel(status: ConnectionStatus, unsynced: number): string {
  if (status.state === "connected") return unsynced > 0 ? `Saving ${unsynced}…` : "Saved";
  const kept = unsynced > 0 ? ` - ${unsynced} ${unsynced === 1 ? "change" : "changes"} kept` : "";
  if (status.state === "connecting") return `Connecting…${kept}`;
  return shortReason(status) + kept;
}

function shortReason(status: ConnectionStatus): string {
  switch (status.reason) {
    case "server_unavailable":
      return "Server unavailable";
    case "unauthorized":
      return "Signed out";
    case "upgrade_required":
      return "Update needed";
    case "refused":
      return "Refused";
    case "closed":
      return "Closed";
    default:
      return "Offline";
  }
}

/** What the banner says while disconnected. */
export function connectionAdvice(status: ConnectionStatus): string {
  const kept = "Everything stays readable, and what you write is kept here until it can be sent.";
  switch (status.reason) {
    case "server_unavailable":
      return `The server cannot be reached. ${kept}`;
    case "unauthorized":
      return `You are signed out. ${kept}`;
    case "upgrade_required":
      return `The server speaks a newer version. ${kept} Reload to get it.`;
    case "refused":
      return `The server refused the connection${status.message ? `: ${status.message}` : ""}. ${kept}`;
    case "closed":
      return "This connection was closed. Reload the page to go on.";
    default:
      return `You are offline. ${kept}`;
  }
}
