// The icons: 16 pixels, drawn with the text's colour, invisible to screen readers (their buttons carry labels).
import type { ReactNode } from "react";

const icons = {
  plus: <path d="M8 3.5v9M3.5 8h9" />,
  check: <path d="m3.5 8.5 3 3 6-7" />,
  close: <path d="m4 4 8 8M12 4l-8 8" />,
  chevron: <path d="m6 4 4 4-4 4" />,
  comment: <path d="M2.5 4.5a2 2 0 0 1 2-2h7a2 2 0 0 1 2 2v4.5a2 2 0 0 1-2 2H7l-3 2.5V11a1.6 1.6 0 0 1-1.5-1.6z" />,
  pencil: <path d="m3 13 .6-2.9 7-7a1.2 1.2 0 0 1 1.7 0l.6.6a1.2 1.2 0 0 1 0 1.7l-7 7z" />,
  trash: <path d="M3 4.5h10M6.5 4.5v-1a1 1 0 0 1 1-1h1a1 1 0 0 1 1 1v1M4.5 4.5l.5 8a1 1 0 0 0 1 1h4a1 1 0 0 0 1-1l.5-8" />,
  reply: <path d="M6.5 4 3 7.5 6.5 11M3 7.5h6a4 4 0 0 1 4 4v1" />,
  copy: <path d="M6 5.5a1 1 0 0 1 1-1h5a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H7a1 1 0 0 1-1-1zM10 4.5v-1a1 1 0 0 0-1-1H4a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2" />,
  sun: <path d="M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9" />,
  moon: <path d="M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z" />,
  monitor: <path d="M2.5 4a1 1 0 0 1 1-1h9a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1zM6 13.5h4M8 11v2.5" />,
  upload: <path d="M8 10.5v-7M5 6l3-3 3 3M3 10.5v2a1 1 0 0 0 1 1h8a1 1 0 0 0 1-1v-2" />,
  cloud: <path d="M4.8 12.5a2.8 2.8 0 0 1-.3-5.6 3.6 3.6 0 0 1 7-.3 3 3 0 0 1-.3 5.9zM6.4 9.3l1.3 1.3 2.2-2.4" />,
  cloudOff: <path d="M5.5 5a3.6 3.6 0 0 1 6 1.6 3 3 0 0 1 1.5 5M10.5 12.5H4.8a2.8 2.8 0 0 1-.3-5.6M2.5 2.5l11 11" />,
  sync: <path d="M13 7.2A5 5 0 0 0 4.2 4.8L3 6M3 3v3h3M3 8.8a5 5 0 0 0 8.8 2.4L13 10M13 13v-3h-3" />,
  merge: <path d="M4.5 5.5v5M4.5 5.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM4.5 13.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM11.5 9.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM4.5 5.5c0 1.6 1.6 2.5 5.5 2.5" />,
  alert: <path d="M8 5.5v3.2M8 11.2v.1M7.1 2.8 1.9 11.7a1 1 0 0 0 .9 1.6h10.4a1 1 0 0 0 .9-1.6L8.9 2.8a1 1 0 0 0-1.8 0z" />,
  dot: <circle cx="8" cy="8" r="3.2" fill="currentColor" stroke="none" />,
  circle: <circle cx="8" cy="8" r="5" />,
  changes: <path d="M2.5 8a5.5 5.5 0 1 0 11 0 5.5 5.5 0 0 0-11 0zM8 5.2v3.2M8 10.6v.1" />,
  approved: <path d="M2.5 8a5.5 5.5 0 1 0 11 0 5.5 5.5 0 0 0-11 0zM5.6 8.2l1.7 1.7 3.1-3.6" />,
  undo: <path d="M5.5 3.5 2.5 6.5l3 3M2.5 6.5h7a3.5 3.5 0 0 1 0 7H6" />,
  redo: <path d="m10.5 3.5 3 3-3 3M13.5 6.5h-7a3.5 3.5 0 0 0 0 7H10" />,
  clock: <path d="M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5v3.2l2.2 1.3" />,
  download: <path d="M8 3v7M5 7.5l3 3 3-3M3 10.5v2a1 1 0 0 0 1 1h8a1 1 0 0 0 1-1v-2" />,
  memory: <path d="M4.5 5.5a1 1 0 0 1 1-1h5a1 1 0 0 1 1 1v5a1 1 0 0 1-1 1h-5a1 1 0 0 1-1-1zM6.5 4.5v-2M9.5 4.5v-2M6.5 13.5v-2M9.5 13.5v-2M4.5 6.5h-2M4.5 9.5h-2M13.5 6.5h-2M13.5 9.5h-2" />,
  files: <path d="M5.5 2.5H10l3 3v5.5a1 1 0 0 1-1 1H5.5a1 1 0 0 1-1-1v-7.5a1 1 0 0 1 1-1zM10 2.5v3h3M2.5 5.5v7a1.5 1.5 0 0 0 1.5 1.5h6" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof icons;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      className="icon"
      viewBox="0 0 16 16"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {icons[name]}
    </svg>
  );
}
