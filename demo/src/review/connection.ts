// The words for the state of the connection.
import type { ConnectionStatus } from "interline";

/** In two words at most. */
export function shortReason(status: ConnectionStatus): string {
  switch (status.reason) {
    case "server_unavailable":
      return "Server unavailable";
    case "unauthorized":
      return "Signed out";
    case "upgrade_required":
      return "Update needed";
    case "refused":
      return "Refused";
    case "taken_over":
      return "Taken over";
    case "closed":
      return "Closed";
    default:
      return "Offline";
  }
}

/** What it says instead once another tab has taken over while something written here is kept nowhere else. */
export const ONLY_HERE =
  "Another tab goes on with what was kept here. What was written since is on this page alone and would go with it: copy it first, then reload.";

/** What the banner says while disconnected. */
export function connectionAdvice(status: ConnectionStatus): string {
  const kept = "Everything stays readable, and what you write is kept until it can be sent.";
  switch (status.reason) {
    case "server_unavailable":
      return `The server cannot be reached. ${kept}`;
    case "unauthorized":
      return `You are signed out. ${kept}`;
    case "upgrade_required":
      return `The server speaks a newer version. ${kept} Reload to get it.`;
    case "refused":
      return `The server refused the connection${status.message ? `: ${status.message}` : ""}. ${kept}`;
    case "taken_over":
      return "Another tab goes on with what was kept here. Reload the page to go on in this one.";
    case "closed":
      return "This connection was closed. Reload the page to go on.";
    default:
      return `You are offline. ${kept}`;
  }
}
