/** What the conversation looks like from this side. */

import type { CaseDetail, CaseList } from "./case-wire.js";
import type { LogMessage, Owner } from "./wire.js";

/** queued: waits its turn · sending · taken: the server has it, the log does not show it yet · failed: refused for good, holds back what comes after it. */
export type Delivery = "queued" | "sending" | "taken" | "failed";

export interface OutboxEntry {
  readonly clientId: string;
  /** What is sent: the text, or a button's payload. */
  readonly text: string;
  /** What the borrower sees. */
  readonly title: string;
  readonly createdAt: string;
  readonly delivery: Delivery;
  /** With which the server answered the last try: of a failed message, and of one that waits until the trouble is over. */
  readonly errorCode: string | null;
}

/** new: nothing asked yet · online · offline: nobody answers · troubled: the server answers with errors · expired: the login ended. */
export type Connection = "new" | "online" | "offline" | "troubled" | "expired";

/** What the borrower said about a human's help. `done` also when it was rated elsewhere. */
export interface RatingState {
  readonly score: number;
  readonly state: "sending" | "done" | "failed";
}

/** A file on its way. `share` is how much of it is up, 0 to 1. */
export interface UploadEntry {
  readonly id: string;
  readonly file: File;
  /** The case that it is for; null for the conversation alone. */
  readonly caseNo: string | null;
  readonly state: "sending" | "failed";
  readonly share: number;
  readonly errorCode: string | null;
  readonly createdAt: string;
}

/** What the borrower adds to a case. `key` stays the same until it is taken. */
export interface FactsEntry {
  readonly key: string;
  readonly text: string;
  readonly state: "sending" | "done" | "failed";
  readonly errorCode: string | null;
}

/** The customer's cases, as far as they were looked at. */
export interface CasesState {
  /** Null before the first answer. */
  readonly list: CaseList | null;
  /** The number of the case that is open. */
  readonly open: string | null;
  readonly detail: CaseDetail | null;
  readonly state: "idle" | "loading" | "failed";
  readonly facts: FactsEntry | null;
}

export interface ChatState {
  /** A customer is logged in. */
  readonly identified: boolean;
  readonly messages: readonly LogMessage[];
  readonly outbox: readonly OutboxEntry[];
  readonly owner: Owner;
  readonly agentReadSeq: number;
  /** By handoff. */
  readonly ratings: Readonly<Record<number, RatingState>>;
  readonly uploads: readonly UploadEntry[];
  readonly cases: CasesState;
  /** The place in the queue as the server told it when the log ended with `seq`. */
  readonly place: { readonly seq: number; readonly position: number | null } | null;
  readonly connection: Connection;
  /** The older part of the log is asked for, or was not to be had. */
  readonly earlier: "idle" | "loading" | "failed";
  /** Nothing is older than this `seq`, although it is not 1. */
  readonly beginsAt: number | null;
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

export const NO_CASES: CasesState = { list: null, open: null, detail: null, state: "idle", facts: null };

export const EMPTY: ChatState = {
  identified: false,
  messages: [],
  outbox: [],
  owner: "bot",
  agentReadSeq: 0,
  ratings: {},
  uploads: [],
  cases: NO_CASES,
  place: null,
  connection: "new",
  earlier: "idle",
  beginsAt: null,
  loading: false,
  renewed: false,
};
