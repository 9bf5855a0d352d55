import type { InterlineErrorData } from "./types.js";

/** Every failure of this package: a stable code, and whether trying the same thing again can help. */
export class InterlineError extends Error implements InterlineErrorData {
  override readonly name = "InterlineError";
  readonly code: string;
  readonly retryable: boolean;
  readonly line?: number;

  constructor(data: InterlineErrorData, options?: ErrorOptions) {
    super(data.message, options);
    this.code = data.code;
    this.retryable = data.retryable;
    if (data.line !== undefined) this.line = data.line;
  }

  /** Makes an error of whatever was thrown: the wasm module throws the JSON of an `InterlineErrorData`. */
  static from(thrown: unknown): InterlineError {
    if (thrown instanceof InterlineError) return thrown;
    const data = typeof thrown === "string" ? parse(thrown) : undefined;
    if (data) return new InterlineError(data);
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new InterlineError({ code: "internal", message, retryable: false }, { cause: thrown });
  }
}

function parse(json: string): InterlineErrorData | undefined {
  try {
    const data: unknown = JSON.parse(json);
    return isErrorData(data) ? data : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a value has the shape of an error as the wasm module and the server write them. */
export function isErrorData(data: unknown): data is InterlineErrorData {
  if (typeof data !== "object" || data === null) return false;
  const { code, message, retryable } = data as Record<string, unknown>;
  return typeof code === "string" && typeof message === "string" && typeof retryable === "boolean";
}

/** Runs a call into the wasm module; what it throws becomes an `InterlineError`. */
export function guard<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw InterlineError.from(thrown);
  }
}

/** The same for a call that takes time. */
export async function guardAsync<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    throw InterlineError.from(thrown);
  }
}
