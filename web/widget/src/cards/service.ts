/** Cards about cases, remedies, people and authenticity. */

import type { TemplateResult } from "lit";
import { html, nothing } from "lit";

import { day, money } from "../format.js";
import { label } from "../labels.js";
import { TEXTS } from "../texts.js";
import type { CaseCard, Handoff, OfficialCheck, Remedy } from "../wire.js";
import { type Tone, badgeTone, card, note, rows } from "./parts.js";

const on = (date: string | null): string | null => (date === null ? null : day(date));

/** `open` leads to the case; null for whoever is not logged in. */
export function caseCard(it: CaseCard, open: ((caseNo: string) => void) | null): TemplateResult {
  const content = html`${rows([
    { name: "编号", value: it.caseNo, strong: true },
    { name: "受理日期", value: on(it.receivedOn) },
    { name: "争议金额", value: it.disputedAmount === null ? null : money(it.disputedAmount) },
    { name: "下次告知进展", value: it.nextUpdateBy === null ? null : `${day(it.nextUpdateBy)}前` },
    { name: "答复期限", value: it.decideBy === null ? null : `${day(it.decideBy)}前` },
  ])}
  ${open === null
    ? nothing
    : html`<button
        type="button"
        class="link"
        aria-label=${`${TEXTS.caseOpen} ${it.caseNo}`}
        @click=${() => {
          open(it.caseNo);
        }}
      >
        ${TEXTS.caseOpen}
      </button>`}`;
  return card(it.type, `${label("caseKind", it.kind)}案件`, content, label("caseStatus", it.status), badgeTone(it.status));
}

const REMEDY_TONES: Readonly<Record<string, Tone>> = { granted: "good", approved: "good", proposed: "wait", rejected: "bad" };

export function remedy(it: Remedy): TemplateResult {
  return card(
    it.type,
    "费用退减",
    html`<p class="total"><span>退减金额</span><strong>${money(it.amount)}</strong></p>
      ${rows([
        { name: "案件", value: it.caseNo },
        { name: "回执", value: it.receiptNo },
      ])}`,
    label("remedy", it.status),
    REMEDY_TONES[it.status] ?? "plain",
  );
}

const HANDOFF: Readonly<Record<string, readonly [string, Tone]>> = {
  queued: ["排队中", "wait"],
  assigned: ["已接通", "good"],
  offline: ["非服务时间", "plain"],
};

export function handoff(it: Handoff): TemplateResult {
  const [badge, tone] = HANDOFF[it.state] ?? [it.state, "plain" as const];
  return card(
    it.type,
    "人工客服",
    html`${rows([
      { name: "排队位置", value: it.state === "queued" && it.position !== null ? `第${it.position}位` : null, strong: true },
      { name: "案件编号", value: it.caseNo },
    ])}
    ${it.state === "offline" ? note("您的事情已经登记，客服上班后会联系您，不用重复提交。") : note("前面的对话客服都能看到，不用再说一遍。")}`,
    badge,
    tone,
  );
}

const CHECKS: Readonly<Record<string, readonly [string, Tone, string]>> = {
  official: ["是我们的官方渠道", "good", "核对一致，可以放心。任何时候都不要把验证码和密码告诉别人。"],
  retired: ["已停用", "bad", "这是我们以前用过、现在已经停用的，请不要再使用或转账。"],
  unknown: ["不是我们的官方渠道", "bad", "不在我们的官方名单里，请不要转账、不要点开、不要提供验证码。"],
};

export function officialCheck(it: OfficialCheck): TemplateResult {
  const [badge, tone, advice] = CHECKS[it.result] ?? [it.result, "plain" as const, ""];
  return card(it.type, `真伪核对 · ${label("officialKind", it.kind)}`, note(advice), badge, tone);
}
