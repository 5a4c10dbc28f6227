/** The conversation that is open: its log, kept up to date by asking for what came after it, and what may be done with it. */

import { reactive, shallowReactive } from "vue";

import type { Schemas } from "@/api/client";
import { DeskError } from "@/api/client";
import { api, ask, newKey } from "@/api/desk";
import { problem } from "@/problems";
import { type Message, allAfter, hasEarlier, merged } from "@/timeline";

import { keepUnsent, unsentConversations, unsentOf } from "./drafts";
import { Outbox, type Outgoing } from "./outbox";
import { order, refreshQueue } from "./queue";

export type View = Omit<Schemas["ConversationView"], "messages">;

interface Open {
  id: string | null;
  view: View | null;
  messages: readonly Message[];
  outgoing: readonly Outgoing[];
  revealed: boolean;
  /** The older part is asked for, or was not to be had. */
  earlier: "idle" | "loading" | "failed";
  /** Nothing is older than this `seq`, although it is not 1. */
  beginsAt: number | null;
  problem: string | null;
  busy: boolean;
}

const EMPTY: Open = { id: null, view: null, messages: [], outgoing: [], revealed: false, earlier: "idle", beginsAt: null, problem: null, busy: false };

export const open = shallowReactive<Open>({ ...EMPTY });

const outboxes = new Map<string, Outbox>();
let asked = 0;
/** Why personal data are shown in clear. */
let revealReason: string | null = null;

/** The outbox of a conversation goes on when another one is opened. */
function outboxOf(id: string): Outbox {
  const existing = outboxes.get(id);
  if (existing !== undefined) return existing;
  const outbox = new Outbox({
    kept: unsentOf(id),
    newId: newKey,
    send: async (text, messageId) =>
      (await ask(api.POST("/desk/api/conversations/{conversation_id}/reply", { ...at(id), body: { text, message_id: messageId } }))).seq,
    onStored: async () => {
      if (open.id === id) await refresh();
    },
    onChanged: () => {
      keepUnsent(id, outbox.items);
      if (open.id === id) open.outgoing = unstored(outbox.items);
    },
  });
  outboxes.set(id, outbox);
  return outbox;
}

/** Without those that the log shows already: the answer to their sending may be late, or lost. */
function unstored(items: readonly Outgoing[]): readonly Outgoing[] {
  const logged = new Set(open.messages.map(({ message_id: id }) => id));
  return items.filter(({ messageId }) => !logged.has(messageId)).map((item) => ({ ...item }));
}

function at(id: string): { params: { path: { conversation_id: string } } } {
  return { params: { path: { conversation_id: id } } };
}

export async function openConversation(id: string | null): Promise<void> {
  if (open.id === id) return;
  Object.assign(open, { ...EMPTY, id });
  revealReason = null;
  if (id === null) return;
  open.outgoing = unstored(outboxOf(id).items);
  await refresh();
}

/** What came since the last message that is held. Answers that come late, or for another conversation, are dropped. */
export async function refresh(): Promise<void> {
  const { id } = open;
  if (id === null) return;
  await load(id, open.view?.last_seq ?? 0, null);
}

async function load(id: string, after: number, reason: string | null): Promise<void> {
  const turn = ++asked;
  try {
    const { latest, messages } = await allAfter(after, (from) => page(id, { after: from }, reason));
    if (open.id !== id) return;
    open.messages = reason === null ? merged(open.messages, messages) : messages; // the rest is asked for again, in clear
    open.outgoing = unstored(outboxOf(id).items);
    if (turn === asked) open.view = { ...latest, last_seq: Math.max(latest.last_seq, open.messages.at(-1)?.seq ?? 0) };
    open.problem = null;
  } catch (error) {
    if (open.id !== id) return;
    if (error instanceof DeskError && error.status === 404) Object.assign(open, { ...EMPTY, id, problem: (open.view === null ? open.problem : null) ?? problem(error) });
    else open.problem = problem(error);
    if (reason !== null) throw error;
  }
}

/** Puts what was said before the first message that is held above it; says how much that was. `aboutToShow` is told before it is drawn. */
export async function loadEarlier(aboutToShow: () => void): Promise<number> {
  const { id } = open;
  const before = open.messages[0]?.seq;
  const reason = revealReason;
  if (id === null || before === undefined || open.earlier === "loading" || !hasEarlier(open)) return 0;
  open.earlier = "loading";
  try {
    const older = (await page(id, { before }, reason)).messages.filter(({ seq }) => seq < before);
    if (open.id !== id) return 0;
    open.earlier = "idle";
    if (reason !== revealReason || open.messages[0]?.seq !== before) return 0;
    if (older.length === 0) open.beginsAt = before;
    aboutToShow();
    open.messages = merged(open.messages, older);
    return older.length;
  } catch (error) {
    if (!(error instanceof DeskError)) throw error;
    if (open.id === id) open.earlier = "failed";
    return 0;
  }
}

function page(id: string, from: { after: number } | { before: number }, reason: string | null): Promise<Schemas["ConversationView"]> {
  const reveal = reason === null ? {} : { reveal: true, reason };
  const params = { path: { conversation_id: id }, query: { ...from, ...reveal } };
  return ask(api.GET("/desk/api/conversations/{conversation_id}", { params }));
}

/** Shows personal data in clear; the server records it with the reason. Throws `DeskError`. */
export async function reveal(reason: string): Promise<void> {
  if (open.id === null) return;
  await load(open.id, 0, reason);
  revealReason = reason;
  open.revealed = true;
}

export async function hideAgain(): Promise<void> {
  if (open.id === null) return;
  open.revealed = false;
  revealReason = null;
  open.messages = [];
  await load(open.id, 0, null);
}

/** Throws `DeskError`, as all below. Whom a colleague was faster with stays said where the conversation was. */
export async function claim(): Promise<void> {
  await act(async (id) => {
    try {
      await ask(api.POST("/desk/api/conversations/{conversation_id}/claim", at(id)));
    } catch (error) {
      if (error instanceof DeskError && error.code === "already_claimed" && open.id === id) Object.assign(open, { ...EMPTY, id, problem: problem(error) });
      throw error;
    }
  });
}

/** A supervisor, from the colleague who has it. */
export async function takeOver(): Promise<void> {
  await act((id) => ask(api.POST("/desk/api/conversations/{conversation_id}/take-over", at(id))));
}

export async function giveBack(): Promise<void> {
  await act((id) => ask(api.POST("/desk/api/conversations/{conversation_id}/give-back", at(id))));
}

/** The account is not that customer's: what is said there from now on is an anonymous conversation. */
export async function unbind(): Promise<void> {
  await act((id) => ask(api.POST("/desk/api/conversations/{conversation_id}/unbind", at(id))));
}

export async function transfer(toAgent: string | null): Promise<void> {
  await act((id) => ask(api.POST("/desk/api/conversations/{conversation_id}/transfer", { ...at(id), body: { to_agent: toAgent } })));
}

async function act(work: (id: string) => Promise<unknown>): Promise<void> {
  if (open.id === null || open.busy) return;
  open.busy = true;
  try {
    await work(open.id);
  } finally {
    open.busy = false;
    await refreshQueue();
    if (queueHolds(open.id)) await refresh();
  }
}

/** What left the list may be out of sight already. */
function queueHolds(id: string | null): boolean {
  return order.value.some((each) => each === id);
}

let reading = false;

/** Tells the server, and so the borrower, how far the owner has read. */
export async function markRead(agentId: string): Promise<void> {
  const { id, view } = open;
  if (id === null || view?.owner !== "agent" || view.agent_id !== agentId || reading || (readUpTo.get(id) ?? 0) >= view.last_seq) return;
  reading = true;
  try {
    await ask(api.POST("/desk/api/conversations/{conversation_id}/read", { ...at(id), body: { seq: view.last_seq } }));
    readUpTo.set(id, view.last_seq);
    await refreshQueue();
  } catch (error) {
    if (!(error instanceof DeskError)) throw error; // the next message tells it again
  } finally {
    reading = false;
  }
}

const readUpTo = reactive(new Map<string, number>());

export function send(text: string): void {
  if (open.id !== null) outboxOf(open.id).add(text);
}

/** Everything unsent of this tab goes out now, also what was written before the page was loaded again. */
export function retrySending(): void {
  unsentConversations().forEach(outboxOf);
  for (const outbox of outboxes.values()) if (outbox.items.length > 0) outbox.retry();
}

export function discard(messageId: string): string | null {
  return open.id === null ? null : outboxOf(open.id).discard(messageId);
}
