/** `{name}` in a text that an agent is about to send is a gap that nobody filled. */

const GAP = /\{(\w+)\}/g;

/** The gaps of `text`, each once, in order. */
export function gapsIn(text: string): readonly string[] {
  return [...new Set([...text.matchAll(GAP)].map((match) => match[1] ?? ""))];
}

/** `addition` put into `text` at the selection `from`…`to`; `caret`: where writing goes on (the first gap, selected, if any). */
export function inserted(text: string, addition: string, from: number, to: number): { text: string; caret: readonly [number, number] } {
  const result = text.slice(0, from) + addition + text.slice(to);
  const gap = addition.search(GAP);
  if (gap === -1) return { text: result, caret: [from + addition.length, from + addition.length] };
  const length = /^\{\w+\}/.exec(addition.slice(gap))?.[0].length ?? 0;
  return { text: result, caret: [from + gap, from + gap + length] };
}
