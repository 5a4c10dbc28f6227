/** Reading untrusted JSON: each function gives the value of the named kind, or raises `WireError`. */

/** The server said something that the contract does not allow. */
export class WireError extends Error {}

export type Json = Readonly<Record<string, unknown>>;

export function object(value: unknown, what: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new WireError(`${what} is not an object`);
  return value as Json;
}

export function string(from: Json, key: string): string {
  const value = from[key];
  if (typeof value !== "string") throw new WireError(`${key} is not a string`);
  return value;
}

export function integer(from: Json, key: string): number {
  const value = from[key];
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw new WireError(`${key} is not an integer`);
  return value;
}

export const present = (from: Json, key: string): boolean => from[key] !== undefined && from[key] !== null;
export const stringOrNull = (from: Json, key: string): string | null => (present(from, key) ? string(from, key) : null);
export const integerOrNull = (from: Json, key: string): number | null => (present(from, key) ? integer(from, key) : null);

export function list<T>(from: Json, key: string, item: (value: Json) => T): readonly T[] {
  const value = from[key];
  if (!Array.isArray(value)) throw new WireError(`${key} is not a list`);
  return value.map((element) => item(object(element, key)));
}

export function strings(from: Json, key: string): readonly string[] {
  const value = from[key];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) throw new WireError(`${key} is not a list of strings`);
  return value;
}

export function oneOf<T extends string>(value: string, allowed: readonly T[], what: string): T {
  const found = allowed.find((item) => item === value);
  if (found === undefined) throw new WireError(`${what} ${value} is unknown`);
  return found;
}
