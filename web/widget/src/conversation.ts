/** What the parts of the client know of the conversation that they work for. */

import type { ChatPort } from "./port.js";
import type { Live } from "./live.js";
import type { ChatState } from "./state.js";
import type { Memory, Speaker } from "./storage.js";
import type { Resumed } from "./wire.js";

export interface Conversation {
  readonly port: ChatPort;
  readonly memory: Memory;
  readonly state: ChatState;
  /** The customer's token; null for a visitor. */
  readonly token: string | null;
  readonly identity: string;
  /** Grows when another person takes over: what belongs to an older generation is thrown away. */
  readonly generation: number;
  readonly closed: boolean;
  readonly speaker: Speaker | null;
  readonly lastSeq: number;
  readonly lastRead: number;
  readonly live: Live | null;
  readonly cases: { reload(): Promise<void> };
  /** Under which this person talks: what the server says goes on, what this browser remembers, or a new one. Raises `HttpError`, `NetworkError`. */
  ready(): Promise<Speaker>;
  readingToken(speaker: Speaker): string;
  update(change: Partial<ChatState>): void;
  /** Shows what the server says goes on here. */
  goesOn(resumed: Resumed): void;
  /** Reads what is new, at once. */
  refresh(): Promise<"ok" | "failed" | "stale">;
  /** The visitor's log has become the customer's: read it from its start. */
  startOver(): void;
  /** Tells what a failed request says about the connection and the login. */
  failed(error: unknown): void;
  /** Goes on reading, if it had stopped. */
  read(): void;
  /** Tries again now whatever waits. */
  wake(): void;
}
