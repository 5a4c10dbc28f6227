/** Money, days and times as people at the desk read them. Money is an integer number of 分; all clocks are Shanghai's. */

export function money(fen: number): string {
  const sign = fen < 0 ? "-" : "";
  const digits = String(Math.abs(fen)).padStart(3, "0");
  return `${sign}¥${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** 分 from what somebody typed in 元 ("320.67"); `null` for anything else. No float touches it. */
export function fen(yuan: string): number | null {
  const match = /^\s*¥?\s*(\d{1,9})(?:\.(\d{1,2}))?\s*$/.exec(yuan);
  if (match === null) return null;
  return Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
}

const SHANGHAI = "Asia/Shanghai";
const PARTS = new Intl.DateTimeFormat("en-CA", {
  timeZone: SHANGHAI,
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

interface Clock {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly time: string;
  readonly iso: string;
}

function parts(moment: string | Date): Clock {
  const found = new Map(PARTS.formatToParts(new Date(moment)).map(({ type, value }) => [type, value]));
  const get = (name: "year" | "month" | "day" | "hour" | "minute"): string => found.get(name) ?? "";
  return {
    year: Number(get("year")),
    month: Number(get("month")),
    day: Number(get("day")),
    time: `${get("hour")}:${get("minute")}`,
    iso: `${get("year")}-${get("month")}-${get("day")}`,
  };
}

/** 8月10日; a plain date stays that day in every zone. */
export function day(date: string): string {
  const plain = /^\d{4}-(\d{2})-(\d{2})$/.exec(date);
  if (plain !== null) return `${Number(plain[1])}月${Number(plain[2])}日`;
  const found = parts(date);
  return `${found.month}月${found.day}日`;
}

export function time(moment: string): string {
  return parts(moment).time;
}

export function dayAndTime(moment: string): string {
  return `${day(parts(moment).iso)} ${time(moment)}`;
}

/** Today in Shanghai, as an ISO date. */
export function today(now: Date): string {
  return parts(now).iso;
}

/** Calendar days from `now`'s day to `date`; negative once it is past. */
export function daysUntil(date: string, todayIso: string): number {
  return Math.round((Date.parse(date.slice(0, 10)) - Date.parse(todayIso.slice(0, 10))) / 86_400_000);
}

/** 1536 → `2 KB`, 2621440 → `2.5 MB`. */
export function fileSize(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** 45秒, 3分20秒, 2小时5分, 1天3小时. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole}秒`;
  if (whole < 3600) return two(whole, 60, "分", "秒", 1);
  return whole < 86_400 ? two(whole, 3600, "小时", "分", 60) : two(whole, 86_400, "天", "小时", 3600);
}

function two(seconds: number, unit: number, name: string, smallName: string, smallUnit: number): string {
  const rest = Math.floor((seconds % unit) / smallUnit);
  return `${Math.floor(seconds / unit)}${name}${rest > 0 ? `${rest}${smallName}` : ""}`;
}
