/** From the log and the outbox to what is shown: titles instead of payloads, which buttons work, whose turn it is. Pure functions. */

import type { ChatState, OutboxEntry } from "./state.js";
import type { Author, Button, LogMessage } from "./wire.js";

export interface Shown {
  /** Stable over the way from outbox to log, so that the bubble on screen is never replaced. */
  readonly key: string;
  readonly author: Author;
  readonly at: string;
  readonly text: string;
  readonly message: LogMessage | null;
  readonly entry: OutboxEntry | null;
  /** The author's name stands above the first of several messages in a row. */
  readonly first: boolean;
  /** A time stands above it: the first message, or after a pause. */
  readonly timed: boolean;
  /** Its buttons and inputs may be used. */
  readonly active: boolean;
  /** It waits behind a message that was refused: the borrower sends that one again, or deletes it. */
  readonly held: boolean;
  /** Below the last of the borrower's own messages in a row. */
  readonly receipt: "delivered" | "read" | null;
}

const PAUSE_MS = 10 * 60_000;
const MASK = "******";

/** The button title under which a payload (`/<intent>`) was offered, nearest first; a typed text is returned as it is. */
export function titleOf(text: string, messages: readonly LogMessage[], before: number): string {
  if (!text.startsWith("/")) return text;
  for (let index = before - 1; index >= 0; index -= 1) {
    const title = messages[index]?.buttons.find(({ payload }) => payload === text)?.title;
    if (title !== undefined) return title;
  }
  return text;
}

/** The last message that offers something, when the borrower has said nothing since. */
function activeSeq(messages: readonly LogMessage[], offers: (message: LogMessage) => boolean): number | null {
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = messages[index];
    if (message === undefined || message.author === "borrower") return null;
    if (offers(message)) return message.seq;
  }
  return null;
}

const hasButtons = (message: LogMessage): boolean => message.buttons.length > 0;
const asksForCode = (message: LogMessage): boolean => message.card?.type === "step_up_required";

/** A code is asked for and none was given yet: a six-digit message is the code and is not shown. */
export function codeWanted(messages: readonly LogMessage[]): boolean {
  return activeSeq(messages, asksForCode) !== null;
}

export function maskCode(text: string, wanted: boolean): string {
  return wanted && /^\D*\d{6}\D*$/u.test(text.normalize("NFKC")) ? MASK : text;
}

/** The place in the queue that the server told last: beside the log when it ended with `place.seq`, or on a later card. */
export function queuePosition(messages: readonly LogMessage[], place: ChatState["place"] = null): number | null {
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = messages[index];
    if (message === undefined || (place !== null && message.seq <= place.seq)) break;
    if (message.card?.type === "handoff") return message.card.state === "queued" ? message.card.position : null;
  }
  return place?.position ?? null;
}

export function timeline(messages: readonly LogMessage[], outbox: readonly OutboxEntry[], agentReadSeq = 0): readonly Shown[] {
  const logged = new Set(messages.map(({ clientId }) => clientId));
  const pending = outbox.filter(({ clientId }) => !logged.has(clientId));
  const refused = pending.findIndex(({ delivery }) => delivery === "failed");
  const answering = pending.every(({ delivery }) => delivery === "failed");
  const active = new Set(answering ? [activeSeq(messages, hasButtons), activeSeq(messages, asksForCode)] : []);
  const bare = [
    ...messages.map((message, index) => ({
      key: message.clientId ?? `seq-${message.seq}`,
      author: message.author,
      at: message.at,
      text: message.author === "borrower" ? titleOf(message.text, messages, index) : message.text,
      message,
      entry: null,
      active: active.has(message.seq),
      held: false,
    })),
    ...pending.map((entry, index) => ({
      key: entry.clientId,
      author: "borrower" as const,
      at: entry.createdAt,
      text: entry.title,
      message: null,
      entry,
      active: false,
      held: refused !== -1 && index > refused && entry.delivery === "queued",
    })),
  ];
  return bare.map((item, index) => {
    const previous = bare[index - 1];
    const timed = previous === undefined || Math.abs(Date.parse(item.at) - Date.parse(previous.at)) > PAUSE_MS;
    const taken = item.author === "borrower" && item.message !== null && bare[index + 1]?.author !== "borrower";
    const receipt = taken ? (item.message.seq <= agentReadSeq ? ("read" as const) : ("delivered" as const)) : null;
    return { ...item, timed, first: timed || previous.author !== item.author, receipt };
  });
}

/** The buttons as offered; two that would do the same are one. */
export function distinct(buttons: readonly Button[]): readonly Button[] {
  return buttons.filter((button, index) => buttons.findIndex(({ payload, title }) => payload === button.payload && title === button.title) === index);
}

/** A piece of a text: plain, or a link to our own site. */
export interface Piece {
  readonly text: string;
  readonly href: string | null;
}

/** A run of characters that addresses are made of; taken whole, so that no part of a foreign address is mistaken for ours. */
const ADDRESS_LIKE = /[\w@:/.\-?=&#%~+]+/g;
const OURS = /^(?:https:\/\/)?(?:www\.)?suixingjie\.example(?:\/[\w/.\-?=&#%~+]*)?$/i;

/** Splits a text of ours into plain parts and links. Only https addresses of our own site become links. */
export function pieces(text: string): readonly Piece[] {
  const result: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS_LIKE)) {
    const found = match[0].replace(/[.?:]+$/, "");
    if (!OURS.test(found)) continue;
    if (match.index > from) result.push({ text: text.slice(from, match.index), href: null });
    result.push({ text: found, href: new URL(/^https:/i.test(found) ? found : `https://${found}`).href });
    from = match.index + found.length;
  }
  if (from < text.length) result.push({ text: text.slice(from), href: null });
  return result;
}
