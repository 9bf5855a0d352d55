// What is asked for when something opens, such as a dialog: it comes, or it fails and can be asked for again.
import { useCallback, useEffect, useState } from "react";

type State<T> = { value: T; error?: never } | { value?: never; error?: unknown };

export type Loaded<T> = State<T> & {
  /** Asks again. */
  again(): void;
};

/** Asks at once, and again whenever `load` is another function: what comes of an earlier one does not count then. */
export function useLoaded<T>(load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<State<T>>({});
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let stale = false;
    setState({});
    load().then(
      (value) => !stale && setState({ value }),
      (error: unknown) => !stale && setState({ error }),
    );
    return () => {
      stale = true;
    };
  }, [load, attempt]);
  return { ...state, again: useCallback(() => setAttempt((n) => n + 1), []) };
}
