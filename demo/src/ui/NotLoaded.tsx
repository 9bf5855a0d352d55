// What stands in the place of something that has not come: that it is on its way, or why not, and a button that asks again.
import { messageOf } from "./errors.ts";
import { Icon } from "./Icon.tsx";
import type { Loaded } from "./use-loaded.ts";

export function NotLoaded({ of: { value, error, again }, testId }: { of: Loaded<unknown>; testId?: string }) {
  if (error !== undefined) {
    return (
      <div className="inline-error" role="alert" data-testid={testId}>
        <Icon name="alert" />
        <p>{messageOf(error)}</p>
        <button type="button" className="button small" onClick={again}>
          Try again
        </button>
      </div>
    );
  }
  if (value !== undefined) return null;
  return (
    <p className="dialog-empty" role="status">
      Loading…
    </p>
  );
}
