/**
 * What crosses HTTP, and its validation. The contract is in shared/architecture.md ("Contract with the outside").
 * Money is an integer number of 分. Nothing below trusts the server's JSON: a malformed message is refused here
 * (`WireError`), a malformed or unknown card becomes `{type: "unknown"}` so that its text is still readable.
 */

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
  | Plain;

/** The server said something that the contract does not allow. */
export class WireError extends Error {}

type Json = Readonly<Record<string, unknown>>;

function object(value: unknown, what: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new WireError(`${what} is not an object`);
  return value as Json;
}

function string(from: Json, key: string): string {
  const value = from[key];
  if (typeof value !== "string") throw new WireError(`${key} is not a string`);
  return value;
}

function integer(from: Json, key: string): number {
  const value = from[key];
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw new WireError(`${key} is not an integer`);
  return value;
}

const present = (from: Json, key: string): boolean => from[key] !== undefined && from[key] !== null;
const stringOrNull = (from: Json, key: string): string | null => (present(from, key) ? string(from, key) : null);
const integerOrNull = (from: Json, key: string): number | null => (present(from, key) ? integer(from, key) : null);

function list<T>(from: Json, key: string, item: (value: Json) => T): readonly T[] {
  const value = from[key];
  if (!Array.isArray(value)) throw new WireError(`${key} is not a list`);
  return value.map((element) => item(object(element, key)));
}

function strings(from: Json, key: string): readonly string[] {
  const value = from[key];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) throw new WireError(`${key} is not a list of strings`);
  return value;
}

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

function oneOf<T extends string>(value: string, allowed: readonly T[], what: string): T {
  const found = allowed.find((item) => item === value);
  if (found === undefined) throw new WireError(`${what} ${value} is unknown`);
  return found;
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

/** The answer of `GET /chat/messages`. Raises `WireError`. */
export function parsePage(json: unknown): Page {
  const from = object(json, "page");
  return {
    messages: list(from, "messages", parseMessage),
    lastSeq: integer(from, "last_seq"),
    owner: oneOf(string(from, "owner"), ["bot", "queue", "agent"], "owner"),
  };
}

/** The answer of `POST /chat/visitor`. Raises `WireError`. */
export function parseVisitor(json: unknown): Visitor {
  const from = object(json, "visitor");
  return { sender: string(from, "sender"), token: string(from, "token") };
}
