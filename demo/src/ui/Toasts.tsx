// Shows the waiting messages; screen readers hear each new one.
import { useSyncExternalStore } from "react";
import { CopyButton } from "./CopyButton.tsx";
import { Icon } from "./Icon.tsx";
import { currentToasts, dismissToast, subscribeToasts, type Toast } from "./toasts.ts";

export function Toasts() {
  const toasts = useSyncExternalStore(subscribeToasts, currentToasts);
  return (
    <div className="toasts" role="status" aria-live="polite" aria-relevant="additions">
      {toasts.map((toast) => (
        <div key={toast.id} className={`toast ${toast.tone}`} data-testid="toast">
          <Icon name={toast.tone === "warning" ? "alert" : "changes"} />
          <div className="toast-body">
            <strong>{toast.title}</strong>
            {toast.detail && <p>{toast.detail}</p>}
            {toast.text !== undefined && (
              <>
                <pre className="toast-text">{toast.text}</pre>
                <CopyButton text={toast.text} label="Copy text" />
              </>
            )}
            {toast.action && <ActionButton id={toast.id} action={toast.action} />}
          </div>
          <button type="button" className="icon-button small" aria-label="Dismiss" onClick={() => dismissToast(toast.id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}

function ActionButton({ id, action }: { id: number; action: NonNullable<Toast["action"]> }) {
  const run = () => {
    dismissToast(id);
    action.run();
  };
  return (
    <button type="button" className="button small" data-testid="toast-action" onClick={run}>
      {action.label}
    </button>
  );
}
