// The command that makes a review out of a commit, ready to copy.
import { CopyButton } from "../ui/CopyButton.tsx";

export function CommandHelp() {
  const command = `git diff HEAD~1 | curl --data-binary @- '${location.origin}/api/reviews?title=My%20change'`;
  return (
    <div className="command">
      <pre tabIndex={0} aria-label="Command">
        <code data-testid="command">{command}</code>
      </pre>
      <CopyButton text={command} />
    </div>
  );
}
