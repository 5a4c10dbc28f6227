/** One message of the log. Text is always text: it goes through Lit's text bindings, never through HTML. */

import { html, nothing, type TemplateResult } from "lit";

import { renderCard } from "../cards/index.js";
import type { Content } from "../cards/parts.js";
import type { Rate } from "../cards/rating.js";
import { dayAndTime } from "../format.js";
import type { RatingState } from "../state.js";
import { TEXTS } from "../texts.js";
import { type Shown, distinct, pieces } from "../timeline.js";
import type { Author, Button } from "../wire.js";
import type { UploadActions } from "./uploads.js";

export interface LogActions extends UploadActions {
  readonly say: (text: string) => void;
  readonly attach: (file: File) => void;
  readonly ask: (question: string) => void;
  readonly press: (button: Button) => void;
  readonly login: () => void;
  readonly code: (code: string) => void;
  /** Null for whoever is not logged in. */
  readonly openCase: () => ((caseNo: string) => void) | null;
  readonly ratings: () => Readonly<Record<number, RatingState>>;
  readonly rate: Rate;
  readonly load: (attachmentId: string) => Promise<Blob>;
  readonly retry: (clientId: string) => void;
  readonly discard: (clientId: string) => void;
}

const NAMES: Readonly<Record<Exclude<Author, "borrower">, string>> = {
  bot: TEXTS.botName,
  agent: TEXTS.agentName,
  system: TEXTS.systemName,
};

function words(item: Shown): Content {
  if (item.text === "") return nothing;
  const content =
    item.author === "borrower"
      ? item.text
      : pieces(item.text).map(({ text, href }) => (href === null ? text : html`<a href=${href} target="_blank" rel="noopener noreferrer">${text}</a>`));
  return html`<div class="bubble">${item.author === "borrower" ? html`<span class="hidden">${TEXTS.youSaid}</span>` : nothing}<span class="text">${content}</span></div>`;
}

function buttons(item: Shown, actions: LogActions): Content {
  const offered = distinct(item.message?.buttons ?? []);
  if (!item.active || offered.length === 0) return nothing;
  const list = item.message?.card?.type === "options";
  return html`<div class=${list ? "buttons list" : "buttons"} role="group">
    ${offered.map(
      (button) =>
        html`<button
          type="button"
          @click=${() => {
            actions.press(button);
          }}
        >
          ${button.title}
        </button>`,
    )}
  </div>`;
}

function delivery(item: Shown, actions: LogActions): Content {
  const { entry } = item;
  if (item.receipt !== null) return html`<p class="delivery" data-receipt=${item.receipt}>${TEXTS[item.receipt]}</p>`;
  if (entry === null) return nothing;
  if (entry.delivery === "taken") return html`<p class="delivery">${TEXTS.delivered}</p>`;
  const failed = entry.delivery === "failed";
  const reason = entry.errorCode?.includes("too_l") === true ? TEXTS.failedTooLong : TEXTS.failed;
  const waiting = item.held ? TEXTS.held : TEXTS[entry.delivery === "queued" ? "queued" : "sending"];
  const link = (text: string, act: (clientId: string) => void): Content =>
    html`<button
      type="button"
      class="link"
      @click=${() => {
        act(entry.clientId);
      }}
    >
      ${text}
    </button>`;
  // What the server keeps refusing can be taken back, so that it does not hold up the rest.
  return html`<p class=${failed ? "delivery failed" : "delivery"}>
    <span role=${failed ? "alert" : nothing}>${failed ? reason : waiting}</span>
    ${failed ? link(TEXTS.retry, actions.retry) : nothing} ${item.held || entry.errorCode !== null ? link(TEXTS.discard, actions.discard) : nothing}
  </p>`;
}

export function renderMessage(item: Shown, actions: LogActions): TemplateResult {
  const card = item.message?.card ?? null;
  return html`<div class="message" data-author=${item.author} data-seq=${item.message?.seq ?? nothing} data-delivery=${item.entry?.delivery ?? nothing}>
    ${item.timed ? html`<p class="time"><time datetime=${item.at}>${dayAndTime(item.at)}</time></p>` : nothing}
    ${item.first && item.author !== "borrower" ? html`<p class="author">${NAMES[item.author]}</p>` : nothing}
    ${words(item)} ${card === null ? nothing : renderCard(card, { ...actions, active: item.active, ratings: actions.ratings(), openCase: actions.openCase() })}
    ${delivery(item, actions)} ${buttons(item, actions)}
  </div>`;
}

export function renderTyping(): TemplateResult {
  return html`<div class="message typing" data-author="bot"><div class="bubble"><span class="hidden">${TEXTS.typing}</span><i></i><i></i><i></i></div></div>`;
}

/** The first words of every conversation: an automatic assistant, a human one step away, no passwords. */
export function renderGreeting(): TemplateResult {
  return html`<div class="message greeting" data-author="bot">
    <p class="author">${TEXTS.botName}</p>
    <div class="bubble">${TEXTS.greeting}</div>
    <p class="safety">${TEXTS.safety}</p>
  </div>`;
}

export function renderStarters(ask: (question: string) => void): TemplateResult {
  return html`<div class="starters" role="group" aria-label=${TEXTS.startersLabel}>
    <p aria-hidden="true">${TEXTS.startersLabel}</p>
    ${TEXTS.starters.map(
      (question) =>
        html`<button
          type="button"
          @click=${() => {
            ask(question);
          }}
        >
          ${question}
        </button>`,
    )}
  </div>`;
}
