// A conflict, to be settled: the versions side by side, each with what it changes, and one press to keep one of them.
import type { ConflictData, DetectedConflict } from "interline";
import { useRef, useState, type KeyboardEvent } from "react";
import { Dialog } from "../ui/Dialog.tsx";
import { messageOf } from "../ui/errors.ts";
import { Icon } from "../ui/Icon.tsx";
import { ChoiceCard } from "./ChoiceCard.tsx";
import { choicesOf, type Settles } from "./choices.ts";
import { ConflictEditor } from "./ConflictEditor.tsx";
import { standsNow, subjectOf, titleOf } from "./words.ts";

/** Nothing is chosen by opening: the first button only has the focus. */
const FIRST = '[data-choice="1"]';

interface Props {
  conflict: ConflictData;
  /** Its comment is gone, and cannot come back. */
  gone: boolean;
  /** The conflict as it is shown, to be settled. */
  told: DetectedConflict;
  /** The same with the text as it is now, which another one begins with. */
  now(): DetectedConflict | undefined;
  onClose(): void;
}

export function ConflictDialog({ conflict, gone, told, now, onClose }: Props) {
  // Whoever writes speaks of what they saw when they began.
  const [editing, setEditing] = useState<DetectedConflict>();
  const [failure, setFailure] = useState<string>();
  const settle = (of: DetectedConflict, ...settles: Settles) => {
    try {
      of.resolve(...settles);
      onClose();
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  const write = () => {
    const anew = now();
    // A version that nobody has shown yet was not looked at.
    setEditing(anew && versionOf(anew) === versionOf(told) ? anew : told);
  };
  return (
    <Dialog title={titleOf(conflict)} testId="conflict" hint={gone ? "The comment was removed since: there is nothing left to choose." : standsNow(conflict)} focusOn={FIRST} returnTo=".conflicts-button, .connection" onClose={onClose}>
      {editing ? (
        <ConflictEditor told={editing} onSave={(text) => settle(editing, "custom", text)} onCancel={() => setEditing(undefined)} />
      ) : (
        <Choices conflict={conflict} gone={gone} onChoose={(...settles) => settle(told, ...settles)} onEdit={subjectOf(conflict) === "text" && !gone ? write : undefined} />
      )}
      {failure && (
        <p className="rejected-failure" role="alert">
          {failure}
        </p>
      )}
    </Dialog>
  );
}

/** In which version it came to be as it is. */
function versionOf({ sides }: ConflictData): number {
  return Math.max(...sides.map(({ version }) => version));
}

interface ChoicesProps {
  conflict: ConflictData;
  gone: boolean;
  onChoose(...settles: Settles): void;
  onEdit: (() => void) | undefined;
}

/** One stop for the Tab key: the arrow keys and the digits go from button to button, Enter presses. */
function Choices({ conflict, gone, onChoose, onEdit }: ChoicesProps) {
  const root = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState(1);
  const choices = choicesOf(conflict, gone);
  const count = choices.length + (onEdit ? 1 : 0);

  const go = (digit: number) => {
    setCurrent(digit);
    root.current?.querySelector<HTMLElement>(`[data-choice="${digit}"]`)?.focus();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const here = Number((event.target as HTMLElement).dataset["choice"] ?? current);
    const digit = Number(event.key);
    const steps: Record<string, number> = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 1, End: count };
    const next = digit >= 1 && digit <= count ? digit : steps[event.key];
    if (next === undefined) return;
    event.preventDefault();
    go(((next - 1 + count) % count) + 1);
  };
  return (
    <div ref={root} className="choices" role="group" aria-label="Versions" onKeyDown={onKey}>
      {choices.map((choice, at) => (
        <ChoiceCard
          key={`${choice.kind} ${choice.side?.author.id}`}
          conflict={conflict}
          choice={choice}
          digit={at + 1}
          reachable={current === at + 1}
          onKeep={() => onChoose(...choice.settles)}
        />
      ))}
      {onEdit && (
        <button type="button" className="button quiet choice-edit" data-testid="conflict-edit" data-choice={count} tabIndex={current === count ? 0 : -1} onClick={onEdit}>
          <kbd aria-hidden="true">{count}</kbd> <Icon name="pencil" /> Write something else
        </button>
      )}
    </div>
  );
}
