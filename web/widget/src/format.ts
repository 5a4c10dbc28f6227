/** Money and dates as borrowers read them. Amounts are integers in 分; dates are shown in the lender's zone, whatever the phone's is. */

const ZONE = "Asia/Shanghai";

/** 32067 → `¥320.67`; negative amounts keep the sign in front. The same text as `bot/core/money.py`. */
export function money(fen: number): string {
  if (!Number.isSafeInteger(fen)) throw new RangeError(`not an amount in 分: ${fen}`);
  const digits = Math.abs(fen).toString().padStart(3, "0");
  return `${fen < 0 ? "-" : ""}¥${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

interface Moment {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly time: string | null;
}

const PARTS = new Intl.DateTimeFormat("en-US", {
  timeZone: ZONE,
  year: "numeric",
  month: "numeric",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

function moment(iso: string): Moment | null {
  const date = /^(\d{4})-(\d{2})-(\d{2})$/.exec(iso);
  if (date) return { year: Number(date[1]), month: Number(date[2]), day: Number(date[3]), time: null };
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return null;
  const part = Object.fromEntries(PARTS.formatToParts(at).map(({ type, value }) => [type, value]));
  return { year: Number(part["year"]), month: Number(part["month"]), day: Number(part["day"]), time: `${part["hour"]}:${part["minute"]}` };
}

function dayOf(when: Moment, now: Date): string {
  const current = moment(now.toISOString())?.year;
  return `${when.year === current ? "" : `${when.year}年`}${when.month}月${when.day}日`;
}

/** `2026-08-10` or a date-time → `8月10日`, with the year when it is not this one. Text that is no date is returned as it is. */
export function day(iso: string, now: Date = new Date()): string {
  const when = moment(iso);
  return when ? dayOf(when, now) : iso;
}

/** A date-time → `8月10日 14:03`; a plain date has no time. */
export function dayAndTime(iso: string, now: Date = new Date()): string {
  const when = moment(iso);
  if (!when) return iso;
  return when.time === null ? dayOf(when, now) : `${dayOf(when, now)} ${when.time}`;
}

/** A deadline: midnight reads as the end of the day before (`8月10日 24:00`), as does a plain date. */
export function deadline(iso: string, now: Date = new Date()): string {
  const when = moment(iso);
  if (!when) return iso;
  if (when.time === null) return `${dayOf(when, now)} 24:00`;
  if (when.time !== "00:00") return dayAndTime(iso, now);
  return `${day(new Date(new Date(iso).getTime() - 60_000).toISOString(), now)} 24:00`;
}

/** The number of characters as the server counts them (code points, so that an emoji is one). */
export function length(text: string): number {
  return Array.from(text).length;
}
