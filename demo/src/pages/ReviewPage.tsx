// A review: opens it, loads its diff, and lays out the bar, the head, the files and the lines.
import type { PatchSet, Review } from "interline";
import { useCallback, useEffect, useMemo, useState, type ReactNode } from "react";
import { AccountMenu } from "../app/AccountMenu.tsx";
import { Link } from "../app/router.tsx";
import { useConnection, useOpenReview, useSession } from "../app/session.tsx";
import { TopBar } from "../app/TopBar.tsx";
import { useConflictNotices } from "../conflicts/notices.ts";
import { OpenConflict } from "../conflicts/OpenConflict.tsx";
import { DiffView } from "../diff/DiffView.tsx";
import type { Reveal } from "../diff/reveal.ts";
import { SelectedLines } from "../diff/selected.ts";
import { useDraftNotices } from "../drafts/notices.ts";
import { DraftsProvider } from "../drafts/DraftsProvider.tsx";
import { useDrafts } from "../drafts/use-drafts.ts";
import { OwnPresence } from "../presence/own-presence.ts";
import { ConnectionBanner } from "../review/ConnectionBanner.tsx";
import { usePatchSetNotices } from "../patchset/notices.ts";
import { OlderNotice } from "../patchset/OlderNotice.tsx";
import { ShownContext, type Shown } from "../patchset/shown.ts";
import { SinceDialog } from "../patchset/SinceDialog.tsx";
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
  if (review) {
    return (
      <DraftsProvider review={review}>
        <OpenReview review={review} />
      </DraftsProvider>
    );
  }
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
  const [conflict, setConflict] = useState<string>();
  const scope = useMemo<ReviewScope>(
    () => ({
      review,
      me,
      drafts: new Drafts(me.id, id),
      own: new OwnPresence(review),
      lines: new SelectedLines(),
      showConflict: setConflict,
    }),
    [review, me, id],
  );
  const kept = useDrafts();
  const [reveal, setReveal] = useState<Reveal>();
  const [current, setCurrent] = useState<string>();
  const [rejectedOpen, setRejectedOpen] = useState(false);
  const newest = useReview(review, (r) => r.data.patchSet);
  const [older, setOlder] = useState<number>();
  const [since, setSince] = useState<number>();
  const show = useCallback((number: number) => setOlder(number === review.data.patchSet ? undefined : number), [review]);
  const wanted = older !== undefined && older < newest ? older : undefined;
  // Threads and people are where they are in the newest code, unless it says otherwise.
  const visit = useCallback(
    (place: Reveal) => {
      const patchSet = place.patchSet ?? review.data.patchSet;
      show(patchSet);
      setReveal({ ...place, patchSet });
    },
    [review, show],
  );
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
  useDraftNotices(kept, openRejected);
  useConflictNotices(review, me.id, setConflict);
  usePatchSetNotices(review, me.id, setSince);
  useStepKeys();
  useUnloadGuard(review);

  return (
    <ReviewContext value={scope}>
      <TopBar
        trail={<span className="mono">{key ?? id}</span>}
        tools={<ReviewTools shown={wanted ?? newest} onVisit={visit} onRejected={openRejected} />}
        account={<AccountMenu />}
      />
      <ConnectionBanner client={client} review={review} />
      {rejectedOpen && <RejectedPanel onVisit={visit} onClose={() => setRejectedOpen(false)} />}
      {conflict !== undefined && <OpenConflict key={conflict} id={conflict} onClose={() => setConflict(undefined)} />}
      {since !== undefined && <SinceDialog from={since} onClose={() => setSince(undefined)} />}
      <WithDiff review={review} wanted={wanted}>
        {(patchSet) => (
          <main>
            <ReviewHead files={patchSet.files} onShow={show} onCompare={setSince} onVisit={visit} />
            <OlderNotice newest={newest} onShow={show} onCompare={setSince} />
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

interface DiffProps {
  review: Review;
  /** An older patch set, where somebody chose one. */
  wanted: number | undefined;
  children: (patchSet: PatchSet) => ReactNode;
}

/** Loads the diff of the review's current patch set, and the next one's when there is one. */
function WithDiff({ review, wanted, children }: DiffProps) {
  const newest = useReview(review, (r) => r.data.patchSet);
  const number = wanted ?? newest;
  // With its number: until the next one has come, threads have to stand in the one that is shown.
  const [loaded, setLoaded] = useState<{ number: number; patchSet: PatchSet }>();
  const [error, setError] = useState<unknown>();
  const [attempt, setAttempt] = useState(0);
  // After each break: a server that was restored from a backup may have other code of that number by now.
  const connected = useConnection(useSession().client).state === "connected";
  useEffect(() => {
    let stale = false;
    setError(undefined);
    review.diff(number).then(
      (patchSet) => !stale && setLoaded((old) => (old?.number === number && old.patchSet === patchSet ? old : { number, patchSet })),
      (failure: unknown) => !stale && setError(failure),
    );
    return () => {
      stale = true;
    };
  }, [review, number, attempt, connected]);

  const shown = useMemo<Shown>(() => ({ number: loaded?.number ?? number, newest: (loaded?.number ?? number) === newest }), [loaded, number, newest]);
  if (loaded) return <ShownContext value={shown}>{children(loaded.patchSet)}</ShownContext>;
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
