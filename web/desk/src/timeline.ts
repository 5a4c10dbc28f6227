/** The log of one conversation as the page holds it: pages of the server put together by `seq`. */

import type { Schemas } from "./api/client";

export type Message = Schemas["TranscriptMessage"];

/** The server gives at most so many messages at once. */
export const PAGE = 200;

/**
 * `held` with the messages of `page`, in order of `seq`, each once. What the page says of a message replaces what was held.
 * Messages that are held stay the same objects unless they changed, so that nothing on the screen is drawn again.
 */
export function merged(held: readonly Message[], page: readonly Message[]): readonly Message[] {
  if (page.length === 0) return held;
  const bySeq = new Map(held.map((message) => [message.seq, message]));
  for (const message of page) {
    const before = bySeq.get(message.seq);
    if (before === undefined || JSON.stringify(before) !== JSON.stringify(message)) bySeq.set(message.seq, message);
  }
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}

/**
 * Everything after `after`, page by page. `fetchPage(after)` asks the server; it says what comes after the given `seq`.
 */
export async function allAfter<P extends { messages: Message[]; last_seq: number }>(
  after: number,
  fetchPage: (after: number) => Promise<P>,
): Promise<{ latest: P; messages: Message[] }> {
  const messages: Message[] = [];
  let latest = await fetchPage(after);
  messages.push(...latest.messages);
  while (latest.messages.length >= PAGE) {
    latest = await fetchPage(latest.last_seq);
    messages.push(...latest.messages);
  }
  return { latest, messages };
}

/** A log begins with 1; or where the server has said that nothing is older. */
export function hasEarlier({ messages: [first], beginsAt }: { messages: readonly Message[]; beginsAt: number | null }): boolean {
  return first !== undefined && first.seq > 1 && first.seq !== beginsAt;
}

/** A day's first message, or one of another author than the message before, begins a group. */
export function beginsGroup(before: Message | undefined, message: Message): boolean {
  return before?.author !== message.author || Date.parse(message.at) - Date.parse(before.at) > 5 * 60_000;
}

export function beginsDay(before: Message | undefined, message: Message): boolean {
  return before?.at.slice(0, 10) !== message.at.slice(0, 10);
}

export type Unsent = Schemas["UnsentMessage"];

/** `queued`: not with the platform yet. `quota`: the platform takes it when the borrower writes again. `retry`: it is tried again. */
export type Delivery = "sent" | "delivered" | "read" | "queued" | "quota" | "retry" | "failed";

interface Marks {
  readonly delivered_seq: number;
  readonly read_seq: number;
  readonly unsent: readonly Unsent[];
}

/** How far a message of ours has come. Of those that no agent wrote only what hangs or was given up is told. */
export function deliveryOf(message: Message, marks: Marks): Delivery | null {
  if (message.author === "borrower") return null;
  const unsent = marks.unsent.find(({ seq }) => seq === message.seq);
  if (unsent?.state === "failed") return "failed";
  if (unsent?.waits_for != null) return unsent.waits_for === "quota" ? "quota" : "retry";
  if (message.author !== "agent") return null;
  if (unsent !== undefined) return "queued";
  if (message.seq <= marks.read_seq) return "read";
  return message.seq <= marks.delivered_seq ? "delivered" : "sent";
}
