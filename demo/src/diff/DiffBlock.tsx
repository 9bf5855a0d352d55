// A block of lines. The browser skips the layout of blocks out of sight; React skips blocks whose slots stayed.
import type { DiffLine, Hunk, UserPresence } from "interline";
import { memo, type CSSProperties } from "react";
import { DraftThread } from "../drafts/DraftThread.tsx";
import { Avatar } from "../presence/Avatar.tsx";
import { userOf } from "../presence/people.ts";
import { lineDraft } from "../review/drafts.ts";
import { LineComposer } from "../thread/LineComposer.tsx";
import { ThreadView } from "../thread/ThreadView.tsx";
import { Icon } from "../ui/Icon.tsx";
import { keysOf, placeOf, sameSlots, type Block, type Slot, type Slots } from "./lines.ts";
import { RangeBar } from "./RangeBar.tsx";

const LINE_PX = 20;

interface Props {
  path: string;
  block: Block;
  slots: Slots | undefined;
}

export const DiffBlock = memo(
  function DiffBlock({ path, block, slots }: Props) {
    const height = (block.lines.length + (block.hunk ? 2 : 0)) * LINE_PX;
    const style: CSSProperties = { containIntrinsicBlockSize: `auto ${height}px` };
    return (
      <div className="block" style={style}>
        {block.hunk && <HunkHeader hunk={block.hunk} />}
        {block.lines.map((line) => {
          const { side, line: number } = placeOf(line);
          return <LineRow key={`${side}:${number}`} path={path} line={line} slot={slotOf(line, slots)} />;
        })}
      </div>
    );
  },
  (a, b) => a.path === b.path && a.block === b.block && sameSlots(a.slots, b.slots),
);

/** A context line gathers what was said about either of its sides. */
function slotOf(line: DiffLine, slots: Slots | undefined): Slot | undefined {
  if (!slots) return undefined;
  const found = keysOf(line)
    .map((key) => slots.get(key))
    .filter((slot) => slot !== undefined);
  const [first, second] = found;
  if (!first || !second) return first;
  return {
    ...second,
    ...first,
    threads: [...first.threads, ...second.threads],
    composing: [...first.composing, ...second.composing],
    drafts: [...first.drafts, ...second.drafts],
    people: [...first.people, ...second.people],
  };
}

function HunkHeader({ hunk }: { hunk: Hunk }) {
  return (
    <div className="hunk" data-testid="hunk">
      <code>
        @@ -{hunk.oldStart},{hunk.oldCount} +{hunk.newStart},{hunk.newCount} @@
        {hunk.section && <span> {hunk.section}</span>}
      </code>
    </div>
  );
}

/** Says that somebody writes here what nobody sees yet. */
function Writing({ person, line }: { person: UserPresence; line: number }) {
  return (
    <span className="line-writing" data-testid="line-writing" data-user={person.userId}>
      {person.displayName} is writing on line {line}
    </span>
  );
}

interface LineProps {
  path: string;
  line: DiffLine;
  slot: Slot | undefined;
}

const LineRow = memo(
  function LineRow({ path, line, slot }: LineProps) {
    const { side, line: number } = placeOf(line);
    return (
      <>
        <div className="line" data-kind={line.kind} data-testid="line" data-side={side} data-line={number} data-mark={slot?.mark}>
          {/* Pressing or dragging over the numbers selects lines (diff/use-line-selection.ts). */}
          <span className="line-no" data-no={line.oldLine} />
          <span className="line-no" data-no={line.newLine} />
          {/* One stop for the Tab key per file, the arrow keys go on from there (diff/line-keys.ts). */}
          <button type="button" className="line-add" data-testid="add-comment" tabIndex={-1} aria-label={`Comment on ${side} line ${number}`}>
            <Icon name="plus" size={14} />
          </button>
          <code className="line-code">{line.text}</code>
          {slot && slot.people.length > 0 && (
            <span className="line-people">
              {slot.people.map((person) => (
                <span key={person.userId} data-testid="line-avatar" data-user={person.userId} title={person.displayName}>
                  <Avatar user={userOf(person)} size={16} idle={!person.isActive} />
                  {person.writing && person.isActive && <Writing person={person} line={person.currentLine ?? number} />}
                </span>
              ))}
            </span>
          )}
        </div>
        {line.noNewline && <div className="line-note">\ No newline at end of file</div>}
        {slot?.selected && <RangeBar path={path} range={slot.selected} />}
        {slot && (slot.threads.length > 0 || slot.drafts.length > 0 || slot.composing.length > 0) && (
          <div className="line-threads">
            {slot.threads.map((id) => (
              <ThreadView key={id} threadId={id} />
            ))}
            {slot.drafts.map((id) => (
              <DraftThread key={id} id={id} />
            ))}
            {slot.composing.map((at) => (
              <LineComposer key={lineDraft(at)} at={at} />
            ))}
          </div>
        )}
      </>
    );
  },
  (a, b) => a.path === b.path && a.line === b.line && a.slot === b.slot,
);
