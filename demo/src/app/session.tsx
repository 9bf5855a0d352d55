// The one connection of the page: connects as the current user and hands the client to everything below.
import { connect, type Client, type ConnectionStatus, type Review, type User } from "interline";
import { createContext, use, useCallback, useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from "react";
import { OpenReviews } from "./open-reviews.ts";

export interface Session {
  client: Client;
  reviews: OpenReviews;
  /** The visitor, with the name as last chosen. */
  user: User;
  rename(displayName: string): void;
}

const SessionContext = createContext<Session | undefined>(undefined);

interface Props {
  user: User;
  rename(displayName: string): void;
  /** Shown until the first connection exists. */
  waiting: (failure: unknown, retry: () => void) => ReactNode;
  children: ReactNode;
}

interface Link {
  client: Client;
  reviews: OpenReviews;
}

export function SessionProvider({ user, rename, waiting, children }: Props) {
  const [link, setLink] = useState<Link>();
  const [failure, setFailure] = useState<unknown>();
  const [attempt, setAttempt] = useState(0);
  const current = useRef<Link>(undefined);
  const { id, displayName } = user;

  useEffect(() => {
    let stale = false;
    const before = current.current;
    const start = async () => {
      // After a change of name the old connection first delivers what was written under it.
      await before?.reviews.drained();
      if (stale) return;
      const client = await connect({ url: location.origin, user: { id, displayName } });
      if (stale) {
        client.close();
        return;
      }
      before?.client.close();
      current.current = { client, reviews: new OpenReviews(client) };
      setLink(current.current);
      setFailure(undefined);
    };
    start().catch((error: unknown) => {
      if (!stale) setFailure(error);
    });
    return () => {
      stale = true;
    };
  }, [id, displayName, attempt]);

  const retry = () => {
    setFailure(undefined);
    setAttempt((n) => n + 1);
  };
  if (!link) return waiting(failure, retry);
  return <SessionContext value={{ ...link, user, rename }}>{children}</SessionContext>;
}

export function useSession(): Session {
  const session = use(SessionContext);
  if (!session) throw new Error("useSession outside of SessionProvider");
  return session;
}

export function useConnection(client: Client): ConnectionStatus {
  const subscribe = useCallback((listener: () => void) => client.on("connection", listener), [client]);
  // Clients may hand out a new object on every read; equal ones must count as the same.
  const last = useRef<ConnectionStatus>(undefined);
  return useSyncExternalStore(subscribe, () => {
    const now = client.connection;
    const old = last.current;
    const same =
      old?.state === now.state &&
      old.reason === now.reason &&
      old.message === now.message &&
      old.retryable === now.retryable;
    if (!same) last.current = { ...now };
    return last.current ?? now;
  });
}

export type Opening = { review: Review; error?: never } | { review?: never; error?: unknown };

/** Opens a review for as long as the component shows it. */
export function useOpenReview(idOrKey: string): [Opening, retry: () => void] {
  const { reviews } = useSession();
  const [state, setState] = useState<Opening>({});
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let stale = false;
    setState({});
    reviews.acquire(idOrKey).then(
      (review) => !stale && setState({ review }),
      (error: unknown) => !stale && setState({ error }),
    );
    return () => {
      stale = true;
      reviews.release(idOrKey);
    };
  }, [reviews, idOrKey, attempt]);
  return [state, () => setAttempt((n) => n + 1)];
}
