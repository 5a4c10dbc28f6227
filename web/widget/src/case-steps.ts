/** What happens next with a case, in words, and whether it still takes anything. As `bot/cases/thread.py` has it. */

import { day } from "./format.js";
import { TEXTS } from "./texts.js";
import type { CaseCard } from "./wire.js";

const OVER: readonly string[] = ["closed", "withdrawn"];
/** The decision has been made, or is not wanted any more: no date is pending. */
const CLOCK_STOPS: readonly string[] = [...OVER, "decided", "remedied"];

/** Facts and files may be added until the case is over. */
export function takesMore({ status }: CaseCard): boolean {
  return !OVER.includes(status);
}

/** A date is pending. */
export function clockRuns({ status }: CaseCard): boolean {
  return !CLOCK_STOPS.includes(status);
}

/** Whether a decision can still be appealed against on the day `asOf`. */
export function appealable(appealUntil: string | null, asOf: string): boolean {
  return appealUntil !== null && asOf <= appealUntil;
}

/** `asOf`: the lender's business date. `appealUntil`: the last day of an appeal, when it is known. */
export function nextStep(it: CaseCard, asOf: string, appealUntil: string | null = null, now: Date = new Date()): string {
  const on = (date: string | null): string | null => (date === null ? null : day(date, now));
  const { status } = it;
  if (!clockRuns(it)) return TEXTS.nextOver(status, appealable(appealUntil, asOf) ? on(appealUntil) : null);
  if (it.decideBy !== null && it.decideBy < asOf) return TEXTS.nextLate;
  return TEXTS.next(status, on(it.nextUpdateBy), on(it.decideBy));
}
