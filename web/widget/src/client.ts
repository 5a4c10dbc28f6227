/**
 * The conversation as the widget sees it: the server's log, the messages still on their way, and the connection.
 *
 * - The log (`GET /chat/messages`) is the only source of what is shown; a POST's answer is only a receipt. So nothing
 *   is shown twice, whatever is retried.
 * - Each message gets a local id when it is typed (Zulip's `local_id`): it is sent again under that id until the server
 *   has taken it, over reloads too, and the log's `client_id` tells which entry it became.
 * - Messages go out one at a time and in order.
 */

import { Backoff, Waker } from "./backoff.js";
import { type ChatPort, HttpError, NetworkError, type SendRequest } from "./http.js";
import { newId } from "./ids.js";
import { type ChatState, EMPTY, type OutboxEntry, type SendOptions } from "./state.js";
import { type Memory, type Speaker, identityOf } from "./storage.js";
import type { Page } from "./wire.js";

/** Refusals that may pass are tried this often; silence (no network) is waited out for ever. */
const MAX_REFUSALS = 6;
const LONG_POLL_SECONDS = 25;
/** A server that answers a long-poll at once with nothing is not asked more often than this. */
const MIN_POLL_MS = 1_000;

export class ChatClient {
  private current: ChatState = EMPTY;
  private lastSeq = 0;
  private token: string | null = null;
  private identity = identityOf(null);
  /** Grows when another person takes over: what an older generation still receives is thrown away. */
  private generation = 0;
  private watching = false;
  private polling = false;
  private pumping = false;
  private clock = 0;
  private closed = false;
  private readonly waker = new Waker();

  constructor(
    private readonly port: ChatPort,
    private readonly memory: Memory,
    private readonly changed: () => void,
    private readonly random: () => number = Math.random,
  ) {
    this.restore();
  }

  get state(): ChatState {
    return this.current;
  }

  get lastRead(): number {
    return this.memory.lastRead(this.identity);
  }

  /** A turn is under way: a message was sent and its answer has not come. */
  get waiting(): boolean {
    const { owner, outbox, connection } = this.current;
    return owner === "bot" && (connection === "online" || connection === "new") && outbox.some(({ delivery }) => delivery === "sending");
  }

  /** Another person (or nobody) is logged in. Their own history and unsent messages replace the present ones. */
  setToken(token: string | null): void {
    if (token === this.token) return;
    const identity = identityOf(token);
    const samePerson = identity === this.identity;
    this.token = token;
    this.identity = identity;
    if (samePerson) this.update({ connection: "new" });
    else this.restore(this.memory.adoptVisitor(identity) ? this.current : EMPTY);
    this.wake();
  }

  /** While watched, the conversation is kept up to date; with a human on the other side it always is. */
  watch(on: boolean): void {
    this.watching = on;
    this.wake();
  }

  /** Try again now: the network came back, or the page became visible. */
  wake(): void {
    this.waker.wake();
    void this.poll();
    void this.pump();
  }

  /** The browser says there is no network. */
  disconnected(): void {
    this.update({ connection: "offline" });
    this.waker.wake();
  }

  markRead(): void {
    if (this.lastSeq > this.lastRead) {
      this.memory.setLastRead(this.identity, this.lastSeq);
      this.changed();
    }
  }

  send(text: string, { title = text, secret = false }: SendOptions = {}): void {
    this.clock = Math.max(this.clock + 1, Date.now());
    const createdAt = new Date(this.clock).toISOString();
    const entry: OutboxEntry = { clientId: newId(this.random), text, title, createdAt, delivery: "queued", errorCode: null };
    if (!secret) this.memory.keep(this.identity, { clientId: entry.clientId, text, title, createdAt });
    this.update({ outbox: [...this.current.outbox, entry], renewed: false });
    this.wake();
  }

  retry(clientId: string): void {
    this.updateEntry(clientId, { delivery: "queued", errorCode: null });
    this.wake();
  }

  discard(clientId: string): void {
    this.memory.drop(this.identity, clientId);
    this.update({ outbox: this.current.outbox.filter((entry) => entry.clientId !== clientId) });
  }

  /** Back to the bot. Whatever the server says, the log shows who owns the conversation now. */
  async leaveQueue(): Promise<void> {
    const { speaker, generation } = this;
    if (speaker === null) return;
    try {
      await this.port.leaveQueue({ sender: speaker.sender, token: this.readingToken(speaker) });
    } catch (error) {
      if (generation === this.generation && !(error instanceof HttpError && error.status === 409)) this.failed(error);
    }
    this.wake();
  }

  /** Ends every wait; the client is not used afterwards. */
  close(): void {
    this.closed = true;
    this.generation += 1;
    this.waker.wake();
  }

  /** Begins with what this identity has stored; `shown` is what stays on the screen until the server answers. */
  private restore(shown: ChatState = EMPTY): void {
    this.generation += 1;
    this.lastSeq = shown.messages.at(-1)?.seq ?? 0;
    const waiting = this.memory.outbox(this.identity).map((item) => ({ ...item, delivery: "queued" as const, errorCode: null }));
    this.update({ ...shown, connection: "new", loading: false, outbox: waiting });
  }

  private update(change: Partial<ChatState>): void {
    this.current = { ...this.current, ...change };
    this.changed();
  }

  private updateEntry(clientId: string, change: Partial<OutboxEntry>): void {
    this.update({ outbox: this.current.outbox.map((entry) => (entry.clientId === clientId ? { ...entry, ...change } : entry)) });
  }

  private get speaker(): Speaker | null {
    return this.memory.speaker(this.identity);
  }

  /** For reading: until the first message after login, the conversation is still the visitor's. */
  private readingToken(speaker: Speaker): string {
    return this.token === null || speaker.pending === true ? speaker.token : this.token;
  }

  private get wantsPoll(): boolean {
    if (this.closed || this.speaker === null || this.current.connection === "expired") return false;
    return this.watching || this.current.owner !== "bot";
  }

  private async poll(): Promise<void> {
    if (this.polling) return;
    this.polling = true;
    const backoff = new Backoff(this.random);
    try {
      while (this.wantsPoll) {
        const started = Date.now();
        const before = this.lastSeq;
        const healthy = this.current.connection === "online";
        const outcome = await this.fetchPage(healthy ? LONG_POLL_SECONDS : 0);
        if (outcome === "ok") backoff.reset();
        else if (outcome === "failed") await this.waker.sleep(backoff.next());
        const idle = outcome === "ok" && healthy && this.lastSeq === before && Date.now() - started < MIN_POLL_MS;
        if (idle) await this.waker.sleep(MIN_POLL_MS);
      }
    } finally {
      this.polling = false;
    }
  }

  /** One request for what is new. `stale`: cut short, or for a person who is no longer the one shown. */
  private async fetchPage(waitSeconds: number): Promise<"ok" | "failed" | "stale"> {
    const { speaker } = this;
    if (speaker === null) return "stale";
    const generation = this.generation;
    const signal = this.waker.signal;
    if (this.lastSeq === 0 && this.current.messages.length === 0 && this.current.connection === "new") this.update({ loading: true });
    try {
      const token = this.readingToken(speaker);
      const after = this.lastSeq;
      const page = await this.port.messages({ sender: speaker.sender, token, after, waitSeconds, signal });
      if (generation !== this.generation || speaker.pending !== this.speaker?.pending) return "stale";
      if (speaker.pending === true && page.lastSeq < this.lastSeq) return "ok"; // just now it became the customer's
      this.merge(page, after);
      return "ok";
    } catch (error) {
      if (signal.aborted || generation !== this.generation) return "stale";
      this.failed(error);
      return "failed";
    }
  }

  private merge(page: Page, after: number): void {
    if (page.lastSeq < this.lastSeq) {
      // The server's log is shorter than ours: its data was replaced. Start over from what it has.
      this.lastSeq = 0;
      this.update({ messages: [], connection: "new" });
      return;
    }
    const before = after === 0 && page.messages.length > 0 ? [] : this.current.messages;
    const known = new Set(before.map(({ seq }) => seq));
    const fresh = page.messages.filter(({ seq }) => !known.has(seq) && known.add(seq));
    const messages = fresh.length > 0 ? [...before, ...fresh].sort((a, b) => a.seq - b.seq) : before;
    this.lastSeq = Math.max(this.lastSeq, ...fresh.map(({ seq }) => seq));
    const logged = new Set(fresh.map(({ clientId }) => clientId));
    // An entry leaves the outbox when the server has taken it *and* the log shows it; one still being sent stays to get its receipt.
    const outbox = this.current.outbox.filter(({ clientId, delivery }) => !(delivery === "taken" && logged.has(clientId)));
    this.update({ messages, outbox, owner: page.owner, connection: "online", loading: false });
  }

  private failed(error: unknown): void {
    if (error instanceof HttpError && error.unknownCaller) {
      if (this.token !== null && error.status === 401) {
        this.update({ connection: "expired", loading: false });
        return;
      }
      this.memory.setSpeaker(this.identity, null); // this sender's time is over: a new conversation, unsent messages go there
      this.lastSeq = 0;
      this.update({ messages: [], renewed: true, connection: "new", loading: false, owner: "bot" });
      return;
    }
    if (!(error instanceof HttpError) && !(error instanceof NetworkError)) throw error;
    this.update({ connection: error instanceof HttpError ? "troubled" : "offline", loading: false });
  }

  private async pump(): Promise<void> {
    if (this.pumping) return;
    this.pumping = true;
    const backoff = new Backoff(this.random);
    let refusals = 0;
    try {
      for (;;) {
        const entry = this.current.outbox.find(({ delivery }) => delivery === "queued");
        if (this.closed || entry === undefined || this.current.connection === "expired") return;
        const error = await this.deliver(entry);
        if (error === null) {
          backoff.reset();
          refusals = 0;
          continue;
        }
        refusals += error instanceof HttpError ? 1 : 0;
        const passing = error instanceof NetworkError || ((error.temporary || error.unknownCaller) && refusals < MAX_REFUSALS);
        this.updateEntry(entry.clientId, passing ? { delivery: "queued" } : { delivery: "failed", errorCode: error.code });
        if (!passing) {
          refusals = 0;
          continue;
        }
        await this.waker.sleep(Math.max(backoff.next(), error instanceof HttpError ? error.retryAfterMs : 0));
      }
    } finally {
      this.pumping = false;
    }
  }

  /** Sends one entry. Returns what went wrong, or null. */
  private async deliver(entry: OutboxEntry): Promise<HttpError | NetworkError | null> {
    const { generation, identity } = this;
    this.updateEntry(entry.clientId, { delivery: "sending" });
    try {
      const request = await this.addressed(entry);
      await this.port.send(request);
    } catch (error) {
      if (generation !== this.generation) return null;
      this.failedSending(error);
      return error as HttpError | NetworkError;
    }
    this.memory.drop(identity, entry.clientId);
    if (generation !== this.generation) return null;
    if (this.speaker?.pending === true) {
      // The customer's log from now on, read from its start: usually the visitor's continued, but the server decides.
      this.memory.setSpeaker(identity, { ...this.speaker, pending: false });
      this.lastSeq = 0;
    }
    const logged = this.current.messages.some(({ clientId }) => clientId === entry.clientId);
    // Fetch before the typing indicator ends, so that the answer takes its place.
    const outcome = await this.fetchPage(0);
    if (generation !== this.generation) return null;
    const shown = logged || this.current.messages.some(({ clientId }) => clientId === entry.clientId);
    if (shown) this.update({ outbox: this.current.outbox.filter(({ clientId }) => clientId !== entry.clientId) });
    else this.updateEntry(entry.clientId, { delivery: "taken" });
    if (outcome === "ok") void this.poll();
    return null;
  }

  private failedSending(error: unknown): void {
    const refused = error instanceof HttpError && !error.unknownCaller && !error.temporary;
    if (!refused) this.failed(error); // a refused message says nothing about the connection
  }

  private async addressed(entry: OutboxEntry): Promise<SendRequest> {
    const { identity, token: customerToken } = this; // before waiting: the entry goes out for the person who wrote it
    const speaker = this.speaker ?? (await this.port.createVisitor());
    this.memory.setSpeaker(identity, speaker);
    const { sender, token } = speaker;
    const visitorToken = customerToken === null ? null : token;
    return { sender, token: customerToken ?? token, text: entry.text, messageId: entry.clientId, visitorToken };
  }
}
