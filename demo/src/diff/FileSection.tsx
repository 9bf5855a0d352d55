// One file of the diff: its header, its lines with what hangs below them, and notices for what has no lines.
import type { FileDiff, Side, Thread, UserPresence } from "interline";
import { memo, useEffect, useMemo, useRef, useState, type MouseEvent } from "react";
import { othersIn, patchSetOf } from "../presence/people.ts";
import { DraftThread } from "../drafts/DraftThread.tsx";
import { draftsOf } from "../drafts/place.ts";
import { useStandingDrafts } from "../drafts/use-drafts.ts";
import { isOutdated, useShown, useThreadsByFile } from "../patchset/shown.ts";
import { draftLine, lineDraft } from "../review/drafts.ts";
import { useOpenDrafts, useScope } from "../review/context.ts";
import { useReview } from "../review/use-review.ts";
import { ThreadView } from "../thread/ThreadView.tsx";
import { useViewed } from "../visits/ViewedBox.tsx";
import { DiffBlock } from "./DiffBlock.tsx";
import { FileHeader } from "./FileHeader.tsx";
import { LineComposer } from "../thread/LineComposer.tsx";
import { blocksOf, indexOf, lineCount, lineKey, place } from "./lines.ts";
import { makeReachable } from "./line-keys.ts";
import { rangeWords } from "./ranges.ts";
import { useLineSelection } from "./use-line-selection.ts";
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
  const section = useRef<HTMLElement>(null);
  const lines = useMemo(() => lineCount(file), [file]);
  const { newest } = useShown();
  const viewed = useViewed(file.path) && newest;
  const [open, setOpen] = useState(!viewed);
  const [loaded, setLoaded] = useState(lines <= LARGE);
  const near = useNearby(section, eager);
  const threads = useThreadsByFile()[file.path] ?? NO_THREADS;

  // What is ticked off folds; what has changed since unfolds again.
  useEffect(() => setOpen(!viewed), [viewed]);
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
  const { review, me, drafts, own, lines } = useScope();
  const shown = useShown();
  const body = useRef<HTMLDivElement>(null);
  const presence = useReview(review, (r) => r.presence);
  const newest = useReview(review, (r) => r.data.patchSet);
  const openDrafts = useOpenDrafts();
  const blocks = useMemo(() => blocksOf(file), [file]);
  const index = useMemo(() => indexOf(blocks), [blocks]);
  const here = useMemo(() => openDrafts.flatMap((key) => draftLine(key) ?? []).filter((at) => at.path === file.path), [openDrafts, file.path]);
  const kept = useStandingDrafts();
  const mine = useMemo(() => draftsOf(kept, file.path, shown), [kept, file.path, shown]);
  const selection = useLineSelection(file, body);
  const { range: selected, moving } = selection;
  const placed = useMemo(() => {
    const composing = here.filter((at) => at.patchSet === shown.number);
    // On a line are those who look at the same code; the others stand in the file's head.
    const isHere = (person: UserPresence) => person.currentFile === file.path && patchSetOf(person, newest) === shown.number;
    const people = othersIn(presence, me.id).filter(isHere);
    return place(index, threads, (thread) => shown.newest && isOutdated(thread), composing, mine.lines, people, selected);
  }, [index, threads, here, mine, presence, newest, file.path, me.id, shown, selected]);

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
    const key = lineKey(side, number);
    if (selection.tapped(key, target) || !target.closest(".line-add")) return;
    const at = selection.around(key) ?? { side, line: number };
    lines.clear();
    drafts.start(lineDraft({ patchSet: shown.number, path: file.path, ...at }));
  };

  return (
    <div ref={body} className="file-body" data-selecting={moving} onClick={onClick} onKeyDown={selection.onKeyDown} onPointerDown={selection.onPointerDown}>
      <p className="visually-hidden" role="status">
        {selected && !moving && `Selected: ${rangeWords(selected)}`}
      </p>
      {placed.outdated.length > 0 && (
        <div className="line-threads elsewhere" data-testid="outdated-threads">
          <p>On lines that are gone</p>
          {placed.outdated.map((thread) => (
            <ThreadView key={thread.id} threadId={thread.id} />
          ))}
        </div>
      )}
      {here.map(
        (at) =>
          shown.newest &&
          at.patchSet !== shown.number && (
            <div key={lineDraft(at)} className="line-threads elsewhere">
              <LineComposer at={at} />
            </div>
          ),
      )}
      {mine.older.length > 0 && (
        <div className="line-threads elsewhere" data-testid="older-drafts">
          {mine.older.map((draft) => (
            <DraftThread key={draft.id} id={draft.id} />
          ))}
        </div>
      )}
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
