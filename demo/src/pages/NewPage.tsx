// Makes a review from a pasted, dropped or chosen diff. A refused diff stays as it was typed, its bad line marked.
import { useEffect, useRef, useState, type DragEvent, type FormEvent } from "react";
import { AccountMenu } from "../app/AccountMenu.tsx";
import { Link, navigate } from "../app/router.tsx";
import { useSession } from "../app/session.tsx";
import { TopBar } from "../app/TopBar.tsx";
import { Icon } from "../ui/Icon.tsx";
import { DiffError } from "./DiffError.tsx";

export function NewPage() {
  const { client } = useSession();
  const [title, setTitle] = useState("");
  const [diff, setDiff] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const [over, setOver] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    document.title = "New review - Interline";
  }, []);

  const read = async (file: File | undefined) => {
    if (!file) return;
    setDiff(await file.text());
    setFailure(undefined);
    setTitle((known) => known || file.name.replace(/\.(diff|patch|txt)$/i, ""));
  };
  const drop = (event: DragEvent) => {
    setOver(false);
    // Dropped text goes the textarea's own way.
    const file = event.dataTransfer.files[0];
    if (!file) return;
    event.preventDefault();
    void read(file);
  };
  const create = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(undefined);
    try {
      const { id } = await client.createReview(diff, { title: title.trim() });
      navigate(`/r/${encodeURIComponent(id)}`);
    } catch (error) {
      setFailure(error);
      setBusy(false);
    }
  };

  return (
    <>
      <TopBar trail="New review" account={<AccountMenu />} />
      <main className="page narrow">
        <h1>New review</h1>
        <form className="new-form" onSubmit={(event) => void create(event)}>
          <label className="field">
            <span>Title</span>
            <input
              className="input"
              data-testid="new-title"
              value={title}
              maxLength={300}
              required
              autoFocus
              placeholder="What does the change do?"
              onChange={(event) => setTitle(event.target.value)}
            />
          </label>
          <div className="field">
            <div className="field-head">
              <label htmlFor="diff">Diff</label>
              <label className="button small file-button">
                <Icon name="upload" /> Choose a file
                <input type="file" accept=".diff,.patch,.txt,text/*" onChange={(event) => void read(event.target.files?.[0])} />
              </label>
            </div>
            <div
              className={over ? "drop over" : "drop"}
              onDragOver={(event) => {
                if (!event.dataTransfer.types.includes("Files")) return;
                event.preventDefault();
                setOver(true);
              }}
              onDragLeave={() => setOver(false)}
              onDrop={drop}
            >
              <textarea
                ref={area}
                id="diff"
                className="input diff-input"
                data-testid="new-diff"
                value={diff}
                rows={18}
                required
                wrap="off"
                spellCheck={false}
                autoCapitalize="off"
                autoCorrect="off"
                placeholder={"Paste the output of git diff, or drop a .diff file here.\n\ndiff --git a/src/lib.rs b/src/lib.rs\n--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1,3 +1,4 @@"}
                aria-invalid={failure !== undefined}
                aria-describedby={failure === undefined ? undefined : "diff-error"}
                onChange={(event) => setDiff(event.target.value)}
              />
              <div className="drop-veil" aria-hidden="true">
                <Icon name="upload" size={24} /> Drop the diff
              </div>
            </div>
          </div>
          {failure !== undefined && <DiffError id="diff-error" error={failure} diff={diff} area={area} />}
          <div className="form-actions">
            <Link href="/" className="button">
              Cancel
            </Link>
            <button type="submit" className="button primary" data-testid="new-create" disabled={busy}>
              {busy ? "Creating…" : "Create review"}
            </button>
          </div>
        </form>
      </main>
    </>
  );
}
