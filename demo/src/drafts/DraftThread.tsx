// A draft that is to start a thread, below its line.
import { DraftView } from "./DraftView.tsx";

export function DraftThread({ id }: { id: string }) {
  return (
    <article className="thread drafted" data-testid="draft-thread" data-stop="" tabIndex={-1} aria-label="Draft, only you see it">
      <DraftView id={id} />
    </article>
  );
}
