// What can be chosen in a conflict: the sides as they are for the viewer, and what was merged.
import type { ConflictData, ConflictResolution, ConflictSide, FieldValue } from "interline";
import { subjectOf } from "./words.ts";

export interface Choice {
  /** `mine` and `theirs` are there for who is part of it; bystanders choose between names. */
  kind: "mine" | "theirs" | "side" | "merged";
  label: string;
  /** Who wrote it; of what was merged nobody alone. */
  side?: ConflictSide;
  value: FieldValue;
  settles: Settles;
}

/** How it settles the conflict; `custom` with its value. */
export type Settles = [how: ConflictResolution, custom?: FieldValue];

/** Of a text that is gone nobody can make another: then all there is to say is that it stays as it was merged. */
export function choicesOf(conflict: ConflictData, gone = false): Choice[] {
  const { mine, theirs, sides, merged } = conflict;
  const choices: Choice[] = [];
  if (gone) return [{ kind: "merged", label: "Dismiss", value: merged ?? "", settles: ["merged"] }];
  const offered = (value: FieldValue) => value === mine?.value || value === theirs?.value;
  // Several may have said the same: one button for each value.
  const rest = sides.filter(({ value }, at) => !offered(value) && sides.findIndex((side) => side.value === value) === at);
  if (mine) choices.push({ kind: "mine", label: label(conflict, mine, "Keep mine"), side: mine, value: mine.value, settles: ["keep-mine"] });
  if (theirs) {
    // A bystander has no "theirs".
    const words = mine ? "Keep theirs" : `Keep ${theirs.author.displayName}'s`;
    choices.push({ kind: mine ? "theirs" : "side", label: label(conflict, theirs, words), side: theirs, value: theirs.value, settles: mine ? ["keep-theirs"] : ["custom", theirs.value] });
  }
  for (const side of rest) {
    choices.push({ kind: "side", label: label(conflict, side, `Keep ${side.author.displayName}'s`), side, value: side.value, settles: ["custom", side.value] });
  }
  if (merged !== undefined && subjectOf(conflict) === "text") {
    choices.push({ kind: "merged", label: "Keep merged", value: merged, settles: ["merged"] });
  }
  return choices;
}

function label(conflict: ConflictData, side: ConflictSide, otherwise: string): string {
  if (subjectOf(conflict) !== "removed") return otherwise;
  return side.value === true ? "Leave it removed" : "Bring it back";
}
