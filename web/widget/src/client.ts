/**
 * The conversation as the widget sees it: the server's log, the messages still on their way, and the connection.
 *
 * The log is the only source of what is shown (reading.ts); a POST's answer is only a receipt (sending.ts), and the log's
 * `client_id` tells which entry a message became. So nothing is shown twice, whatever is retried.
 */

import { Acks } from "./acks.js";
import { Waker } from "./backoff.js";
import { CaseBook } from "./case-book.js";
import type { Conversation } from "./conversation.js";
import { earlier } from "./earlier.js";
import { type ChatPort, HttpError, NetworkError } from "./port.js";
import type { Live } from "./live.js";
import { rate } from "./ratings.js";
import { type Outcome, Reading } from "./reading.js";
import { Resuming } from "./resuming.js";
import { Sending } from "./sending.js";
import { type ChatState, EMPTY, NO_CASES, type SendOptions } from "./state.js";
import { type Memory, type Speaker, identityOf } from "./storage.js";
import { Uploads } from "./uploads.js";
import type { Resumed } from "./wire.js";

export class ChatClient implements Conversation {
  private current: ChatState = EMPTY;
  token: string | null = null;
  identity = identityOf(null);
  generation = 0;
  closed = false;
  readonly uploads: Uploads;
  readonly cases: CaseBook;
  private readonly waker = new Waker();
  private readonly acks: Acks;
  private readonly resuming: Resuming;
  private readonly reading: Reading;
  private readonly sending: Sending;

  constructor(
    readonly port: ChatPort,
    readonly memory: Memory,
    private readonly changed: () => void,
    random: () => number = Math.random,
  ) {
    this.acks = new Acks(this);
    this.resuming = new Resuming(this);
    this.reading = new Reading(this, this.resuming, this.acks, this.waker, random);
    this.sending = new Sending(this, this.waker, random);
    this.uploads = new Uploads(this, random);
    this.cases = new CaseBook(this, random);
    this.restore();
  }

  get state(): ChatState {
    return this.current;
  }

  get lastSeq(): number {
    return this.reading.lastSeq;
  }

  get lastRead(): number {
    return this.memory.lastRead(this.identity);
  }

  get live(): Live | null {
    return this.reading.live;
  }

  get speaker(): Speaker | null {
    return this.memory.speaker(this.identity);
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
    this.reading.hangUp();
    this.resuming.renew();
    if (samePerson) this.update({ connection: "new" });
    else this.restore(this.memory.adoptVisitor(identity) ? this.current : EMPTY);
    this.wake();
  }

  /** While watched, the conversation is kept up to date; with a human on the other side it always is. */
  watch(on: boolean): void {
    this.reading.watching = on;
    if (on && this.live === null) this.resuming.renew();
    if (!this.reading.wanted) this.reading.hangUp();
    this.wake();
  }

  /** Try again now: the network came back, or the page became visible. */
  wake(): void {
    this.waker.wake();
    this.read();
    void this.sending.run();
  }

  read(): void {
    void this.reading.run();
  }

  /** The network came back, or the device slept: a socket from before may be dead without knowing it. */
  reconnect(): void {
    this.reading.hangUp();
    this.resuming.renew();
    this.wake();
  }

  /** The browser says there is no network. */
  disconnected(): void {
    this.reading.hangUp();
    this.update({ connection: "offline" });
    this.waker.wake();
  }

  markRead(): void {
    if (this.lastSeq > this.lastRead) {
      this.memory.setLastRead(this.identity, this.lastSeq);
      this.acks.send();
      this.changed();
    }
  }

  send(text: string, options: SendOptions = {}): void {
    this.sending.send(text, options);
  }

  retry(clientId: string): void {
    this.sending.retry(clientId);
  }

  discard(clientId: string): void {
    this.sending.discard(clientId);
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

  rate(handoffId: number, score: number, comment: string): Promise<void> {
    return rate(this, handoffId, score, comment);
  }

  /** More of the log, above what is held; `shown` is told how much. */
  earlier(shown: (count: number) => void): Promise<void> {
    return earlier(this, shown);
  }

  /** The bytes of an attachment of this person. Raises `HttpError`, `NetworkError`. */
  async attachment(id: string): Promise<Blob> {
    const token = this.speaker === null ? this.token : this.readingToken(this.speaker);
    if (token === null) throw new NetworkError("nobody talks here");
    return this.port.attachment(id, token);
  }

  /** Ends every wait; the client is not used afterwards. */
  close(): void {
    this.closed = true;
    this.generation += 1;
    this.reading.hangUp();
    this.uploads.stop();
    this.waker.wake();
  }

  async ready(): Promise<Speaker> {
    const { identity } = this; // before waiting: whoever asks acts for the person who is here now
    await this.resuming.settle();
    const known = this.memory.speaker(identity);
    if (known !== null) return known;
    const visitor = await this.port.createVisitor();
    const speaker = this.memory.speaker(identity) ?? visitor;
    this.memory.setSpeaker(identity, speaker);
    return speaker;
  }

  /** For reading: until the first message after login, the conversation is still the visitor's. */
  readingToken(speaker: Speaker): string {
    return this.token === null || speaker.pending === true ? speaker.token : this.token;
  }

  goesOn({ page, readSeq }: Resumed): void {
    const { speaker } = this;
    if (speaker === null) return;
    this.reading.begin(speaker, page);
    if (readSeq > this.lastRead) this.memory.setLastRead(this.identity, readSeq);
    this.update({ owner: page.owner, place: { seq: page.lastSeq, position: page.queuePosition } });
  }

  refresh(): Promise<Outcome> {
    return this.reading.fetch(0);
  }

  startOver(): void {
    this.reading.lastSeq = 0;
  }

  update(change: Partial<ChatState>): void {
    this.current = { ...this.current, ...change };
    this.changed();
  }

  failed(error: unknown): void {
    this.reading.hangUp();
    if (error instanceof HttpError && error.unknownCaller) {
      if (this.token !== null && error.status === 401) {
        this.update({ connection: "expired", loading: false });
        return;
      }
      this.memory.setSpeaker(this.identity, null); // this sender's time is over: a new conversation, unsent messages go there
      this.reading.reset(0, null);
      this.update({ messages: [], renewed: true, connection: "new", loading: false, owner: "bot", place: null });
      return;
    }
    if (!(error instanceof HttpError) && !(error instanceof NetworkError)) throw error;
    this.update({ connection: error instanceof HttpError ? "troubled" : "offline", loading: false });
  }

  /** Begins with what this identity has stored; `shown` is what stays on the screen until the server answers. */
  private restore(shown: ChatState = EMPTY): void {
    this.generation += 1;
    this.reading.reset(shown.messages.at(-1)?.seq ?? 0, shown === EMPTY ? null : (this.speaker?.sender ?? null));
    this.uploads.stop();
    const ratings = Object.fromEntries(Object.entries(this.memory.ratings(this.identity)).map(([id, score]) => [id, { score, state: "done" as const }]));
    const waiting = this.memory.outbox(this.identity).map((item) => ({ ...item, delivery: "queued" as const, errorCode: null }));
    this.update({ ...shown, connection: "new", loading: false, outbox: waiting, ratings, uploads: [], cases: NO_CASES, identified: this.token !== null });
  }
}
