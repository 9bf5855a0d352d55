// The bar above a file: fold it, its name, what happened to it. Stays at the top while the file is in sight.
import type { FileDiff, Thread } from "interline";
import { useShown } from "../patchset/shown.ts";
import { ElsewherePeople } from "../presence/ElsewherePeople.tsx";
import { Counts, StatusLetter } from "../review/FileList.tsx";
import { Icon } from "../ui/Icon.tsx";
import { ViewedBox } from "../visits/ViewedBox.tsx";

interface Props {
  file: FileDiff;
  open: boolean;
  threads: Thread[];
  onToggle(): void;
}

export function FileHeader({ file, open, threads, onToggle }: Props) {
  // What was viewed is the newest code.
  const { newest } = useShown();
  const unresolved = threads.filter((thread) => !thread.resolved).length;
  const cut = file.path.lastIndexOf("/") + 1;
  return (
    <div className="file-head">
      <button
        type="button"
        className="file-fold"
        data-testid="file-toggle"
        data-stop=""
        aria-expanded={open}
        aria-label={`${open ? "Fold" : "Unfold"} ${file.path}`}
        onClick={onToggle}
      >
        <Icon name="chevron" />
      </button>
      <StatusLetter file={file} />
      <h2 className="file-name">
        <span className="file-dir">{file.path.slice(0, cut)}</span>
        <wbr />
        {file.path.slice(cut)}
      </h2>
      {unresolved > 0 && (
        <span className="file-row-threads" title={`${unresolved} open`}>
          <Icon name="comment" size={13} />
          {unresolved}
        </span>
      )}
      <ElsewherePeople path={file.path} />
      <Counts file={file} />
      {newest && <ViewedBox path={file.path} />}
    </div>
  );
}
