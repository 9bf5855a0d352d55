// Structural sharing: the package hands out fresh objects, React compares identities.

/** `next`, but made of the parts of `old` that are equal; `old` itself if all is. For plain data only. */
export function share<T>(old: unknown, next: T): T {
  if (Object.is(old, next)) return next;
  if (Array.isArray(old) && Array.isArray(next)) {
    const shared: unknown[] = next.map((value, i) => share(old[i], value));
    const equal = old.length === shared.length && shared.every((value, i) => Object.is(value, old[i]));
    return (equal ? old : shared) as T;
  }
  if (isRecord(old) && isRecord(next)) {
    // No prototype: file names are keys too, and one may be called "constructor".
    const shared: Record<string, unknown> = Object.create(null);
    const keys = Object.keys(next);
    let equal = Object.keys(old).length === keys.length;
    for (const key of keys) {
      shared[key] = share(old[key], next[key]);
      equal &&= key in old && Object.is(shared[key], old[key]);
    }
    return (equal ? old : shared) as T;
  }
  return next;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
