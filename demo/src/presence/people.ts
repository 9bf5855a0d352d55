// Presence comes one record per session; these functions turn it into people.
import type { UserPresence } from "interline";

/** Everybody but `me`, one record each: the most recently active session speaks for the person. */
export function othersIn(presence: readonly UserPresence[], me: string): UserPresence[] {
  const people = new Map<string, UserPresence>();
  for (const session of presence) {
    if (session.userId === me) continue;
    const known = people.get(session.userId);
    const better = !known || rank(session) > rank(known);
    if (better) people.set(session.userId, session);
  }
  return [...people.values()].sort((a, b) => (a.userId < b.userId ? -1 : 1));
}

function rank(session: UserPresence): number {
  return session.lastSeen + (session.isActive ? 1e15 : 0);
}

/** The patch set that somebody looks at; who does not say looks at the newest. */
export function patchSetOf(person: UserPresence, newest: number): number {
  return person.currentPatchSet ?? newest;
}

/** Where somebody is, as a tooltip says it: "Ann - src/lib.rs:42"; with the patch set, if it is not the one shown. */
export function whereabouts(person: UserPresence, shown: number, newest: number): string {
  const away = person.isActive ? "" : " (away)";
  if (person.currentFile === undefined) return person.displayName + away;
  const line = person.currentLine === undefined ? "" : `:${person.currentLine}`;
  const there = patchSetOf(person, newest);
  return `${person.displayName} - ${person.currentFile}${line}${there === shown ? "" : ` on patch set ${there}`}${away}`;
}

export function userOf(person: UserPresence): { id: string; displayName: string } {
  return { id: person.userId, displayName: person.displayName };
}
