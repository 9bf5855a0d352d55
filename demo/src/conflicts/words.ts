// The words for conflicts, as whoever looks at them needs them.
import type { ConflictData, ConflictSide, Settlement, Status } from "interline";
import { statusLabels } from "../review/status.ts";

/** What a conflict is about: a text and a removal belong to a comment, the status to the review. */
export type Subject = "text" | "removed" | "status" | "other";

export function subjectOf({ field }: Pick<ConflictData, "field">): Subject {
  return field === "text" || field === "removed" || field === "status" ? field : "other";
}

/** What the message says that tells of it. */
export function noticeOf(conflict: ConflictData): string {
  const { mine, theirs } = conflict;
  if (!mine || !theirs) return `${namesOf(conflict.sides)} disagree about ${thingOf(conflict)}`;
  const who = theirs.author.displayName;
  switch (subjectOf(conflict)) {
    case "text":
      return `${who} also modified this comment`;
    case "removed":
      return theirs.value === true ? `${who} removed the comment that you changed` : `${who} changed the comment that you removed`;
    case "status":
      return `${who} also changed the decision`;
    case "other":
      return `${who} also changed ${thingOf(conflict)}`;
  }
}

/** What a list and the dialog's head call it. */
export function titleOf(conflict: ConflictData): string {
  switch (subjectOf(conflict)) {
    case "text":
      return "Two versions of a comment";
    case "removed":
      return "Changed and removed at once";
    case "status":
      return "Two decisions";
    case "other":
      return `Two values of ${thingOf(conflict)}`;
  }
}

/** What stands for as long as nobody decides. */
export function standsNow(conflict: ConflictData): string {
  switch (subjectOf(conflict)) {
    case "text":
      return "Both changes were merged, and the merged text stands until somebody decides.";
    case "removed":
      return "The comment stays removed until somebody decides.";
    default: {
      const [first] = conflict.sides;
      return first ? `${first.author.displayName}'s stands until somebody decides, for it came first.` : "";
    }
  }
}

function thingOf(conflict: ConflictData): string {
  const things: Record<Subject, string> = { text: "a comment", removed: "a comment", status: "the decision", other: `"${conflict.field}"` };
  return things[subjectOf(conflict)];
}

export function namesOf(sides: readonly ConflictSide[]): string {
  const names = sides.map((side) => side.author.displayName);
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** A field's value, for people. */
export function valueWords(value: string | boolean): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return value in statusLabels ? statusLabels[value as Status] : value;
}

/** How a conflict ended. */
export function settledWords({ by, field, how, side, value }: Settlement): string {
  const who = by.displayName;
  if (how === "agreed") return "The conflict is over: both say the same";
  if (field === "text") {
    const kept = how === "merged" ? "kept what was merged" : how === "side" && side ? `kept ${side.id === by.id ? "their own" : `${side.displayName}'s`} version` : "wrote something else";
    return `${who} settled the conflict about a comment, and ${kept}`;
  }
  if (field === "removed") return value === true ? `${who} left the comment removed` : `${who} brought the comment back`;
  return value === undefined ? `${who} settled the conflict` : `${who} settled the conflict: ${valueWords(value)}`;
}
