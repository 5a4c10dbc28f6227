/**
 * What crosses HTTP, and its validation. The contract is in shared/architecture.md ("Contract with the outside").
 * Money is an integer number of 分. Nothing below trusts the server's JSON: a malformed message is refused here
 * (`WireError`), a malformed or unknown card becomes `{type: "unknown"}` so that its text is still readable.
 */

import { type Json, WireError, integer, integerOrNull, list, object, oneOf, present, string, stringOrNull, strings } from "./json.js";

export type Owner = "bot" | "queue" | "agent";
export type Author = "borrower" | "bot" | "agent" | "system";

export interface Button {
  readonly title: string;
  readonly payload: string;
}

export interface LogMessage {
  readonly seq: number;
  readonly author: Author;
  /** ISO date-time with a zone. */
  readonly at: string;
  readonly text: string;
  readonly buttons: readonly Button[];
  readonly card: Card | null;
  /** The `message_id` under which this borrower's message was sent. */
  readonly clientId: string | null;
}

export interface Page {
  readonly messages: readonly LogMessage[];
  readonly lastSeq: number;
  readonly owner: Owner;
  /** Up to which `seq` the human on the other side has read. */
  readonly agentReadSeq: number;
  /** 1 for the next to be served; null when no human is waited for, and from a server that does not say. */
  readonly queuePosition: number | null;
}

/** The customer's conversation that goes on, wherever it was begun. */
export interface Resumed {
  readonly sender: string;
  readonly page: Page;
  /** Up to which `seq` the borrower has read on some device. */
  readonly readSeq: number;
}

export interface Visitor {
  readonly sender: string;
  readonly token: string;
}

export interface QuoteLine {
  readonly contractNo: string;
  readonly product: string;
  readonly principal: number;
  readonly interest: number;
  readonly fee: number;
  readonly penalty: number;
  readonly total: number;
}

export interface AllocationLine {
  readonly contractNo: string;
  readonly instalment: number | null;
  readonly component: string;
  readonly amount: number;
}

export interface PaymentLine {
  readonly paymentNo: string;
  readonly amount: number;
  readonly status: string;
  readonly createdAt: string;
  readonly advice: string | null;
}

export interface EvidenceDay {
  readonly date: string;
  readonly cause: string;
  readonly reasons: readonly string[];
}

export interface TimelineEntry {
  readonly at: string;
  readonly kind: string;
  readonly text: string;
}

export type PayoffQuote = Readonly<{ type: "payoff_quote"; asOf: string; validUntil: string; contracts: readonly QuoteLine[]; total: number }>;
export type RepaymentPreview = Readonly<{ type: "repayment_preview"; amount: number; allocation: readonly AllocationLine[]; leftOver: number }>;
export type ScheduledRepayment = Readonly<{
  type: "scheduled_repayment";
  status: string;
  reason: string | null;
  contractNo: string | null;
  instalment: number | null;
  amount: number | null;
  executeOn: string | null;
  postsOn: string | null;
  opensOn: string | null;
}>;
export type PaymentStatus = Readonly<{ type: "payment_status"; payments: readonly PaymentLine[] }>;
export type Evidence = Readonly<{
  type: "evidence";
  contractNo: string;
  instalment: number | null;
  days: readonly EvidenceDay[];
  timeline: readonly TimelineEntry[];
  penalty: number;
  systemCaused: number;
  borrowerCaused: number;
}>;
export type CaseCard = Readonly<{
  type: "case";
  caseNo: string;
  kind: string;
  status: string;
  receivedOn: string | null;
  decideBy: string | null;
  nextUpdateBy: string | null;
  disputedAmount: number | null;
}>;
export type Remedy = Readonly<{ type: "remedy"; caseNo: string | null; status: string; amount: number; receiptNo: string | null }>;
export type Handoff = Readonly<{ type: "handoff"; state: string; position: number | null; reason: string | null; caseNo: string | null }>;
export type OfficialCheck = Readonly<{ type: "official_check"; kind: string; result: string }>;
/** How was the human's help? `score` 1 to 5, null while nobody has said. */
export type Rating = Readonly<{ type: "rating"; handoffId: number; score: number | null }>;
export type Attachment = Readonly<{ type: "attachment"; attachmentId: string; mediaType: string; size: number }>;
export type Plain = Readonly<{ type: "answer" | "options" | "login_required" | "step_up_required" | "unknown" }>;

export type Card =
  | PayoffQuote
  | RepaymentPreview
  | ScheduledRepayment
  | PaymentStatus
  | Evidence
  | CaseCard
  | Remedy
  | Handoff
  | OfficialCheck
  | Rating
  | Attachment
  | Plain;

const CARDS: Readonly<Record<string, (from: Json) => Card>> = {
  payoff_quote: (from) => ({
    type: "payoff_quote",
    asOf: string(from, "as_of"),
    validUntil: string(from, "valid_until"),
    contracts: list(from, "contracts", (line) => ({
      contractNo: string(line, "contract_no"),
      product: string(line, "product"),
      principal: integer(line, "principal"),
      interest: integer(line, "interest"),
      fee: integer(line, "fee"),
      penalty: integer(line, "penalty"),
      total: integer(line, "total"),
    })),
    total: integer(from, "total"),
  }),
  repayment_preview: (from) => ({
    type: "repayment_preview",
    amount: integer(from, "amount"),
    allocation: list(from, "allocation", (line) => ({
      contractNo: string(line, "contract_no"),
      instalment: integerOrNull(line, "instalment"),
      component: string(line, "component"),
      amount: integer(line, "amount"),
    })),
    leftOver: integer(from, "left_over"),
  }),
  scheduled_repayment: (from) => ({
    type: "scheduled_repayment",
    status: string(from, "status"),
    reason: stringOrNull(from, "reason"),
    contractNo: stringOrNull(from, "contract_no"),
    instalment: integerOrNull(from, "instalment"),
    amount: integerOrNull(from, "amount"),
    executeOn: stringOrNull(from, "execute_on"),
    postsOn: stringOrNull(from, "posts_on"),
    opensOn: stringOrNull(from, "opens_on"),
  }),
  payment_status: (from) => ({
    type: "payment_status",
    payments: list(from, "payments", (line) => ({
      paymentNo: string(line, "payment_no"),
      amount: integer(line, "amount"),
      status: string(line, "status"),
      createdAt: string(line, "created_at"),
      advice: stringOrNull(line, "advice"),
    })),
  }),
  evidence: (from) => ({
    type: "evidence",
    contractNo: string(from, "contract_no"),
    instalment: integerOrNull(from, "instalment"),
    days: list(from, "days", (day) => ({ date: string(day, "date"), cause: string(day, "cause"), reasons: strings(day, "reasons") })),
    timeline: list(from, "timeline", (entry) => ({ at: string(entry, "at"), kind: string(entry, "kind"), text: string(entry, "text") })),
    penalty: integer(from, "penalty"),
    systemCaused: integer(from, "system_caused"),
    borrowerCaused: integer(from, "borrower_caused"),
  }),
  case: (from) => ({
    type: "case",
    caseNo: string(from, "case_no"),
    kind: string(from, "kind"),
    status: string(from, "status"),
    receivedOn: stringOrNull(from, "received_on"),
    decideBy: stringOrNull(from, "decide_by"),
    nextUpdateBy: stringOrNull(from, "next_update_by"),
    disputedAmount: integerOrNull(from, "disputed_amount"),
  }),
  remedy: (from) => ({
    type: "remedy",
    caseNo: stringOrNull(from, "case_no"),
    status: string(from, "status"),
    amount: integer(from, "amount"),
    receiptNo: stringOrNull(from, "receipt_no"),
  }),
  handoff: (from) => ({
    type: "handoff",
    state: string(from, "state"),
    position: integerOrNull(from, "position"),
    reason: stringOrNull(from, "reason"),
    caseNo: stringOrNull(from, "case_no"),
  }),
  official_check: (from) => ({ type: "official_check", kind: string(from, "kind"), result: string(from, "result") }),
  rating: (from) => ({ type: "rating", handoffId: integer(from, "handoff_id"), score: integerOrNull(from, "score") }),
  attachment: (from) => ({ type: "attachment", attachmentId: string(from, "attachment_id"), mediaType: string(from, "media_type"), size: integer(from, "size") }),
  options: () => ({ type: "options" }),
  login_required: () => ({ type: "login_required" }),
  step_up_required: () => ({ type: "step_up_required" }),
  answer: () => ({ type: "answer" }),
};

/** A card from `custom`. Unknown or malformed ones become `{type: "unknown"}`: the text beside them still counts. */
export function parseCard(custom: unknown): Card | null {
  if (custom === undefined || custom === null) return null;
  try {
    const from = object(custom, "custom");
    const parse = Object.hasOwn(CARDS, string(from, "type")) ? CARDS[string(from, "type")] : undefined;
    return parse ? parse(from) : { type: "unknown" };
  } catch (error) {
    if (error instanceof WireError) return { type: "unknown" };
    throw error;
  }
}

function parseMessage(from: Json): LogMessage {
  return {
    seq: integer(from, "seq"),
    author: oneOf(string(from, "author"), ["borrower", "bot", "agent", "system"], "author"),
    at: string(from, "at"),
    text: stringOrNull(from, "text") ?? "",
    buttons: present(from, "buttons") ? list(from, "buttons", (b) => ({ title: string(b, "title"), payload: string(b, "payload") })) : [],
    card: parseCard(from["custom"]),
    clientId: stringOrNull(from, "client_id"),
  };
}

/** A card of this type, and no other. Raises `WireError`. */
export function cardOf<T extends Card["type"]>(from: unknown, type: T): Extract<Card, { type: T }> {
  const card = parseCard(from);
  if (card?.type !== type) throw new WireError(`not a card of type ${type}`);
  return card as Extract<Card, { type: T }>;
}

/** The answer of `GET /chat/messages`. Raises `WireError`. */
export function parsePage(json: unknown): Page {
  const from = object(json, "page");
  return {
    messages: list(from, "messages", parseMessage),
    lastSeq: integer(from, "last_seq"),
    owner: oneOf(string(from, "owner"), ["bot", "queue", "agent"], "owner"),
    agentReadSeq: integerOrNull(from, "agent_read_seq") ?? 0,
    queuePosition: integerOrNull(from, "queue_position"),
  };
}

/** The answer of `POST /chat/resume`. Raises `WireError`. */
export function parseResumed(json: unknown): Resumed | null {
  const from = object(json, "resumed");
  if (!present(from, "conversation")) return null;
  const found = object(from["conversation"], "conversation");
  return { sender: string(found, "sender"), page: parsePage(found), readSeq: integer(found, "read_seq") };
}

/** A frame of `/chat/socket`: a page of the log, or the code with which the server ends it. Raises `WireError`. */
export function parseFrame(text: string): Page | { readonly error: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new WireError("a frame is not JSON", { cause: error });
  }
  const from = object(json, "frame");
  const type = oneOf(string(from, "type"), ["log", "error"], "frame type");
  return type === "log" ? parsePage(json) : { error: string(from, "code") };
}

/** The answer of `POST /chat/visitor`. Raises `WireError`. */
export function parseVisitor(json: unknown): Visitor {
  const from = object(json, "visitor");
  return { sender: string(from, "sender"), token: string(from, "token") };
}
