/** The borrower's own cases as they cross HTTP (`bot/channels/case_schemas.py`), and their validation. */

import { type Json, integerOrNull, list, object, present, string, stringOrNull } from "./json.js";
import { type Attachment, type CaseCard, type Remedy, cardOf } from "./wire.js";

export type Side = "borrower" | "bot" | "staff";

/** One step of a case. `amount` in 分; the rest is what a decision states. */
export interface CaseEvent {
  readonly type: string;
  readonly at: string;
  readonly by: string;
  readonly text: string | null;
  readonly facts: string | null;
  readonly reasons: string | null;
  readonly remedy: string | null;
  readonly amount: number | null;
  /** A file came with it. */
  readonly file: boolean;
}

export interface CaseFile extends Attachment {
  readonly createdAt: string;
  readonly mine: boolean;
}

export interface CaseDetail {
  readonly case: CaseCard;
  readonly contractNo: string | null;
  readonly instalment: number | null;
  /** Oldest first. */
  readonly events: readonly CaseEvent[];
  readonly remedies: readonly Remedy[];
  readonly files: readonly CaseFile[];
  /** The last day of an appeal; null when nothing is decided. */
  readonly appealUntil: string | null;
  /** The lender's business date. */
  readonly asOf: string;
}

export interface CaseList {
  /** Newest first. */
  readonly cases: readonly CaseCard[];
  readonly asOf: string;
}

function event(from: Json): CaseEvent {
  const data = object(from["data"], "data");
  return {
    type: string(from, "type"),
    at: string(from, "at"),
    by: string(from, "by"),
    text: stringOrNull(from, "text"),
    facts: stringOrNull(data, "facts"),
    reasons: stringOrNull(data, "reasons"),
    remedy: stringOrNull(data, "remedy"),
    amount: integerOrNull(data, "amount"),
    file: present(data, "attachment"),
  };
}

function file(from: Json): CaseFile {
  const card = cardOf({ ...from, type: "attachment" }, "attachment");
  return { ...card, createdAt: string(from, "created_at"), mine: string(from, "uploaded_by") === "borrower" };
}

/** The answer of `GET /chat/cases`. Raises `WireError`. */
export function parseCases(json: unknown): CaseList {
  const from = object(json, "cases");
  return { cases: list(from, "cases", (item) => cardOf(item, "case")), asOf: string(from, "as_of") };
}

/** The answer of `GET /chat/cases/{case_no}`. Raises `WireError`. */
export function parseCase(json: unknown): CaseDetail {
  const from = object(json, "case");
  return {
    case: cardOf(from["case"], "case"),
    contractNo: stringOrNull(from, "contract_no"),
    instalment: integerOrNull(from, "instalment"),
    events: list(from, "events", event),
    remedies: list(from, "remedies", (item) => cardOf(item, "remedy")),
    files: list(from, "attachments", file),
    appealUntil: stringOrNull(from, "appeal_until"),
    asOf: string(from, "as_of"),
  };
}
