// Who the visitor says they are: a name they chose and an id that stays the same, kept in this browser.
import type { User } from "interline";

const KEY = "interline.user";

export function loadUser(): User | undefined {
  try {
    const saved: unknown = JSON.parse(localStorage.getItem(KEY) ?? "null");
    if (saved && typeof saved === "object" && "id" in saved && "displayName" in saved) {
      const { id, displayName } = saved;
      if (typeof id === "string" && typeof displayName === "string" && id && displayName) {
        return { id, displayName };
      }
    }
  } catch {
    // Unreadable or no storage: ask again.
  }
  return undefined;
}

/** Remembers the name; the id is made once and kept across changes of name. */
export function saveUser(displayName: string, known?: User): User {
  const user = { id: known?.id ?? newId(), displayName };
  try {
    localStorage.setItem(KEY, JSON.stringify(user));
  } catch {
    // Without storage the name lasts as long as the page.
  }
  return user;
}

/** `crypto.randomUUID` exists only on https and localhost; a server in a plain http network works too. */
function newId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
