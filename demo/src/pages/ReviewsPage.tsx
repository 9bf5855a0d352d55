// The list of reviews, and how to make the first one.
import type { ReviewSummary } from "interline";
import { useEffect, useState } from "react";
import { AccountMenu } from "../app/AccountMenu.tsx";
import { Link, reviewPath } from "../app/router.tsx";
import { useConnection, useSession } from "../app/session.tsx";
import { TopBar } from "../app/TopBar.tsx";
import { StatusBadge } from "../review/StatusBadge.tsx";
import { messageOf } from "../ui/errors.ts";
import { Icon } from "../ui/Icon.tsx";
import { RelativeTime } from "../ui/RelativeTime.tsx";
import { CommandHelp } from "./CommandHelp.tsx";

const REFRESH_MS = 10_000;

export function ReviewsPage() {
  const { reviews, error, retry } = useReviewList();
  useEffect(() => {
    document.title = "Reviews - Interline";
  }, []);
  return (
    <>
      <TopBar account={<AccountMenu />} />
      <main className="page">
        <div className="page-head">
          <h1>Reviews</h1>
          <Link href="/new" className="button primary">
            <Icon name="plus" /> New review
          </Link>
        </div>
        {error !== undefined && (
          <div className="inline-error" role="alert">
            <Icon name="alert" />
            <p>
              {reviews ? "The list may be out of date: " : "The list could not be loaded: "}
              {messageOf(error)}
            </p>
            <button type="button" className="button small" onClick={retry}>
              Try again
            </button>
          </div>
        )}
        {!reviews && error === undefined && <ListSkeleton />}
        {reviews?.length === 0 && <EmptyList />}
        {reviews && reviews.length > 0 && (
          <>
            <ul className="review-list">
              {reviews.map((review) => (
                <ReviewRow key={review.id} review={review} />
              ))}
            </ul>
            <details className="command-more">
              <summary>Create one from the command line</summary>
              <CommandHelp />
            </details>
          </>
        )}
      </main>
    </>
  );
}

function ReviewRow({ review }: { review: ReviewSummary }) {
  return (
    <li>
      <Link href={reviewPath(review)} className="review-row" data-testid="review-row" data-id={review.id}>
        <span className="review-row-main">
          <span className="review-row-title">{review.title}</span>
          <span className="review-row-meta">
            <span className="mono">{review.key ?? review.id}</span>
            <span aria-hidden="true">·</span>
            <RelativeTime at={review.createdAt} />
          </span>
        </span>
        <span className="review-row-comments" title={`${review.comments} ${review.comments === 1 ? "comment" : "comments"}`}>
          <Icon name="comment" />
          {review.comments}
        </span>
        <StatusBadge status={review.status} />
      </Link>
    </li>
  );
}

function EmptyList() {
  return (
    <section className="empty" data-testid="empty">
      <h2>No reviews yet</h2>
      <p>A review starts from a diff. Send one from any Git repository:</p>
      <CommandHelp />
      <p>
        Or <Link href="/new">paste or drop a diff here</Link>.
      </p>
    </section>
  );
}

function ListSkeleton() {
  return (
    <div className="review-list skeleton" role="status" aria-label="Loading reviews">
      <div />
      <div />
      <div />
    </div>
  );
}

/** The package has no event for the list, so it is asked again: now and then, on return, on reconnect. */
function useReviewList() {
  const { client } = useSession();
  const { state } = useConnection(client);
  const [reviews, setReviews] = useState<ReviewSummary[]>();
  const [error, setError] = useState<unknown>();
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let stale = false;
    const load = () => {
      if (document.hidden) return;
      client.reviews().then(
        (found) => {
          if (stale) return;
          setReviews(found);
          setError(undefined);
        },
        (failure: unknown) => !stale && setError(failure),
      );
    };
    load();
    const timer = setInterval(load, REFRESH_MS);
    document.addEventListener("visibilitychange", load);
    return () => {
      stale = true;
      clearInterval(timer);
      document.removeEventListener("visibilitychange", load);
    };
  }, [client, state, attempt]);
  return { reviews, error, retry: () => setAttempt((n) => n + 1) };
}
