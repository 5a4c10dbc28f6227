/** Entries of the audit trail in words. A code that nobody has named is shown as it came. */

import type { Schemas } from "./api/client";
import { day, money } from "./format";
import { T } from "./texts";
import { label } from "./texts/labels";

type Entry = Schemas["AuditItem"];

const PART = "case.";

/** Events of a case's thread by their names there; a look at a case is no event, and has a name of its own. */
export function actionWords(code: string): string {
  const named = label("auditAction", code);
  return named === code && code.startsWith(PART) ? `${T.nav.cases} · ${label("event", code.slice(PART.length))}` : named;
}

/** In which group of labels the codes of a detail stand. */
const CODES: Readonly<Record<string, string>> = {
  audience: "audience",
  kind: "caseKind",
  outcome: "evidenceOutcome",
  channel: "channel",
  by: "tokenBy",
  from: "team",
  to: "team",
  role: "role",
  former_role: "role",
  skills: "skill",
};

function valueWords(entry: Entry, name: string, value: unknown): string {
  if (Array.isArray(value)) return value.map((each) => valueWords(entry, name, each)).join("、");
  if (typeof value === "boolean") return value ? T.common.yes : T.common.no;
  if (name === "amount" && typeof value === "number") return money(value);
  if (typeof value !== "string") return JSON.stringify(value);
  if (/^\d{4}-\d{2}-\d{2}$/.test(value)) return day(value);
  if (name === "reason") return label(entry.action.startsWith("conversation.") ? "reason" : "remedyReason", value);
  if (name === "action") return actionWords(value);
  const group = CODES[name];
  return group === undefined ? value : label(group, value);
}

/** Numbers that bring their unit, and need no name. */
const MEASURES: Readonly<Record<string, (n: number) => string>> = { instalment: T.common.instalment, days: T.common.days };

/** What else an entry says, each as a name and its value. */
export function detailWords(entry: Entry): readonly string[] {
  const { first, last, ...others } = entry.details;
  const seen = typeof first === "number" && typeof last === "number" ? [T.audit.seen(first, last)] : [];
  const rest = seen.length > 0 ? others : entry.details;
  const told = Object.entries(rest)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => {
      const measure = MEASURES[name];
      return measure !== undefined && typeof value === "number" ? measure(value) : `${label("auditDetail", name)} ${valueWords(entry, name, value)}`;
    });
  return [...seen, ...told];
}
