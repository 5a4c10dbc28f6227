/** Which days were whose fault, and what the records say: one square a day, the same days in words, the timeline. */

import { type TemplateResult, html, nothing } from "lit";

import { day, dayAndTime, money } from "../format.js";
import { label } from "../labels.js";
import type { Evidence, EvidenceDay, TimelineEntry } from "../wire.js";
import { type Content, card, instalment, rows } from "./parts.js";

export interface Stretch {
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly cause: string;
  readonly reasons: readonly string[];
}

/** Days in a row with the same cause and reasons, as one stretch. */
export function stretches(days: readonly EvidenceDay[]): readonly Stretch[] {
  const result: Stretch[] = [];
  for (const { date, cause, reasons } of days) {
    const last = result.at(-1);
    if (last?.cause === cause && last.reasons.join() === reasons.join()) result[result.length - 1] = { ...last, to: date, count: last.count + 1 };
    else result.push({ from: date, to: date, count: 1, cause, reasons });
  }
  return result;
}

function square({ date, cause }: EvidenceDay): TemplateResult {
  const title = `${day(date)} ${label("cause", cause)}`;
  return html`<li data-cause=${cause} title=${title}><span aria-hidden="true">${Number(date.slice(-2))}</span><span class="hidden">${title}</span></li>`;
}

function inWords(stretch: Stretch): TemplateResult {
  const days = stretch.count === 1 ? day(stretch.from) : `${day(stretch.from)}至${day(stretch.to)}，${stretch.count}天`;
  return html`<li data-cause=${stretch.cause}>
    <strong>${label("cause", stretch.cause)}</strong> <span>${days}</span>
    ${stretch.reasons.map((reason) => html`<p>${reason}</p>`)}
  </li>`;
}

/** The time above an entry, unless its text tells it. */
function when(entry: TimelineEntry): Content {
  return entry.text.includes(day(entry.at)) ? nothing : html`<time datetime=${entry.at}>${dayAndTime(entry.at)}</time>`;
}

export function evidence(found: Evidence): TemplateResult {
  const causes = [...new Set(found.days.map(({ cause }) => cause))];
  const count = (cause: string): number => found.days.filter((item) => item.cause === cause).length;
  return card(
    found.type,
    "逾期核对结果",
    html`<p class="subject"><span class="number">${found.contractNo}</span> ${instalment(found.instalment) ?? ""}</p>
      ${rows([
        { name: "逾期费用合计", value: money(found.penalty), strong: true },
        { name: "系统原因（由我们承担）", value: money(found.systemCaused) },
        { name: "本人原因", value: money(found.borrowerCaused) },
      ])}
      <ol class="days" aria-label="逐日原因">${found.days.map(square)}</ol>
      <p class="legend" aria-hidden="true">
        ${causes.map((cause) => html`<span data-cause=${cause}>${label("cause", cause)} ${count(cause)}天</span>`)}
      </p>
      <ul class="stretches">${stretches(found.days).map(inWords)}</ul>
      ${found.timeline.length === 0
        ? nothing
        : html`<details>
            <summary>查看记录时间线（${found.timeline.length}条）</summary>
            <ol class="timeline">
              ${found.timeline.map((entry) => html`<li data-kind=${entry.kind}>${when(entry)}<span>${entry.text}</span></li>`)}
            </ol>
          </details>`}`,
  );
}
