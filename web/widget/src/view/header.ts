/** Who is on the other side, a human one press away, the sound, the way out; below it the tabs of an identified borrower. */

import { type TemplateResult, html, nothing } from "lit";

import type { Content } from "../cards/parts.js";
import type { ChatState } from "../state.js";
import { TEXTS } from "../texts.js";
import * as icons from "./icons.js";

export type View = "chat" | "cases";
const VIEWS: readonly View[] = ["chat", "cases"];

export interface HeaderActions {
  readonly askHuman: () => void;
  readonly switchSound: () => void;
  readonly close: () => void;
}

export function renderHeader(state: ChatState, sound: boolean, actions: HeaderActions): TemplateResult {
  const status = { bot: TEXTS.statusBot, queue: TEXTS.statusQueue, agent: TEXTS.statusAgent }[state.owner];
  const human = { bot: TEXTS.human, queue: TEXTS.humanQueued, agent: TEXTS.humanHere }[state.owner];
  return html`<div class="header">
    <span class="logo">${icons.star}</span>
    <div class="titles">
      <h2 id="title" tabindex="-1">${TEXTS.title}</h2>
      <p>${state.connection === "offline" ? TEXTS.statusOffline : status}</p>
    </div>
    <button type="button" class="human" aria-disabled=${state.owner === "bot" ? nothing : "true"} @click=${actions.askHuman}>${icons.headset}<span>${human}</span></button>
    <button type="button" class="sound" aria-label=${sound ? TEXTS.soundOff : TEXTS.soundOn} aria-pressed=${sound} @click=${actions.switchSound}>${sound ? icons.bell : icons.bellOff}</button>
    <button type="button" class="close" aria-label=${TEXTS.close} @click=${actions.close}>${icons.close}</button>
  </div>`;
}

/** The tab that a key leads to, as tab lists have it: arrows go round, Home and End to the ends. */
export function tabAfter(key: string, current: View): View | null {
  const index = VIEWS.indexOf(current);
  const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: -1 }[key];
  return to === undefined ? null : (VIEWS.at(to % VIEWS.length) ?? null);
}

export function renderTabs(current: View, unread: number, go: (view: View, focus: boolean) => void): Content {
  const tab = (view: View, name: string, mark: Content = nothing): TemplateResult =>
    html`<button
      type="button"
      role="tab"
      id="tab-${view}"
      aria-controls="panel-${view}"
      aria-selected=${view === current}
      tabindex=${view === current ? 0 : -1}
      @click=${() => {
        go(view, false);
      }}
    >
      ${name}${mark}
    </button>`;
  const mark = unread === 0 ? nothing : html`<span class="mark"><span aria-hidden="true">${unread > 99 ? "99+" : unread}</span><span class="hidden">${TEXTS.newInChat(unread)}</span></span>`;
  return html`<div
    class="tabs"
    role="tablist"
    aria-label=${TEXTS.tabs}
    @keydown=${(event: KeyboardEvent) => {
      const to = tabAfter(event.key, current);
      if (to === null) return;
      event.preventDefault();
      go(to, true);
    }}
  >
    ${tab("chat", TEXTS.chatTab, mark)}${tab("cases", TEXTS.casesTab)}
  </div>`;
}
