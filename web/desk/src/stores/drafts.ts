/**
 * What an agent wrote, by conversation: the draft in the box, and the replies that have not got through. It outlives a new login
 * and a reload of this tab, and nothing else.
 */

import type { Kept } from "./outbox";

const DRAFT = "draft:";
const UNSENT = "unsent:";

export function draftOf(conversationId: string): string {
  return sessionStorage.getItem(DRAFT + conversationId) ?? "";
}

export function keepDraft(conversationId: string, text: string): void {
  keep(DRAFT + conversationId, text);
}

export function unsentOf(conversationId: string): readonly Kept[] {
  const stored = sessionStorage.getItem(UNSENT + conversationId);
  return stored === null ? [] : (JSON.parse(stored) as Kept[]); // written below, by this tab
}

export function keepUnsent(conversationId: string, items: readonly Kept[]): void {
  const kept = items.map(({ messageId, text }) => ({ messageId, text }));
  keep(UNSENT + conversationId, kept.length === 0 ? "" : JSON.stringify(kept));
}

/** The conversations that have something unsent. */
export function unsentConversations(): readonly string[] {
  return Object.keys(sessionStorage).filter((key) => key.startsWith(UNSENT)).map((key) => key.slice(UNSENT.length));
}

/** Somebody else sits down here. */
export function forgetAll(): void {
  sessionStorage.clear();
}

function keep(key: string, value: string): void {
  if (value === "") sessionStorage.removeItem(key);
  else sessionStorage.setItem(key, value);
}
