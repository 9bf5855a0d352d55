// The whole diff, and the sense of where in it the visitor is.
import type { PatchSet, Thread } from "interline";
import { memo, useEffect, useLayoutEffect, useMemo } from "react";
import type { OwnPresence } from "../presence/own-presence.ts";
import { DraftThread } from "../drafts/DraftThread.tsx";
import { LostDrafts } from "../drafts/LostDrafts.tsx";
import { homeless } from "../drafts/place.ts";
import { useDraftList } from "../drafts/use-drafts.ts";
import { useOpenDrafts, useScope } from "../review/context.ts";
import { draftThread } from "../review/drafts.ts";
import { useReview } from "../review/use-review.ts";
import { useShown, useThreadsByFile } from "../patchset/shown.ts";
import { LostReply } from "../thread/LostReply.tsx";
import { ThreadView } from "../thread/ThreadView.tsx";
import { FileSection } from "./FileSection.tsx";
import { lineCount } from "./lines.ts";
import type { Reveal } from "./reveal.ts";

/** So many lines render with the page; files after them render when they come near. */
const EAGER_LINES = 6000;

interface Props {
  patchSet: PatchSet;
  reveal: Reveal | undefined;
  onFile(path: string): void;
}

export const DiffView = memo(function DiffView({ patchSet, reveal, onFile }: Props) {
  const { own } = useScope();
  const { number } = useShown();
  const files = useMemo(() => {
    let lines = 0;
    return patchSet.files.map((file) => ({ file, eager: (lines += lineCount(file)) <= EAGER_LINES }));
  }, [patchSet]);

  // Before the effects that tell of a line in it.
  useLayoutEffect(() => own.show(number), [own, number]);
  useEffect(() => watchScroll(own, onFile), [own, onFile, number]);

  // A place in another patch set waits for that one's lines.
  const there = reveal?.patchSet === undefined || reveal.patchSet === number ? reveal : undefined;

  return (
    <div className="diff">
      {files.map(({ file, eager }) => (
        <FileSection key={file.path} file={file} eager={eager} reveal={there?.file === file.path ? there : undefined} />
      ))}
      {files.length === 0 && <p className="empty-note">This patch set changes no files.</p>}
      <LostThreads patchSet={patchSet} />
      <LostDrafts />
      <LostReplies />
    </div>
  );
});

/** Threads on files that this patch set does not have. */
function LostThreads({ patchSet }: { patchSet: PatchSet }) {
  const byFile = useThreadsByFile();
  const known = useMemo(() => new Set(patchSet.files.map((file) => file.path)), [patchSet]);
  const lost: [string, Thread[]][] = Object.entries(byFile).filter(([path]) => !known.has(path));
  const drafts = homeless(useDraftList(), known, useShown());
  if (lost.length === 0 && drafts.length === 0) return null;
  return (
    <section className="file" aria-label="Comments on other files">
      <div className="file-head plain">
        <h2 className="file-name">On files that this diff does not show</h2>
      </div>
      {lost.map(([path, threads]) => (
        <div key={path} className="line-threads elsewhere">
          <p>{path}</p>
          {threads.map((thread) => (
            <ThreadView key={thread.id} threadId={thread.id} />
          ))}
        </div>
      ))}
      {drafts.length > 0 && (
        <div className="line-threads elsewhere" data-testid="lost-drafts">
          {drafts.map((draft) => (
            <DraftThread key={draft.id} id={draft.id} />
          ))}
        </div>
      )}
    </section>
  );
}

/** Replies that were begun in threads which are gone altogether. */
function LostReplies() {
  const { review } = useScope();
  const threads = useReview(review, (r) => r.threadsById);
  const lost = useOpenDrafts().filter((key) => {
    const thread = draftThread(key);
    return thread !== undefined && !threads[thread];
  });
  return lost.map((key) => <LostReply key={key} draft={key} />);
}

const SCROLL_MS = 150;

/** Reading counts as being somewhere: the line at a third of the window is where the visitor is. */
function watchScroll(own: OwnPresence, onFile: (path: string) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    timer = undefined;
    const diff = document.querySelector(".diff");
    if (!diff) return;
    const box = diff.getBoundingClientRect();
    const found = document.elementFromPoint(box.left + Math.min(200, box.width / 2), innerHeight / 3);
    const file = found?.closest<HTMLElement>("[data-path]")?.dataset["path"];
    if (file === undefined) return;
    onFile(file);
    if (own.writing) return;
    const line = found?.closest<HTMLElement>(".line");
    const side = line?.dataset["side"];
    if (line && (side === "base" || side === "head")) own.moveTo({ file, side, line: Number(line.dataset["line"]) });
    else own.moveTo({ file });
  };
  const onScroll = () => {
    timer ??= setTimeout(look, SCROLL_MS);
  };
  // Where somebody presses says more than what stands at a third of the window.
  const onPress = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  onScroll();
  addEventListener("scroll", onScroll, { passive: true });
  addEventListener("pointerdown", onPress, { capture: true });
  return () => {
    clearTimeout(timer);
    removeEventListener("pointerdown", onPress, { capture: true });
    removeEventListener("scroll", onScroll);
  };
}
