/** What the widget remembers between page loads. A browser that forbids storage only loses the memory, not the chat. */

import type { Visitor } from "./wire.js";

export type KeyValueStore = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

export class MemoryStore implements KeyValueStore {
  private readonly items = new Map<string, string>();

  get length(): number {
    return this.items.size;
  }

  key(index: number): string | null {
    return [...this.items.keys()][index] ?? null;
  }

  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }

  removeItem(key: string): void {
    this.items.delete(key);
  }
}

/** The browser's storage when it works (private modes throw), else memory. */
export function workingStore(pick: () => Storage): KeyValueStore {
  try {
    const store = pick();
    store.setItem("suixing-chat/probe", "1");
    store.removeItem("suixing-chat/probe");
    return store;
  } catch {
    return new MemoryStore();
  }
}

/** The sender under which somebody talks. The token is a visitor's, empty for a conversation that was begun on another device. */
export interface Speaker extends Visitor {
  /** A visitor has logged in and said nothing since: the server still keeps their conversation under the visitor's token. */
  readonly pending?: boolean;
}

/** A message on its way. One storage key each, so that two tabs never overwrite each other's queue. */
export interface StoredMessage {
  readonly clientId: string;
  readonly text: string;
  readonly title: string;
  readonly createdAt: string;
}

export const PREFIX = "suixing-chat/v1";
/** The identity of somebody who is not logged in. */
export const VISITOR = "visitor";

export class Memory {
  constructor(private readonly store: KeyValueStore) {}

  /** The sender under which this identity talks. One each: a sender that belonged to one customer is refused to the next. */
  speaker(identity: string): Speaker | null {
    return this.read(`${PREFIX}/sender/${identity}`, isSpeaker);
  }

  setSpeaker(identity: string, speaker: Speaker | null): void {
    this.write(`${PREFIX}/sender/${identity}`, speaker);
  }

  /** A visitor has logged in: their conversation and unsent messages become the customer's, unless that one has its own (then false). */
  adoptVisitor(identity: string): boolean {
    const visitor = this.speaker(VISITOR);
    if (identity === VISITOR || visitor === null || this.speaker(identity) !== null) return false;
    this.setSpeaker(identity, { ...visitor, pending: true });
    this.setSpeaker(VISITOR, null);
    this.setLastRead(identity, this.lastRead(VISITOR));
    this.setLastRead(VISITOR, 0);
    for (const message of this.outbox(VISITOR)) {
      this.keep(identity, message);
      this.drop(VISITOR, message.clientId);
    }
    return true;
  }

  /** The customer's own conversation goes on instead: what the visitor said stays the visitor's. */
  returnVisitor(identity: string): void {
    const speaker = this.speaker(identity);
    if (speaker?.pending !== true) return;
    this.setSpeaker(VISITOR, { sender: speaker.sender, token: speaker.token });
    this.setLastRead(VISITOR, this.lastRead(identity));
    this.setSpeaker(identity, null);
  }

  /** The highest sequence number that this person has seen. */
  lastRead(identity: string): number {
    return this.read(`${PREFIX}/read/${identity}`, (value): value is number => typeof value === "number") ?? 0;
  }

  setLastRead(identity: string, seq: number): void {
    this.write(`${PREFIX}/read/${identity}`, seq);
  }

  /** Which helps of a human this person has rated here, with the score. */
  ratings(identity: string): Readonly<Record<number, number>> {
    return this.read(`${PREFIX}/rated/${identity}`, isScores) ?? {};
  }

  setRating(identity: string, handoffId: number, score: number): void {
    this.write(`${PREFIX}/rated/${identity}`, { ...this.ratings(identity), [handoffId]: score });
  }

  /** Of this browser, whoever talks. Off until somebody turns it on. */
  get sound(): boolean {
    return this.read(`${PREFIX}/sound`, (value): value is boolean => typeof value === "boolean") ?? false;
  }

  set sound(on: boolean) {
    this.write(`${PREFIX}/sound`, on);
  }

  /** Unsent messages of one identity, oldest first. Another person's queue on the same phone is never touched. */
  outbox(identity: string): readonly StoredMessage[] {
    const prefix = `${PREFIX}/outbox/${identity}/`;
    const keys = Array.from({ length: this.store.length }, (_, index) => this.store.key(index) ?? "").filter((key) => key.startsWith(prefix));
    const found = keys.map((key) => this.read(key, isStoredMessage)).filter((item) => item !== null);
    return found.sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  }

  keep(identity: string, message: StoredMessage): void {
    this.write(`${PREFIX}/outbox/${identity}/${message.clientId}`, message);
  }

  drop(identity: string, clientId: string): void {
    this.store.removeItem(`${PREFIX}/outbox/${identity}/${clientId}`);
  }

  private read<T>(key: string, valid: (value: unknown) => value is T): T | null {
    const raw = this.store.getItem(key);
    if (raw === null) return null;
    try {
      const value: unknown = JSON.parse(raw);
      if (valid(value)) return value;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    this.store.removeItem(key); // written by something else: useless to us
    return null;
  }

  private write(key: string, value: unknown): void {
    if (value === null) {
      this.store.removeItem(key);
      return;
    }
    try {
      this.store.setItem(key, JSON.stringify(value));
    } catch (error) {
      console.warn("suixing-chat: nothing can be stored", error); // full: the message still goes out from memory
    }
  }
}

function hasStrings<K extends string>(value: unknown, keys: readonly K[]): value is Record<K, string> {
  return typeof value === "object" && value !== null && keys.every((key) => typeof (value as Record<string, unknown>)[key] === "string");
}

const isScores = (value: unknown): value is Record<number, number> =>
  typeof value === "object" && value !== null && Object.values(value).every((score) => typeof score === "number");
const isSpeaker = (value: unknown): value is Speaker => hasStrings(value, ["sender", "token"]);
const isStoredMessage = (value: unknown): value is StoredMessage => hasStrings(value, ["clientId", "text", "title", "createdAt"]);

/** A stable, meaningless name for whose messages these are: the token's subject when it is a JWT, else the token. Only a local partition, never trusted. */
export function identityOf(token: string | null): string {
  return token === null ? VISITOR : `c${hash(subject(token) ?? token)}`;
}

function subject(token: string): string | null {
  try {
    const payload = token.split(".")[1] ?? "";
    const claims = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))) as { sub?: unknown };
    return typeof claims.sub === "string" ? claims.sub : null;
  } catch {
    return null; // not a JWT: an opaque token is fine too
  }
}

function hash(text: string): string {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return value.toString(36);
}
