/** Cards come as JSON of many shapes. These read one without trusting it: what is missing or of another type becomes empty. */

export type Json = Readonly<Record<string, unknown>>;

export function record(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function records(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(record) : [];
}

export function str(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

export function int(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : null;
}

export function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

export interface EvidenceDay {
  readonly date: string;
  readonly cause: string;
  readonly reasons: readonly string[];
}

export interface Stretch extends EvidenceDay {
  readonly to: string;
  readonly count: number;
}

export function evidenceDays(card: Json): readonly EvidenceDay[] {
  return records(card["days"]).map((day) => ({ date: str(day["date"]) ?? "", cause: str(day["cause"]) ?? "", reasons: strings(day["reasons"]) }));
}

/** Days in a row with the same cause and reasons, as one stretch. */
export function stretches(days: readonly EvidenceDay[]): readonly Stretch[] {
  const result: Stretch[] = [];
  for (const { date, cause, reasons } of days) {
    const last = result.at(-1);
    if (last?.cause === cause && last.reasons.join() === reasons.join()) result[result.length - 1] = { ...last, to: date, count: last.count + 1 };
    else result.push({ date, to: date, count: 1, cause, reasons });
  }
  return result;
}
