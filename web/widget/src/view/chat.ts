/** The conversation: the log, what is on its way, and the field to write in. */

import { type TemplateResult, html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";

import { hasEarlier } from "../earlier.js";
import type { ChatState } from "../state.js";
import { TEXTS } from "../texts.js";
import { timeline } from "../timeline.js";
import type { Earlier } from "./earlier.js";
import * as icons from "./icons.js";
import { type LogActions, renderGreeting, renderMessage, renderStarters, renderTyping } from "./log.js";
import type { Tail } from "./tail.js";
import { renderUploads } from "./uploads.js";

export interface ChatView {
  readonly earlier: Earlier;
  readonly typing: boolean;
  readonly tail: Tail;
  /** What is in the field to write in, and who keeps it. */
  readonly draft: string;
  readonly drafted: (text: string) => void;
}

const EARLIER: Readonly<Record<string, string>> = { loading: TEXTS.loading, failed: TEXTS.earlierFailed };

export function renderChat(state: ChatState, view: ChatView, actions: LogActions): TemplateResult {
  const { tail, earlier } = view;
  return html`<div class="log-frame">
      <div id="log" class="log" role="log" aria-live=${earlier.quiet ? "off" : "polite"} aria-relevant="additions" aria-label=${TEXTS.log} aria-busy=${state.loading} tabindex="0" @scroll=${tail.scrolled}>
        ${renderLog(state, view, actions)}
      </div>
      ${tail.behind ? html`<button type="button" class="new-messages" @click=${tail.jump}>${TEXTS.newMessages}${icons.down}</button>` : nothing}
    </div>
    <p class="hidden" role="status">${EARLIER[state.earlier] ?? earlier.told}</p>
    <suixing-composer
      .text=${view.draft}
      @suixing-draft=${(event: CustomEvent<string>) => {
        view.drafted(event.detail);
      }}
      @suixing-submit=${(event: CustomEvent<string>) => {
        actions.say(event.detail);
      }}
      @suixing-file=${(event: CustomEvent<File>) => {
        actions.attach(event.detail);
      }}
    ></suixing-composer>`;
}

function renderLog(state: ChatState, { earlier, typing }: ChatView, actions: LogActions): TemplateResult {
  const items = timeline(state.messages, state.outbox, state.agentReadSeq);
  const shown = items.slice(-earlier.limit);
  const uploads = state.uploads.filter(({ caseNo }) => caseNo === null);
  return html`
    ${items.length > shown.length || hasEarlier(state)
      ? html`<button type="button" class="earlier" aria-disabled=${state.earlier === "loading"} @click=${earlier.press}>${EARLIER[state.earlier] ?? TEXTS.earlier}</button>`
      : renderGreeting()}
    ${state.loading ? html`<p class="loading">${TEXTS.loading}</p>` : nothing}
    ${items.length === 0 && uploads.length === 0 && !state.loading ? renderStarters(actions.ask) : nothing}
    ${repeat(
      shown,
      ({ key }) => key,
      (item) => renderMessage(item, actions),
    )}
    ${renderUploads(uploads, actions)} ${typing ? renderTyping() : nothing}
  `;
}
