/** What the conversation looks like from this side. */

import type { LogMessage, Owner } from "./wire.js";

/** queued: waits its turn · sending · taken: the server has it, the log does not show it yet · failed: refused for good. */
export type Delivery = "queued" | "sending" | "taken" | "failed";

export interface OutboxEntry {
  readonly clientId: string;
  /** What is sent: the text, or a button's payload. */
  readonly text: string;
  /** What the borrower sees. */
  readonly title: string;
  readonly createdAt: string;
  readonly delivery: Delivery;
  /** The server's error code of a failed message. */
  readonly errorCode: string | null;
}

/** new: nothing asked yet · online · offline: nobody answers · troubled: the server answers with errors · expired: the login ended. */
export type Connection = "new" | "online" | "offline" | "troubled" | "expired";

export interface ChatState {
  readonly messages: readonly LogMessage[];
  readonly outbox: readonly OutboxEntry[];
  readonly owner: Owner;
  readonly connection: Connection;
  /** The history has not arrived yet. */
  readonly loading: boolean;
  /** A visitor's conversation ended on the server, and a new one began. */
  readonly renewed: boolean;
}

export interface SendOptions {
  /** Shown instead of the text: a button's title, `******` for a code. */
  readonly title?: string;
  /** Never written to storage (a one-time code). */
  readonly secret?: boolean;
}

export const EMPTY: ChatState = { messages: [], outbox: [], owner: "bot", connection: "new", loading: false, renewed: false };
