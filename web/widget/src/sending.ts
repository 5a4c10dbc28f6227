/**
 * Messages on their way, one at a time and in order. Each has an id from when it was typed (Zulip's `local_id`): it is
 * sent again under that id until the server has taken it, over reloads too.
 */

import { Backoff, type Waker } from "./backoff.js";
import type { Conversation } from "./conversation.js";
import { HttpError, type NetworkError } from "./port.js";
import { newId } from "./ids.js";
import type { OutboxEntry, SendOptions } from "./state.js";

/** Who is not known is tried this often, each time in a new conversation. What may pass (no network, a server in trouble) is waited out for ever. */
const MAX_UNKNOWN = 6;
const TOO_MANY = 429;

export class Sending {
  private pumping = false;
  private clock = 0;

  constructor(
    private readonly conversation: Conversation,
    private readonly waker: Waker,
    private readonly random: () => number,
  ) {}

  send(text: string, { title = text, secret = false }: SendOptions = {}): void {
    const { conversation } = this;
    this.clock = Math.max(this.clock + 1, Date.now());
    const createdAt = new Date(this.clock).toISOString();
    const entry: OutboxEntry = { clientId: newId(this.random), text, title, createdAt, delivery: "queued", errorCode: null };
    if (!secret) conversation.memory.keep(conversation.identity, { clientId: entry.clientId, text, title, createdAt });
    conversation.update({ outbox: [...this.outbox, entry], renewed: false });
    conversation.wake();
  }

  retry(clientId: string): void {
    this.change(clientId, { delivery: "queued", errorCode: null });
    this.conversation.wake();
  }

  discard(clientId: string): void {
    this.conversation.memory.drop(this.conversation.identity, clientId);
    this.conversation.update({ outbox: this.outbox.filter((entry) => entry.clientId !== clientId) });
    this.conversation.wake(); // it may have held back what was written after it
  }

  /** What was refused for good holds back what was written after it: a "yes" must not arrive without what it answers. */
  private get next(): OutboxEntry | null {
    const first = this.outbox.find(({ delivery }) => delivery !== "taken");
    return first?.delivery === "queued" ? first : null;
  }

  async run(): Promise<void> {
    if (this.pumping) return;
    this.pumping = true;
    const backoff = new Backoff(this.random);
    let unknown = 0;
    try {
      for (;;) {
        const { next: entry } = this;
        if (this.conversation.closed || entry === null || this.conversation.state.connection === "expired") return;
        const error = await this.deliver(entry);
        if (error === null) {
          backoff.reset();
          unknown = 0;
          continue;
        }
        const refused = error instanceof HttpError;
        unknown += refused && error.unknownCaller ? 1 : 0;
        const passing = !refused || error.temporary || (error.unknownCaller && unknown < MAX_UNKNOWN);
        this.change(entry.clientId, { delivery: passing ? "queued" : "failed", errorCode: refused ? error.code : null });
        if (!passing) return;
        await this.pause(backoff.next(), error);
      }
    } finally {
      this.pumping = false;
    }
  }

  /** Something new to do ends it, but not before the time that a server names which was asked too often. */
  private async pause(ms: number, error: HttpError | NetworkError): Promise<void> {
    const { conversation, waker } = this;
    const { generation } = conversation;
    const asked = error instanceof HttpError ? error.retryAfterMs : 0;
    const until = Date.now() + (error instanceof HttpError && error.status === TOO_MANY ? asked : 0);
    await waker.sleep(Math.max(ms, asked));
    while (Date.now() < until && !conversation.closed && generation === conversation.generation) await waker.sleep(until - Date.now());
  }

  private get outbox(): readonly OutboxEntry[] {
    return this.conversation.state.outbox;
  }

  private change(clientId: string, change: Partial<OutboxEntry>): void {
    this.conversation.update({ outbox: this.outbox.map((entry) => (entry.clientId === clientId ? { ...entry, ...change } : entry)) });
  }

  /** Sends one entry. Returns what went wrong, or null. */
  private async deliver(entry: OutboxEntry): Promise<HttpError | NetworkError | null> {
    const { conversation } = this;
    const { generation, identity, memory } = conversation;
    this.change(entry.clientId, { delivery: "sending" });
    try {
      await this.post(entry);
    } catch (error) {
      if (generation !== conversation.generation) return null;
      this.failed(error);
      return error as HttpError | NetworkError;
    }
    memory.drop(identity, entry.clientId);
    if (generation !== conversation.generation) return null;
    const { speaker } = conversation;
    if (speaker?.pending === true) {
      // The customer's log from now on, read from its start: usually the visitor's continued, but the server decides.
      memory.setSpeaker(identity, { ...speaker, pending: false });
      conversation.startOver();
    }
    const shown = (): boolean => conversation.state.messages.some(({ clientId }) => clientId === entry.clientId);
    const logged = shown();
    // Fetch before the typing indicator ends, so that the answer takes its place.
    const outcome = await conversation.refresh();
    if (generation !== conversation.generation) return null;
    if (logged || shown()) conversation.update({ outbox: this.outbox.filter(({ clientId }) => clientId !== entry.clientId) });
    else this.change(entry.clientId, { delivery: "taken" });
    if (outcome === "ok") conversation.read();
    return null;
  }

  private failed(error: unknown): void {
    const refused = error instanceof HttpError && !error.unknownCaller && !error.temporary;
    if (!refused) this.conversation.failed(error); // a refused message says nothing about the connection
  }

  private async post({ text, clientId }: OutboxEntry): Promise<void> {
    const { conversation } = this;
    const customerToken = conversation.token; // before waiting: the entry goes out for the person who wrote it
    const { sender, token } = await conversation.ready();
    const visitorToken = customerToken === null || token === "" ? null : token;
    await conversation.port.send({ sender, token: customerToken ?? token, text, messageId: clientId, visitorToken });
  }
}
