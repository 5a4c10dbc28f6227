/** Cards about money: quotes, previews, scheduled repayments, payments. Amounts are integers in 分. */

import { type TemplateResult, html } from "lit";

import { day, dayAndTime, deadline, money } from "../format.js";
import { label } from "../labels.js";
import type { AllocationLine, PaymentStatus, PayoffQuote, QuoteLine, RepaymentPreview, ScheduledRepayment } from "../wire.js";
import { type Tone, card, instalment, note, rows } from "./parts.js";

function quoteTable(line: QuoteLine): TemplateResult {
  const parts: readonly (readonly [string, number])[] = [
    ["本金", line.principal],
    ["利息", line.interest],
    ["手续费", line.fee],
    ["逾期费用", line.penalty],
  ];
  const shown = parts.filter(([name, amount]) => amount !== 0 || name === "本金");
  return html`<table class="amounts">
    <caption><span>${label("product", line.product)}</span> <span class="number">${line.contractNo}</span></caption>
    <tbody>
      ${shown.map(([name, amount]) => html`<tr><th scope="row">${name}</th><td>${money(amount)}</td></tr>`)}
    </tbody>
    <tfoot><tr><th scope="row">小计</th><td>${money(line.total)}</td></tr></tfoot>
  </table>`;
}

export function payoffQuote(quote: PayoffQuote): TemplateResult {
  return card(
    quote.type,
    "结清试算",
    html`<p class="total"><span>今天结清共需</span><strong>${money(quote.total)}</strong></p>
      ${quote.contracts.map(quoteTable)}
      ${note(`按${day(quote.asOf)}计算，${deadline(quote.validUntil)}前有效。`)}`,
  );
}

/** Allocation lines of the same contract and instalment under one heading, in the order in which the money goes. */
function grouped(lines: readonly AllocationLine[]): readonly (readonly [string, readonly AllocationLine[]])[] {
  const groups = new Map<string, AllocationLine[]>();
  for (const line of lines) {
    const heading = [line.contractNo, instalment(line.instalment)].filter((part) => part !== null).join(" ");
    groups.set(heading, [...(groups.get(heading) ?? []), line]);
  }
  return [...groups];
}

export function repaymentPreview(preview: RepaymentPreview): TemplateResult {
  const groups = grouped(preview.allocation).map(
    ([heading, lines]) => html`<table class="amounts">
      <caption><span class="number">${heading}</span></caption>
      <tbody>
        ${lines.map((line) => html`<tr><th scope="row">${label("component", line.component)}</th><td>${money(line.amount)}</td></tr>`)}
      </tbody>
    </table>`,
  );
  return card(
    preview.type,
    "还款预览",
    html`<p class="total"><span>还款金额</span><strong>${money(preview.amount)}</strong></p>
      ${groups} ${preview.leftOver > 0 ? rows([{ name: "多出部分（退回）", value: money(preview.leftOver), strong: true }]) : ""}`,
  );
}

const SCHEDULE_TONES: Readonly<Record<string, Tone>> = { created: "good", refused: "bad", cancelled: "plain" };

export function scheduledRepayment(scheduled: ScheduledRepayment): TemplateResult {
  const on = (date: string | null): string | null => (date === null ? null : day(date));
  return card(
    scheduled.type,
    "预约还款",
    html`${rows([
      { name: "合同", value: scheduled.contractNo },
      { name: "期数", value: instalment(scheduled.instalment) },
      { name: "金额", value: scheduled.amount === null ? null : money(scheduled.amount), strong: true },
      { name: "扣款日", value: on(scheduled.executeOn) },
      { name: scheduled.status === "refused" ? "还款日" : "入账日", value: on(scheduled.postsOn) },
      { name: "可预约日期", value: scheduled.opensOn === null ? null : `${day(scheduled.opensOn)}起` },
    ])}
    ${note(scheduled.reason === null ? null : label("scheduleReason", scheduled.reason))}`,
    label("schedule", scheduled.status),
    SCHEDULE_TONES[scheduled.status] ?? "plain",
  );
}

function paymentTone(status: string): Tone {
  if (status === "settled" || status === "succeeded" || status === "refunded") return "good";
  return status === "failed" ? "bad" : "wait";
}

export function paymentStatus(status: PaymentStatus): TemplateResult {
  return card(
    status.type,
    "还款状态",
    html`<ul class="payments">
      ${status.payments.map(
        (payment) => html`<li>
          <div class="row strong">
            <span>${money(payment.amount)}</span>
            <span class="badge" data-tone=${paymentTone(payment.status)}>${label("payment", payment.status)}</span>
          </div>
          <div class="row"><span class="number">${payment.paymentNo}</span><span>${dayAndTime(payment.createdAt)}</span></div>
          ${note(payment.advice === null ? null : label("paymentAdvice", payment.advice))}
        </li>`,
      )}
    </ul>`,
  );
}
