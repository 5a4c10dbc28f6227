/**
 * The chat server in memory, behind the real HTTP port: it implements `fetch` for the contract's addresses, keeps a log
 * for each (sender, customer) and can misbehave on demand. Time is vitest's fake time.
 */

import type { LiveSocket } from "../src/port.js";
import { type Ack, FakeSocket } from "./fake-socket.js";

interface Stored {
  seq: number;
  author: string;
  at: string;
  text?: string;
  buttons?: readonly { title: string; payload: string }[];
  custom?: unknown;
  client_id?: string;
}

export type Fault = "cut before" | "cut after" | "silent" | number;

interface Conversation {
  messages: Stored[];
  owner: "bot" | "queue" | "agent";
  answered: Set<string>;
}

export class FakeServer {
  /** The next POSTs of messages go wrong like this, one each. `cut after`: taken, but the answer is lost. */
  readonly postFaults: Fault[] = [];
  readonly pollFaults: Fault[] = [];
  readonly posts: { sender: string; token: string; text: string; messageId: string }[] = [];
  readonly polls: { sender: string; after: number; wait: number }[] = [];
  readonly refusedTokens = new Set<string>();
  readonly conversations = new Map<string, Conversation>();
  /** At most so many messages in one answer of the log. */
  pageSize = 200;
  /** A log that is asked for from its start begins with its newest page, as the real one does. */
  newestFirst = false;
  readonly olderAsked: number[] = [];
  readonly olderFaults: number[] = [];
  /** Sends each message of a page twice. */
  stutters = false;
  /** Answers long polls at once, with nothing. */
  impatient = false;
  readonly acks: Ack[] = [];
  readonly ratings: Rated[] = [];
  readonly rateFaults: number[] = [];
  readonly resumes: (Resume & { readonly token: string })[] = [];
  readonly resumeFaults: Fault[] = [];
  readonly caseFaults: Fault[] = [];
  readonly facts: { caseNo: string; key: string; text: string }[] = [];
  /** By token. */
  readonly casesOf: Record<string, FakeCase[]> = {};
  /** What answers about resuming and cases wait for. */
  slowly: Promise<unknown> = Promise.resolve();
  queuePosition: number | null = null;
  readSeq = 0;
  agentReadSeq = 0;
  visitors = 0;
  reply: (text: string) => Omit<Stored, "seq" | "at" | "author">[] = (text) => [{ text: `收到：${text}` }];
  private waiting: (() => void)[] = [];
  readonly sockets: FakeSocket[] = [];
  /** Sockets are refused, as by a proxy that knows none. */
  refusesSockets = false;

  /** What is sent over the sockets of now gets nowhere any more, and neither end is told: a NAT has forgotten them. */
  lose(): void {
    this.sockets.forEach((socket) => {
      socket.lost = true;
    });
  }

  readonly connect = (): LiveSocket => {
    const socket = new FakeSocket(this);
    this.sockets.push(socket);
    return socket;
  };

  /** Cuts every open socket, as a dead network does. */
  cut(): void {
    for (const socket of this.sockets) socket.end();
  }

  /** What a log frame after `after` carries. */
  page(sender: string, token: string, after: number): { messages: Stored[]; last_seq: number; owner: string; agent_read_seq: number; queue_position?: number } {
    const { messages, owner } = this.conversation(sender, token);
    const fresh = messages.filter(({ seq }) => seq > after);
    return { messages: fresh, last_seq: fresh.at(-1)?.seq ?? Math.min(after, messages.length), owner, agent_read_seq: this.agentReadSeq, ...this.place(owner) };
  }

  private readonly place = (owner: string): { queue_position?: number } => (owner === "queue" && this.queuePosition !== null ? { queue_position: this.queuePosition } : {});

  readonly fetch: typeof fetch = async (input, init = {}) => {
    const url = new URL(input as string, "http://chat.test");
    if (url.pathname === "/chat/visitor") {
      this.visitors += 1;
      return json(201, { sender: `v-${this.visitors}`, token: `visitor-${this.visitors}` });
    }
    const token = (new Headers(init.headers).get("Authorization") ?? "").replace("Bearer ", "");
    if (url.pathname === "/webhooks/rest/webhook") return this.post(JSON.parse(init.body as string) as Body, token, init.signal);
    if (url.pathname === "/chat/leave-queue") return this.leave((JSON.parse(init.body as string) as Body).sender, token);
    if (url.pathname === "/chat/messages") return this.poll(url.searchParams, token, init.signal);
    if (url.pathname === "/chat/ack") {
      this.acks.push(JSON.parse(init.body as string) as Ack);
      return new Response(null, { status: 204 });
    }
    if (url.pathname === "/chat/resume") return this.resume(JSON.parse(init.body as string) as Resume, token, init.signal);
    if (url.pathname.startsWith("/chat/cases")) return this.cases(url.pathname.split("/").slice(3), token, init);
    if (url.pathname === "/chat/rating") return this.rate(JSON.parse(init.body as string) as Rated);
    return refusal(404, "not_found");
  };

  /** A conversation with a human first, else the one in which something was said last; a newer dialogue from before login goes on. */
  private async resume(asked: Resume, token: string, signal: AbortSignal | null | undefined): Promise<Response> {
    this.resumes.push({ ...asked, token });
    const fault = this.resumeFaults.shift();
    if (this.refusedTokens.has(token)) return refusal(401, "token_expired");
    if (fault === "silent") return never(signal);
    if (typeof fault === "number") return refusal(fault, "trouble");
    if (fault !== undefined) throw new TypeError("network");
    await this.slowly;
    const rank = ({ owner, messages }: Conversation): number => (owner === "bot" ? 0 : 1e15) + Date.parse(messages.at(-1)?.at ?? "1970");
    const own = [...this.conversations].filter(([key, { messages }]) => key.endsWith(` ${token}`) && messages.length > 0);
    const [key, found] = own.sort(([, a], [, b]) => rank(b) - rank(a))[0] ?? [];
    const before = this.conversations.get((asked.visitor_token ?? "").replace("visitor-", "v-"));
    if (key === undefined || found === undefined || (before !== undefined && rank(before) > rank(found))) return json(200, {});
    const held = key.split(" ")[0] ?? "";
    return json(200, { conversation: { sender: held, ...this.page(held, token, 0), read_seq: this.readSeq } });
  }

  private async cases([caseNo, command]: string[], token: string, init: RequestInit): Promise<Response> {
    const fault = this.caseFaults.shift();
    if (this.refusedTokens.has(token)) return refusal(401, "token_expired");
    if (fault === "cut before") throw new TypeError("network");
    if (typeof fault === "number") return refusal(fault, fault === 409 ? "case_over" : "trouble");
    await this.slowly;
    const mine = this.casesOf[token] ?? [];
    if (caseNo === undefined) return json(200, { cases: mine.map((item) => item.case), as_of: "2026-08-10" });
    const found = mine.find((item) => item.case.case_no === caseNo);
    if (found === undefined) return refusal(404, "case_not_found");
    if (command === "facts") {
      const key = new Headers(init.headers).get("Idempotency-Key") ?? "";
      const { text } = JSON.parse(init.body as string) as { text: string };
      this.facts.push({ caseNo, key, text });
      if (!found.keys.has(key)) found.events.push({ type: "fact_added", at: new Date().toISOString(), by: "borrower", text, data: {} });
      found.keys.add(key);
      if (fault === "cut after") throw new TypeError("network");
      return json(200, found.case);
    }
    const { case: card, events } = found;
    return json(200, { case: card, contract_no: null, instalment: null, events, remedies: [], attachments: [], appeal_until: null, as_of: "2026-08-10" });
  }

  private rate(rated: Rated): Response {
    const fault = this.rateFaults.shift();
    if (fault !== undefined) return refusal(fault, fault === 409 ? "already_rated" : "trouble");
    this.ratings.push(rated);
    return new Response(null, { status: 204 });
  }

  conversation(sender: string, token: string): Conversation {
    const key = token.startsWith("visitor-") ? sender : `${sender} ${token}`; // (sender, customer), as in the real one
    const found = this.conversations.get(key) ?? { messages: [], owner: "bot" as const, answered: new Set<string>() };
    this.conversations.set(key, found);
    return found;
  }

  say(sender: string, token: string, message: Omit<Stored, "seq" | "at">): void {
    const { messages } = this.conversation(sender, token);
    messages.push({ ...message, seq: (messages.at(-1)?.seq ?? 0) + 1, at: new Date().toISOString() });
    this.wake();
  }

  /** Whoever waits for the log looks at it; `moved`: a place in the queue has changed. */
  wake(moved = false): void {
    for (const socket of this.sockets) socket.push(moved);
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** The first message after login takes the visitor's conversation over, if the visitor's token proves who it was. */
  private adopt(sender: string, token: string, visitorToken: string | undefined): void {
    const anonymous = this.conversations.get(sender);
    if (token.startsWith("visitor-") || anonymous === undefined || visitorToken !== sender.replace("v-", "visitor-")) return;
    if (this.conversations.has(`${sender} ${token}`)) return;
    this.conversations.set(`${sender} ${token}`, anonymous);
    this.conversations.delete(sender);
  }

  private async post({ sender, message, metadata }: Body, token: string, signal: AbortSignal | null | undefined): Promise<Response> {
    this.posts.push({ sender, token, text: message, messageId: metadata.message_id });
    const fault = this.postFaults.shift();
    if (this.refusedTokens.has(token)) return refusal(401, "token_expired");
    if (fault === "cut before") throw new TypeError("network");
    if (fault === "silent") return never(signal);
    if (typeof fault === "number") return refusal(fault, fault === 413 ? "message_too_long" : "trouble", fault === 429 ? "7" : undefined);
    this.adopt(sender, token, metadata.visitor_token);
    const conversation = this.conversation(sender, token);
    if (!conversation.answered.has(metadata.message_id)) {
      conversation.answered.add(metadata.message_id);
      this.say(sender, token, { author: "borrower", text: message, client_id: metadata.message_id });
      if (conversation.owner === "bot") this.reply(message).forEach((answer) => { this.say(sender, token, { author: "bot", ...answer }); });
    }
    if (fault === "cut after") throw new TypeError("network");
    return json(200, []);
  }

  private leave(sender: string, token: string): Response {
    const conversation = this.conversation(sender, token);
    if (conversation.owner !== "queue") return refusal(409, "not_in_queue");
    conversation.owner = "bot";
    this.say(sender, token, { author: "system", text: "好的，先不排了" });
    return json(200, { messages: conversation.messages, last_seq: conversation.messages.length, owner: "bot" });
  }

  private async poll(query: URLSearchParams, token: string, signal: AbortSignal | null | undefined): Promise<Response> {
    const sender = query.get("sender") ?? "";
    if (query.has("before")) return this.older(sender, token, Number(query.get("before")));
    const after = Number(query.get("after"));
    const wait = Number(query.get("wait"));
    this.polls.push({ sender, after, wait });
    const fault = this.pollFaults.shift();
    if (this.refusedTokens.has(token)) return refusal(401, "token_expired");
    if (fault === "silent") return never(signal);
    if (typeof fault === "number") return refusal(fault, "trouble");
    if (fault !== undefined) throw new TypeError("network");
    const conversation = this.conversation(sender, token);
    const newest = this.newestFirst && after === 0 ? -this.pageSize : 0;
    const fresh = (): Stored[] => conversation.messages.filter(({ seq }) => seq > after).slice(newest).slice(0, this.pageSize);
    if (fresh().length === 0 && wait > 0 && !this.impatient) await this.somethingNew(wait, signal);
    const lastSeq = Math.min(after, conversation.messages.length);
    const messages = this.stutters ? [...fresh(), ...fresh()] : fresh();
    return json(200, { messages, last_seq: fresh().at(-1)?.seq ?? lastSeq, owner: conversation.owner, agent_read_seq: this.agentReadSeq, ...this.place(conversation.owner) });
  }

  private older(sender: string, token: string, before: number): Response {
    const { messages, owner } = this.conversation(sender, token);
    this.olderAsked.push(before);
    const fault = this.olderFaults.shift();
    if (fault !== undefined) return refusal(fault, "trouble");
    const older = messages.filter(({ seq }) => seq < before).slice(-this.pageSize);
    return json(200, { messages: older, last_seq: before - 1, owner, agent_read_seq: this.agentReadSeq });
  }

  private async somethingNew(seconds: number, signal: AbortSignal | null | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
      signal?.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(new DOMException("aborted", "AbortError"));
      });
    });
  }
}

interface Resume {
  readonly sender?: string;
  readonly visitor_token?: string;
}

interface FakeCase {
  readonly case: Readonly<Record<string, unknown>>;
  readonly events: object[];
  readonly keys: Set<string>;
}

export function fakeCase(caseNo: string, status = "investigating"): FakeCase {
  const dates = { received_on: "2026-08-10", decide_by: "2026-08-25", next_update_by: "2026-08-13", disputed_amount: 192 };
  return { case: { type: "case", case_no: caseNo, kind: "dispute", status, ...dates }, events: [], keys: new Set() };
}

interface Rated {
  readonly sender: string;
  readonly handoff_id: number;
  readonly score: number;
  readonly comment?: string;
}

interface Body {
  readonly sender: string;
  readonly message: string;
  readonly metadata: { readonly message_id: string; readonly visitor_token?: string };
}

function json(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
}

function refusal(status: number, code: string, retryAfter?: string): Response {
  const headers = retryAfter === undefined ? {} : { "Retry-After": retryAfter };
  return new Response(JSON.stringify({ error: { code, message: "no", details: {} } }), { status, headers });
}

function never(signal: AbortSignal | null | undefined): Promise<Response> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => {
      reject(new DOMException("aborted", "AbortError"));
    });
  });
}
