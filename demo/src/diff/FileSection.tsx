// One file of the diff: its header, its lines with what hangs below them, and notices for what has no lines.
import type { FileDiff, Side, Thread } from "interline";
import { memo, useEffect, useMemo, useRef, useState, type MouseEvent } from "react";
import { othersIn } from "../presence/people.ts";
import { lineDraft } from "../review/drafts.ts";
import { useOpenDrafts, useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
import { ThreadView } from "../thread/ThreadView.tsx";
import { DiffBlock } from "./DiffBlock.tsx";
import { FileHeader } from "./FileHeader.tsx";
import { blocksOf, indexOf, lineCount, lineKey, place, type LineKey } from "./lines.ts";
import { makeReachable, onLineKey } from "./line-keys.ts";
import { useNearby } from "./useNearby.ts";
import { scrollToPlace, type Reveal } from "./reveal.ts";

/** Longer files wait for somebody who wants to see them. */
const LARGE = 1500;
const LINE_PX = 20;
const NO_THREADS: Thread[] = [];

interface Props {
  file: FileDiff;
  /** Render at once instead of when the file comes near. */
  eager: boolean;
  /** Set when somebody asked to see this file, or a line of it. */
  reveal: Reveal | undefined;
}

export const FileSection = memo(function FileSection({ file, eager, reveal }: Props) {
  const { review } = useScope();
  const section = useRef<HTMLElement>(null);
  const lines = useMemo(() => lineCount(file), [file]);
  const [open, setOpen] = useState(true);
  const [loaded, setLoaded] = useState(lines <= LARGE);
  const near = useNearby(section, eager);
  const threads = useReview(review, (r) => r.threadsByFile[file.path]) ?? NO_THREADS;

  useEffect(() => {
    if (!reveal) return;
    setOpen(true);
    if (reveal.line !== undefined) setLoaded(true);
  }, [reveal]);

  const shown = near || reveal !== undefined;
  useEffect(() => {
    if (reveal && section.current) return scrollToPlace(section.current, reveal);
  }, [reveal]);

  return (
    <section ref={section} className="file" data-testid="file" data-path={file.path} aria-label={file.path}>
      <FileHeader file={file} open={open} threads={threads} onToggle={() => setOpen(!open)} />
      {open && (
        <>
          <Notices file={file} />
          {!loaded ? (
            <div className="file-notice large">
              <p>{lines.toLocaleString("en")} lines are not shown at once.</p>
              <button type="button" className="button small" data-testid="load-diff" onClick={() => setLoaded(true)}>
                Load diff
              </button>
            </div>
          ) : shown ? (
            <FileBody file={file} threads={threads} />
          ) : (
            <div style={{ height: lines * LINE_PX }} />
          )}
        </>
      )}
    </section>
  );
});

function FileBody({ file, threads }: { file: FileDiff; threads: Thread[] }) {
  const { review, me, drafts, own } = useScope();
  const body = useRef<HTMLDivElement>(null);
  const presence = useReview(review, (r) => r.presence);
  const openDrafts = useOpenDrafts();
  const blocks = useMemo(() => blocksOf(file), [file]);
  const index = useMemo(() => indexOf(blocks), [blocks]);
  const placed = useMemo(() => {
    const prefix = lineDraft(file.path, "");
    const composing = openDrafts.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length) as LineKey);
    const people = othersIn(presence, me.id).filter((person) => person.currentFile === file.path);
    return place(index, threads, composing, people);
  }, [index, threads, openDrafts, presence, file.path, me.id]);

  useEffect(() => {
    if (body.current) makeReachable(body.current);
  }, [blocks]);

  // One listener for all lines: there may be thousands.
  const onClick = (event: MouseEvent<HTMLElement>) => {
    const target = event.target as Element;
    const line = target.closest<HTMLElement>(".line");
    if (!line) return;
    const side = line.dataset["side"] as Side;
    const number = Number(line.dataset["line"]);
    own.moveTo({ file: file.path, side, line: number });
    if (target.closest(".line-add")) drafts.start(lineDraft(file.path, lineKey(side, number)));
  };

  return (
    <div ref={body} className="file-body" onClick={onClick} onKeyDown={onLineKey}>
      {placed.unplaced.length > 0 && (
        <div className="line-threads elsewhere">
          <p>On lines that this diff does not show</p>
          {placed.unplaced.map((thread) => (
            <ThreadView key={thread.id} threadId={thread.id} />
          ))}
        </div>
      )}
      {blocks.map((block, at) => (
        <DiffBlock key={at} path={file.path} block={block} slots={placed.blocks.get(at)} />
      ))}
    </div>
  );
}

function Notices({ file }: { file: FileDiff }) {
  const notices: string[] = [];
  if (file.status === "renamed" && file.oldPath) notices.push(`Renamed from ${file.oldPath}${similarity(file)}`);
  if (file.status === "copied" && file.oldPath) notices.push(`Copied from ${file.oldPath}${similarity(file)}`);
  if (file.oldMode && file.newMode && file.oldMode !== file.newMode) {
    notices.push(`Mode changed from ${file.oldMode} to ${file.newMode}`);
  }
  if (file.binary) notices.push("Binary file, not shown");
  if (file.hunks.length === 0 && notices.length === 0) notices.push(file.status === "added" ? "Empty file" : "No lines changed");
  return notices.map((notice) => (
    <p key={notice} className="file-notice">
      {notice}
    </p>
  ));
}

function similarity(file: FileDiff): string {
  return file.similarity === undefined ? "" : ` (${file.similarity} % alike)`;
}
