// A person's colour: a hue from their id, so that it is the same everywhere and forever. Lightness and
// chroma are fixed per theme in styles/presence.css, which keeps the contrast right for every hue.
import type { CSSProperties } from "react";

export function hueOf(userId: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < userId.length; i++) {
    hash = Math.imul(hash ^ userId.charCodeAt(i), 0x01000193);
  }
  // Steps of 15 degrees: two people get either the same hue or clearly different ones.
  return ((hash >>> 8) % 24) * 15;
}

export function hueStyle(userId: string): CSSProperties {
  return { "--hue": hueOf(userId) } as CSSProperties;
}

export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
  return letters.map((word) => firstLetter(word ?? "?")).join("").toUpperCase();
}

/** By grapheme, so that an emoji or an accented letter stays whole. */
function firstLetter(word: string): string {
  for (const { segment } of new Intl.Segmenter().segment(word)) return segment;
  return "?";
}
