/** The pieces that all cards are made of. */

import { type TemplateResult, html, nothing } from "lit";

export type Content = TemplateResult | typeof nothing;

export interface Row {
  readonly name: string;
  readonly value: string | null;
  readonly strong?: boolean;
}

/** A framed card with a title; `badge` is a short state on the right, `tone` its colour. */
export function card(name: string, title: string, content: unknown, badge: string | null = null, tone: Tone = "plain"): TemplateResult {
  return html`<div class="card" role="group" data-card=${name} aria-label=${title}>
    <div class="card-title">
      <span>${title}</span>
      ${badge === null ? nothing : html`<span class="badge" data-tone=${tone}>${badge}</span>`}
    </div>
    ${content}
  </div>`;
}

/** The colour of a case's status. */
export function badgeTone(status: string): Tone {
  return ["decided", "remedied", "closed", "withdrawn"].includes(status) ? "good" : "wait";
}

export type Tone = "plain" | "good" | "wait" | "bad";

/** Names and values under each other; rows without a value are left out. */
export function rows(list: readonly Row[]): Content {
  const filled = list.filter(({ value }) => value !== null);
  if (filled.length === 0) return nothing;
  return html`<dl class="rows">
    ${filled.map(({ name, value, strong }) => html`<div class=${strong ? "row strong" : "row"}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

export function note(text: string | null): Content {
  return text === null || text === "" ? nothing : html`<p class="note">${text}</p>`;
}

export function instalment(number: number | null): string | null {
  return number === null ? null : `第${number}期`;
}
