/** "我的案件": the list, and one case with its dates, what happens next, what has happened, its files, and what can be added. */

import { type TemplateResult, html, nothing } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { repeat } from "lit/directives/repeat.js";

import type { CaseDetail, CaseEvent } from "../case-wire.js";
import { appealable, clockRuns, nextStep, takesMore } from "../case-steps.js";
import { type Content, type Row, badgeTone, instalment, note, rows } from "../cards/parts.js";
import { remedy } from "../cards/service.js";
import { ACCEPTED } from "../files.js";
import { day, dayAndTime, money } from "../format.js";
import { label, refusal } from "../labels.js";
import type { CasesState, FactsEntry, UploadEntry } from "../state.js";
import { TEXTS } from "../texts.js";
import type { CaseCard } from "../wire.js";
import * as icons from "./icons.js";
import { type UploadActions, renderUploads } from "./uploads.js";

export interface CaseActions extends UploadActions {
  readonly openCase: (caseNo: string) => void;
  readonly backToList: () => void;
  readonly reload: () => void;
  readonly toChat: () => void;
  readonly appeal: () => void;
  readonly addFacts: (text: string) => void;
  readonly addFile: (file: File, caseNo: string) => void;
  readonly load: (attachmentId: string) => Promise<Blob>;
}

export function renderCases(cases: CasesState, uploads: readonly UploadEntry[], actions: CaseActions): TemplateResult {
  return cases.open === null ? renderList(cases, actions) : renderOpen(cases, cases.open, uploads, actions);
}

function trouble(cases: CasesState, actions: CaseActions): Content {
  if (cases.state !== "failed") return nothing;
  return html`<p class="trouble" role="alert">${TEXTS.casesFailed} <button type="button" class="link" @click=${actions.reload}>${TEXTS.casesAgain}</button></p>`;
}

const badge = (status: string): TemplateResult => html`<span class="badge" data-tone=${badgeTone(status)}>${label("caseStatus", status)}</span>`;
const until = (date: string | null): string | null => (date === null ? null : `${day(date)}前`);

function dates(it: CaseCard): Row[] {
  return [
    { name: "受理日期", value: it.receivedOn === null ? null : day(it.receivedOn) },
    { name: "争议金额", value: it.disputedAmount === null ? null : money(it.disputedAmount) },
    { name: "下次告知进展", value: clockRuns(it) ? until(it.nextUpdateBy) : null },
    { name: "答复期限", value: clockRuns(it) ? until(it.decideBy) : null },
  ];
}

function renderList(cases: CasesState, actions: CaseActions): TemplateResult {
  const { list, state } = cases;
  return html`
    <h3 class="hidden" id="cases-title" tabindex="-1">${TEXTS.casesTab}</h3>
    ${trouble(cases, actions)} ${list === null && state === "loading" ? html`<p class="loading" role="status">${TEXTS.casesLoading}</p>` : nothing}
    ${list?.cases.length === 0
      ? html`<p class="none">${TEXTS.casesNone}</p>
          <button type="button" class="primary" @click=${actions.toChat}>${TEXTS.casesToChat}</button>`
      : nothing}
    <ul class="case-list" aria-labelledby="cases-title">
      ${repeat(
        list?.cases ?? [],
        ({ caseNo }) => caseNo,
        (it) => renderItem(it, list?.asOf ?? "", actions),
      )}
    </ul>
  `;
}

/** The whole card is pressed; its button covers it, so that it is one stop for the keyboard and one name for a reader. */
function renderItem(it: CaseCard, asOf: string, actions: CaseActions): TemplateResult {
  return html`<li class="card case-item" data-case=${it.caseNo}>
    <div class="card-title">
      <button
        type="button"
        class="case-open"
        aria-describedby="next-${it.caseNo}"
        @click=${() => {
          actions.openCase(it.caseNo);
        }}
      >
        ${label("caseKind", it.kind)} <span class="number">${it.caseNo}</span>
      </button>
      ${badge(it.status)}
    </div>
    ${rows(dates(it))}
    <p class="next" id="next-${it.caseNo}">${nextStep(it, asOf)}</p>
  </li>`;
}

function renderOpen(cases: CasesState, caseNo: string, uploads: readonly UploadEntry[], actions: CaseActions): TemplateResult {
  const { detail, state } = cases;
  return html`
    <button type="button" class="link back" @click=${actions.backToList}>${icons.back}${TEXTS.casesBack}</button>
    <h3 id="case-title" tabindex="-1">${detail === null ? nothing : label("caseKind", detail.case.kind)} <span class="number">${caseNo}</span></h3>
    ${trouble(cases, actions)}
    ${detail === null && state === "loading" ? html`<p class="loading" role="status">${TEXTS.caseLoading}</p>` : nothing}
    ${detail === null ? nothing : renderDetail(detail, cases.facts, uploads, actions)}
  `;
}

function renderDetail(detail: CaseDetail, facts: FactsEntry | null, uploads: readonly UploadEntry[], actions: CaseActions): TemplateResult {
  const { case: it, contractNo, remedies } = detail;
  const contract = contractNo === null ? null : [contractNo, instalment(detail.instalment)].filter((part) => part !== null).join(" ");
  const asked = it.status === "waiting_for_borrower" ? detail.events.filter(({ type }) => type === "asked_borrower").at(-1)?.text : null;
  return html`
    <section class="card">
      <div class="card-title"><h4>${TEXTS.caseNext}</h4>${badge(it.status)}</div>
      <p>${nextStep(it, detail.asOf, detail.appealUntil)}</p>
      ${asked === null || asked === undefined ? nothing : html`<p class="words">${asked}</p>`}
      ${rows([{ name: "合同", value: contract }, ...dates(it)])}
      ${appealable(detail.appealUntil, detail.asOf) ? html`<button type="button" class="outline" @click=${actions.appeal}>${TEXTS.caseAppeal}</button>` : nothing}
    </section>
    ${remedies.map(remedy)}
    <section class="card">
      <h4>${TEXTS.caseHistory}</h4>
      <ol class="timeline">
        ${detail.events.filter(says).map(renderEvent)}
      </ol>
    </section>
    ${renderFiles(detail, uploads, actions)} ${takesMore(it) ? renderFacts(facts, actions) : html`<p class="note">${TEXTS.caseOver}</p>`}
  `;
}

/** A note without words is a mark of ours, of what was told elsewhere. */
const says = ({ type, text, file }: CaseEvent): boolean => !["note", "merged", "assigned"].includes(type) || text !== null || file;

function renderEvent(event: CaseEvent): TemplateResult {
  const decided = rows([
    { name: TEXTS.decisionFacts, value: event.facts },
    { name: TEXTS.decisionReasons, value: event.reasons },
    { name: TEXTS.decisionRemedy, value: event.remedy },
  ]);
  return html`<li data-kind=${event.type}>
    <time datetime=${event.at}>${dayAndTime(event.at)}</time>
    <strong>${label("caseEvent", event.type)}${event.amount === null ? nothing : ` ${money(event.amount)}`}</strong>
    ${event.text === null ? nothing : html`<p class="words">${event.text}</p>`} ${decided} ${event.file ? note(TEXTS.caseWithFile) : nothing}
  </li>`;
}

function renderFiles(detail: CaseDetail, uploads: readonly UploadEntry[], actions: CaseActions): TemplateResult {
  const { caseNo } = detail.case;
  const open = takesMore(detail.case);
  return html`<section class="card files">
    <h4 id="files-title">${TEXTS.caseFiles}</h4>
    ${detail.files.length === 0 ? note(TEXTS.caseNoFiles) : nothing}
    <ul aria-labelledby="files-title">
      ${repeat(
        detail.files,
        ({ attachmentId }) => attachmentId,
        (file) =>
          html`<li>
            <suixing-attachment .card=${file} .load=${actions.load}></suixing-attachment>
            <span class="number">${TEXTS.caseFileFrom(file.mine, dayAndTime(file.createdAt))}</span>
          </li>`,
      )}
    </ul>
    ${renderUploads(
      uploads.filter((upload) => upload.caseNo === caseNo),
      actions,
    )}
    ${open
      ? html`<input
            type="file"
            id="case-file"
            hidden
            accept=${ACCEPTED}
            aria-label=${TEXTS.attach}
            @change=${(event: Event) => {
              const input = event.target as HTMLInputElement;
              const [file] = input.files ?? [];
              if (file !== undefined) actions.addFile(file, caseNo);
              input.value = ""; // so that the same file can be chosen again
            }}
          /><button
            type="button"
            class="outline"
            @click=${(event: Event) => {
              (event.currentTarget as HTMLElement).parentElement?.querySelector<HTMLInputElement>("#case-file")?.click();
            }}
          >
            ${icons.clip}${TEXTS.attach}
          </button>`
      : nothing}
  </section>`;
}

function renderFacts(facts: FactsEntry | null, actions: CaseActions): TemplateResult {
  const sending = facts?.state === "sending";
  const taken = facts?.state === "done" ? facts.key : null; // a new, empty field takes the place of what was sent
  const told = { sending: "", done: TEXTS.caseAdded, failed: refusal("facts", facts?.errorCode ?? null) }[facts?.state ?? "sending"];
  return html`<form
    class="card facts"
    @submit=${(event: SubmitEvent) => {
      event.preventDefault();
      const text = new FormData(event.target as HTMLFormElement).get("facts");
      if (typeof text === "string" && text.trim() !== "") actions.addFacts(text.trim());
    }}
  >
    <label for="facts">${TEXTS.caseAdd}</label>
    ${keyed(
      taken,
      html`<textarea id="facts" name="facts" rows="3" maxlength="4000" required ?readonly=${sending} aria-describedby="facts-hint" .value=${facts === null || taken !== null ? "" : facts.text}></textarea>`,
    )}
    <p class="note" id="facts-hint">${TEXTS.caseAddHint}</p>
    <p role=${facts?.state === "failed" ? "alert" : "status"}>${told}</p>
    <button type="submit" class="primary" aria-disabled=${sending ? "true" : nothing}>${TEXTS.caseAddSend}</button>
  </form>`;
}
