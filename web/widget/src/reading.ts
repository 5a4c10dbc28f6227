/** Reads the log: over a socket (live.ts), and by long-poll whenever there is none. Both say the last `seq` that is held. */

import type { Acks } from "./acks.js";
import { Backoff, type Waker } from "./backoff.js";
import type { Conversation } from "./conversation.js";
import { Line, Live } from "./live.js";
import type { Resuming } from "./resuming.js";
import type { Speaker } from "./storage.js";
import type { Page } from "./wire.js";

const LONG_POLL_SECONDS = 25;
/** A server that answers a long-poll at once with nothing is not asked more often than this. */
const MIN_POLL_MS = 1_000;

export type Outcome = "ok" | "failed" | "stale";

export class Reading {
  lastSeq = 0;
  live: Live | null = null;
  watching = false;
  private polling = false;
  /** Whose log is shown. */
  private sender: string | null = null;
  private readonly line: Line;

  constructor(
    private readonly conversation: Conversation,
    private readonly resuming: Resuming,
    private readonly acks: Acks,
    private readonly waker: Waker,
    private readonly random: () => number,
  ) {
    this.line = new Line(random);
  }

  get wanted(): boolean {
    const { closed, speaker, state } = this.conversation;
    if (closed || state.connection === "expired" || (speaker === null && !this.resuming.needed)) return false;
    return this.watching || state.owner !== "bot";
  }

  async run(): Promise<void> {
    if (this.polling) return;
    this.polling = true;
    const backoff = new Backoff(this.random);
    try {
      while (this.wanted) {
        const outcome = this.resuming.needed ? await this.resume() : await this.read();
        if (outcome === "ok") backoff.reset();
        else if (outcome === "failed") await this.waker.sleep(backoff.next());
      }
    } finally {
      this.polling = false;
    }
  }

  /** Ends the socket; the loop in `run` decides what comes next. */
  hangUp(): void {
    const { live } = this;
    this.live = null;
    this.line.reset();
    live?.close();
  }

  /** One request for what is new. `stale`: cut short, or for a person or a conversation no longer shown. */
  async fetch(waitSeconds: number): Promise<Outcome> {
    const { conversation } = this;
    const { speaker, generation } = conversation;
    if (speaker === null) return "stale";
    this.follow(speaker);
    const signal = this.waker.signal;
    if (this.empty && conversation.state.connection === "new") conversation.update({ loading: true });
    try {
      const token = conversation.readingToken(speaker);
      const after = this.lastSeq;
      const page = await conversation.port.messages({ sender: speaker.sender, token, after, waitSeconds, signal });
      if (!this.shows(speaker, generation)) return "stale";
      if (speaker.pending === true && page.lastSeq < this.lastSeq) return "ok"; // just now it became the customer's
      this.merge(page, after);
      return "ok";
    } catch (error) {
      if (signal.aborted || generation !== conversation.generation) return "stale";
      conversation.failed(error);
      return "failed";
    }
  }

  /** What the server says goes on: its log when that is not the one shown. */
  begin(speaker: Speaker, page: Page): void {
    this.follow(speaker);
    if (this.lastSeq === 0) this.merge(page, 0);
  }

  private get empty(): boolean {
    return this.lastSeq === 0 && this.conversation.state.messages.length === 0;
  }

  private async resume(): Promise<Outcome> {
    const { conversation } = this;
    const { generation } = conversation;
    if (this.empty) conversation.update({ loading: true });
    try {
      await this.resuming.settle();
    } catch (error) {
      if (generation !== conversation.generation) return "stale";
      conversation.failed(error);
      return "failed";
    }
    if (generation === conversation.generation && conversation.speaker === null) conversation.update({ loading: false, connection: "new" });
    return "ok";
  }

  private async read(): Promise<Outcome> {
    const { conversation } = this;
    const healthy = conversation.state.connection === "online";
    if (healthy && this.line.pause === 0 && (await this.listen())) return "stale";
    const started = Date.now();
    const before = this.lastSeq;
    const { place } = conversation.state;
    const outcome = await this.fetch(healthy ? this.pollSeconds : 0);
    const same = this.lastSeq === before && conversation.state.place?.position === place?.position;
    const idle = outcome === "ok" && healthy && same && Date.now() - started < MIN_POLL_MS;
    if (idle) await this.waker.sleep(MIN_POLL_MS);
    return outcome;
  }

  /** Long polls end when the socket is to be tried again. */
  private get pollSeconds(): number {
    const pause = this.line.pause / 1000;
    return pause > 0 ? Math.min(LONG_POLL_SECONDS, pause) : LONG_POLL_SECONDS;
  }

  /** Reads over a socket until it ends. False: there are no sockets here. */
  private async listen(): Promise<boolean> {
    const { conversation } = this;
    const { speaker, generation } = conversation;
    if (speaker === null) return false;
    const socket = conversation.port.openSocket();
    if (socket === null) return false;
    this.follow(speaker);
    const live = new Live(socket);
    this.live = live;
    let position = this.lastSeq;
    const hello = { sender: speaker.sender, token: conversation.readingToken(speaker), after: position };
    const { worked, error } = await live.listen(hello, (page) => {
      const stale = !this.shows(speaker, generation);
      if (!stale) this.merge(page, position);
      position = page.lastSeq;
      if (stale || !this.wanted || conversation.state.connection !== "online") this.hangUp();
    });
    const closedByUs = this.live !== live;
    if (!closedByUs) this.live = null;
    socket.close();
    if (closedByUs && error === null) this.line.reset();
    else this.line.ended(worked && error === null);
    return true;
  }

  /** Whether what `speaker` reads is still what is shown. */
  private shows({ sender, pending }: Speaker, generation: number): boolean {
    const { conversation } = this;
    const now = conversation.speaker;
    return generation === conversation.generation && sender === now?.sender && pending === now.pending;
  }

  /** From now on the log of `speaker` is read; what is shown of another one goes away. */
  private follow({ sender }: Speaker): void {
    const moved = this.sender !== null && this.sender !== sender;
    this.sender = sender;
    if (!moved) return;
    this.reset(0, sender);
    this.conversation.update({ messages: [], place: null });
  }

  /** Another log begins, of which so much is held. */
  reset(lastSeq: number, sender: string | null): void {
    this.lastSeq = lastSeq;
    this.sender = sender;
    this.acks.reset();
  }

  /** `after`: from where this page was asked for. Another reader may be further by now: pages overlap, and never leave a gap. */
  private merge(page: Page, after: number): void {
    const { conversation } = this;
    const { state } = conversation;
    if (page.lastSeq < after) {
      // The server's log is shorter than ours: its data was replaced. Start over from what it has.
      this.lastSeq = 0;
      conversation.update({ messages: [], connection: "new", place: null });
      return;
    }
    const before = this.lastSeq === 0 && page.messages.length > 0 ? [] : state.messages;
    const known = new Set(before.map(({ seq }) => seq));
    const fresh = page.messages.filter(({ seq }) => !known.has(seq) && known.add(seq));
    const messages = fresh.length > 0 ? [...before, ...fresh].sort((a, b) => a.seq - b.seq) : before;
    this.lastSeq = Math.max(this.lastSeq, ...fresh.map(({ seq }) => seq));
    const logged = new Set(fresh.map(({ clientId }) => clientId));
    // An entry leaves the outbox when the server has taken it *and* the log shows it; one still being sent stays to get its receipt.
    const outbox = state.outbox.filter(({ clientId, delivery }) => !(delivery === "taken" && logged.has(clientId)));
    // A place in the queue moves without a message; whoever does not say it leaves it to the cards.
    const place = page.queuePosition === null ? state.place : { seq: this.lastSeq, position: page.queuePosition };
    conversation.update({ messages, outbox, place, owner: page.owner, agentReadSeq: page.agentReadSeq, connection: "online", loading: false });
    this.acks.send();
  }
}
