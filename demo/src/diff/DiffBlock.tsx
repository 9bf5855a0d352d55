// A block of lines. The browser skips the layout of blocks out of sight; React skips blocks whose slots stayed.
import type { DiffLine, Hunk } from "interline";
import { memo, type CSSProperties } from "react";
import { Avatar } from "../presence/Avatar.tsx";
import { userOf } from "../presence/people.ts";
import { LineComposer } from "../thread/LineComposer.tsx";
import { ThreadView } from "../thread/ThreadView.tsx";
import { Icon } from "../ui/Icon.tsx";
import { keysOf, placeOf, sameSlots, type Block, type Slot, type Slots } from "./lines.ts";

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
    threads: [...first.threads, ...second.threads],
    composing: first.composing || second.composing,
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
        <div className="line" data-kind={line.kind} data-testid="line" data-side={side} data-line={number}>
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
                </span>
              ))}
            </span>
          )}
        </div>
        {line.noNewline && <div className="line-note">\ No newline at end of file</div>}
        {slot && (slot.threads.length > 0 || slot.composing) && (
          <div className="line-threads">
            {slot.threads.map((id) => (
              <ThreadView key={id} threadId={id} />
            ))}
            {slot.composing && <LineComposer path={path} side={side} line={number} />}
          </div>
        )}
      </>
    );
  },
  (a, b) => a.path === b.path && a.line === b.line && a.slot === b.slot,
);
