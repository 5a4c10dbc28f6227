/** A message id that no other message of any client has. `crypto.randomUUID` exists on secure origins only. */
export function newId(random: () => number): string {
  if ("randomUUID" in crypto) return crypto.randomUUID();
  const part = (): string => Math.floor(random() * 2 ** 32).toString(16).padStart(8, "0");
  return `${part()}-${part()}-${part()}-${Date.now().toString(16)}`;
}
