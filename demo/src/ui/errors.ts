// What to tell a person about a failure.

/** Failures of the package carry a stable code beside their message. */
export function codeOf(error: unknown): string | undefined {
  return property(error, "code", "string");
}

export function messageOf(error: unknown): string {
  return property(error, "message", "string") || "Something went wrong.";
}

/** The line of the input that a parser complained about, if it names one. */
export function lineOf(error: unknown): number | undefined {
  const line = property(error, "line", "number");
  if (line !== undefined) return line;
  const found = /\bline (\d+)\b/i.exec(messageOf(error));
  return found?.[1] ? Number(found[1]) : undefined;
}

interface Primitives {
  string: string;
  number: number;
}

function property<T extends keyof Primitives>(value: unknown, name: string, type: T): Primitives[T] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const found = (value as Record<string, unknown>)[name];
  return typeof found === type ? (found as Primitives[T]) : undefined;
}
