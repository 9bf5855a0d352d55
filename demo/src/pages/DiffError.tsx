// Why a diff was refused, with the line in question and a way to it.
import type { RefObject } from "react";
import { lineOf, messageOf } from "../ui/errors.ts";
import { Icon } from "../ui/Icon.tsx";

interface Props {
  id: string;
  error: unknown;
  diff: string;
  area: RefObject<HTMLTextAreaElement | null>;
}

export function DiffError({ id, error, diff, area }: Props) {
  const line = lineOf(error);
  const lines = diff.split("\n");
  const text = line === undefined ? undefined : lines[line - 1];

  const show = () => {
    const element = area.current;
    if (!element || line === undefined) return;
    const from = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    element.focus();
    element.setSelectionRange(from, from + (text?.length ?? 0));
    // Browsers do not agree on scrolling to a selection; lines here never wrap, so their height is known.
    const height = element.scrollHeight / Math.max(lines.length, 1);
    element.scrollTop = Math.max(0, (line - 4) * height);
    element.scrollLeft = 0;
  };

  return (
    <div id={id} className="inline-error" role="alert" data-testid="new-error" data-line={line}>
      <Icon name="alert" />
      <div>
        <p>{messageOf(error)}</p>
        {text !== undefined && (
          <pre>
            <span>{line}</span>
            {text || " "}
          </pre>
        )}
      </div>
      {text !== undefined && (
        <button type="button" className="button small" onClick={show}>
          Go to line {line}
        </button>
      )}
    </div>
  );
}
