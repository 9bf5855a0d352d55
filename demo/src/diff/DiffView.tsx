// The whole diff, and the sense of where in it the visitor is.
import type { PatchSet, Thread } from "interline";
import { memo, useEffect, useMemo } from "react";
import type { OwnPresence } from "../presence/own-presence.ts";
import { useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
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
  const files = useMemo(() => {
    let lines = 0;
    return patchSet.files.map((file) => ({ file, eager: (lines += lineCount(file)) <= EAGER_LINES }));
  }, [patchSet]);

  useEffect(() => watchScroll(own, onFile), [own, onFile]);

  return (
    <div className="diff">
      {files.map(({ file, eager }) => (
        <FileSection key={file.path} file={file} eager={eager} reveal={reveal?.file === file.path ? reveal : undefined} />
      ))}
      {files.length === 0 && <p className="empty-note">This patch set changes no files.</p>}
      <LostThreads patchSet={patchSet} />
    </div>
  );
});

/** Threads on files that this patch set does not have. */
function LostThreads({ patchSet }: { patchSet: PatchSet }) {
  const { review } = useScope();
  const byFile = useReview(review, (r) => r.threadsByFile);
  const known = useMemo(() => new Set(patchSet.files.map((file) => file.path)), [patchSet]);
  const lost: [string, Thread[]][] = Object.entries(byFile).filter(([path]) => !known.has(path));
  if (lost.length === 0) return null;
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
    </section>
  );
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
  onScroll();
  addEventListener("scroll", onScroll, { passive: true });
  return () => {
    clearTimeout(timer);
    removeEventListener("scroll", onScroll);
  };
}
