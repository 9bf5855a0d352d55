// How far everything written here has come, as one of a few states, and the words for each.
import type { ConnectionStatus, StorageReport, Unsynced } from "interline";
import { shortReason } from "../review/connection.ts";
import { spanOf } from "../ui/RelativeTime.tsx";

/** A queue of at least this many is told by how much of it is done. */
const LONG = 5;

/** `saved`: all of it is on the server. `saving`, `sending`: on its way, a little or much. `waiting`: not before the connection is back. */
export type SyncState = "saved" | "saving" | "sending" | "waiting";

export function syncState({ state }: ConnectionStatus, { count, of }: Unsynced): SyncState {
  if (count === 0) return "saved";
  if (state !== "connected") return "waiting";
  return of >= LONG ? "sending" : "saving";
}

/** What the badge says. */
export function syncLabel(status: ConnectionStatus, unsynced: Unsynced, now: number): string {
  const { count, of, since } = unsynced;
  switch (syncState(status, unsynced)) {
    case "saved":
      if (status.state === "connected") return "All saved";
      return status.state === "connecting" ? "Connecting…" : shortReason(status);
    case "saving":
      return "Saving…";
    case "sending":
      return `Sending ${of - count + 1} of ${of}…`;
    case "waiting": {
      const age = since === undefined ? undefined : spanOf(now - since);
      return `${changes(count)} waiting${age ? `, ${age}` : ""}`;
    }
  }
}

/** What a screen reader is told; nothing while it would only chatter. */
export function syncNews(status: ConnectionStatus, unsynced: Unsynced): string | undefined {
  const reason = status.state === "disconnected" ? `${shortReason(status)}. ` : "";
  switch (syncState(status, unsynced)) {
    case "saved":
      return status.state === "connected" ? "All changes are saved" : reason.trim() || undefined;
    case "saving":
      return undefined;
    case "sending":
      return "Sending what waited";
    case "waiting":
      return `${reason}Changes are waiting to be sent`;
  }
}

/** Where unsent changes are, in a sentence; `stored` says whether all of them are there. */
export function storageSentence({ kind, reason }: StorageReport, stored: boolean): string {
  if (kind === "indexeddb" && !stored) return "Not all of it is kept in this browser yet: leave this page open until it is.";
  if (kind === "indexeddb") return "Unsent changes are kept in this browser: they outlast closing the page.";
  return `Unsent changes are kept in this page's memory only and go with it${reason ? ` (${reason})` : ", as in a private window"}.`;
}

export function changes(count: number): string {
  return `${count} ${count === 1 ? "change" : "changes"}`;
}
