// A review: opens it, loads its diff, and lays out the bar, the head, the files and the lines.
import type { PatchSet, Review } from "interline";
import { useCallback, useEffect, useMemo, useState, type ReactNode } from "react";
import { AccountMenu } from "../app/AccountMenu.tsx";
import { Link } from "../app/router.tsx";
import { useOpenReview, useSession } from "../app/session.tsx";
import { TopBar } from "../app/TopBar.tsx";
import { DiffView } from "../diff/DiffView.tsx";
import type { Reveal } from "../diff/reveal.ts";
import { OwnPresence } from "../presence/own-presence.ts";
import { ConnectionBanner } from "../review/ConnectionBanner.tsx";
import { ReviewContext, type ReviewScope } from "../review/context.ts";
import { Drafts } from "../review/drafts.ts";
import { FileList } from "../review/FileList.tsx";
import { useStepKeys } from "../review/keyboard.ts";
import { useNotices } from "../review/notices.ts";
import { ReviewHead } from "../review/ReviewHead.tsx";
import { ReviewTools } from "../review/ReviewTools.tsx";
import { RejectedPanel } from "../rejected/RejectedPanel.tsx";
import { useReview } from "../review/use-review.ts";
import { useUnloadGuard } from "../review/useUnloadGuard.ts";
import { codeOf, messageOf } from "../ui/errors.ts";
import { MessagePage } from "./MessagePage.tsx";

export function ReviewPage({ idOrKey }: { idOrKey: string }) {
  const [{ review, error }, retry] = useOpenReview(idOrKey);
  if (review) return <OpenReview review={review} />;
  if (codeOf(error) === "unknown_review") {
    return (
      <MessagePage title="No such review" text={`Nothing is known here as "${idOrKey}".`}>
        <Link className="button" href="/">
          All reviews
        </Link>
      </MessagePage>
    );
  }
  if (error !== undefined) {
    return (
      <MessagePage title="This review could not be opened" text={messageOf(error)}>
        <button type="button" className="button primary" onClick={retry}>
          Try again
        </button>
        <Link className="button" href="/">
          All reviews
        </Link>
      </MessagePage>
    );
  }
  return (
    <>
      <TopBar trail={<span className="mono">{idOrKey}</span>} account={<AccountMenu />} />
      <Loading />
    </>
  );
}

function OpenReview({ review }: { review: Review }) {
  const { client } = useSession();
  const me = client.user;
  const { title, id, key } = useReview(review, (r) => r.data);
  const scope = useMemo<ReviewScope>(
    () => ({ review, me, drafts: new Drafts(me.id, id), own: new OwnPresence(review) }),
    [review, me, id],
  );
  const [reveal, setReveal] = useState<Reveal>();
  const [current, setCurrent] = useState<string>();
  const [rejectedOpen, setRejectedOpen] = useState(false);
  const openRejected = useCallback(() => setRejectedOpen(true), []);
  const openFile = useCallback(
    (file: string) => {
      setReveal({ file });
      setCurrent(file);
      scope.own.moveTo({ file });
    },
    [scope],
  );

  useEffect(() => scope.own.start(), [scope]);
  useEffect(() => {
    document.title = `${title} - Interline`;
  }, [title]);
  useNotices(review, me, openRejected);
  useStepKeys();
  useUnloadGuard(review);

  return (
    <ReviewContext value={scope}>
      <TopBar
        trail={<span className="mono">{key ?? id}</span>}
        tools={<ReviewTools onVisit={setReveal} onRejected={openRejected} />}
        account={<AccountMenu />}
      />
      <ConnectionBanner client={client} review={review} />
      {rejectedOpen && <RejectedPanel onVisit={setReveal} onClose={() => setRejectedOpen(false)} />}
      <WithDiff review={review}>
        {(patchSet) => (
          <main>
            <ReviewHead files={patchSet.files} />
            <div className="review">
              <FileList files={patchSet.files} current={current} onOpen={openFile} />
              <DiffView patchSet={patchSet} reveal={reveal} onFile={setCurrent} />
            </div>
          </main>
        )}
      </WithDiff>
    </ReviewContext>
  );
}

/** Loads the diff of the review's current patch set, and the next one's when there is one. */
function WithDiff({ review, children }: { review: Review; children: (patchSet: PatchSet) => ReactNode }) {
  const number = useReview(review, (r) => r.data.patchSet);
  const [patchSet, setPatchSet] = useState<PatchSet>();
  const [error, setError] = useState<unknown>();
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let stale = false;
    setError(undefined);
    review.diff().then(
      (found) => !stale && setPatchSet(found),
      (failure: unknown) => !stale && setError(failure),
    );
    return () => {
      stale = true;
    };
  }, [review, number, attempt]);

  if (patchSet) return children(patchSet);
  if (error === undefined) return <Loading />;
  return (
    <main className="message">
      <h1>The diff could not be loaded</h1>
      <p>{messageOf(error)}</p>
      <button type="button" className="button" onClick={() => setAttempt((n) => n + 1)}>
        Try again
      </button>
    </main>
  );
}

function Loading() {
  return (
    <main className="loading" role="status" aria-label="Loading">
      <div />
      <div />
      <div />
    </main>
  );
}
