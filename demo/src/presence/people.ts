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

/** Where somebody is, as a tooltip says it: "Ann - src/lib.rs:42". */
export function whereabouts(person: UserPresence): string {
  const away = person.isActive ? "" : " (away)";
  if (person.currentFile === undefined) return person.displayName + away;
  const line = person.currentLine === undefined ? "" : `:${person.currentLine}`;
  return `${person.displayName} - ${person.currentFile}${line}${away}`;
}

export function userOf(person: UserPresence): { id: string; displayName: string } {
  return { id: person.userId, displayName: person.displayName };
}
