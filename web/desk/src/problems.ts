/** What went wrong, in words. */

import { DeskError } from "./api/client";
import { duration, money } from "./format";
import { errorText } from "./texts/errors";
import { label } from "./texts/labels";

function inWords(name: string, value: unknown): string {
  if (name === "retry_after" && typeof value === "number") return duration(value);
  if (name === "most" && typeof value === "number" && value > 1000) return money(value);
  if (name === "needs" && typeof value === "string") return label("limitNeeds", value);
  return String(value);
}

/** Chinese for any error; what is not ours is a bug and stays visible in the console. */
export function problem(error: unknown): string {
  if (!(error instanceof DeskError)) {
    console.error(error);
    return errorText(0, "unknown", {});
  }
  const details = Object.fromEntries(Object.entries(error.details).map(([name, value]) => [name, inWords(name, value)]));
  if (error.code === "invalid_remedy_amount" && typeof error.details["most"] === "number") details["most"] = money(error.details["most"]);
  return errorText(error.status, error.code, details);
}
