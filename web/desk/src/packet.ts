/** What an agent must know before the first word, taken from the cards that the bot showed. */

import { type Json, int, record, str } from "./cards/read";
import { day, money } from "./format";
import { T } from "./texts";
import { label } from "./texts/labels";
import type { Message } from "./timeline";

/** The newest card of this type. */
export function latestCard(messages: readonly Message[], type: string): Json | null {
  const found = messages.findLast(({ custom }) => record(custom)["type"] === type);
  return found === undefined ? null : record(found.custom);
}

/** What the bot said that we will do, each once, newest last. */
export function promises(messages: readonly Message[]): readonly string[] {
  const found = messages.filter(({ author }) => author === "bot" || author === "system").flatMap(({ custom }) => promisesOf(record(custom)));
  return [...new Set(found)];
}

function promisesOf(card: Json): readonly string[] {
  const p = T.packet.promise;
  const status = str(card["status"]) ?? "";
  switch (card["type"]) {
    case "case": {
      const no = str(card["case_no"]) ?? "";
      const [by, update] = [str(card["decide_by"]), str(card["next_update_by"])];
      return [...(update === null ? [] : [p.update(no, day(update))]), ...(by === null ? [] : [p.case(no, day(by))])];
    }
    case "remedy":
      return status === "rejected" ? [] : [p.remedy(money(int(card["amount"]) ?? 0), label("remedy", status))];
    case "scheduled_repayment":
      return status === "created" ? [p.schedule(money(int(card["amount"]) ?? 0), day(str(card["execute_on"]) ?? ""))] : [];
    case "handoff":
      return card["state"] === "offline" ? [p.callback] : [];
    default:
      return [];
  }
}
