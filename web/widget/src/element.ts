/**
 * `<suixing-chat>`: the launcher button and the chat window.
 *
 * Attributes: `server` (where the chat server is; the loader's own origin by default), `open`.
 * Property: `token` (the host app's signed customer token; null for a visitor).
 * Events (bubbling): `suixing-login` when the borrower wants to log in, `suixing-expired` when the token was refused,
 * `suixing-step-up` when a one-time code is asked for, `suixing-open` with `detail.open`.
 */

import { LitElement, type PropertyValues, type TemplateResult, html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";

import { ChatClient } from "./client.js";
import { HttpChatPort } from "./http.js";
import type { ChatState } from "./state.js";
import { Memory, workingStore } from "./storage.js";
import { TEXTS } from "./texts.js";
import { codeWanted, maskCode, queuePosition, timeline } from "./timeline.js";
import { type BannerActions, bannerFor } from "./view/banner.js";
import * as icons from "./view/icons.js";
import { type LogActions, renderGreeting, renderMessage, renderStarters, renderTyping } from "./view/log.js";
import { base } from "./view/styles/base.js";
import { cards } from "./view/styles/cards.js";
import { log } from "./view/styles/log.js";
import { shell } from "./view/styles/shell.js";
import { Tail } from "./view/tail.js";

/** Longer histories are shown from here on; the rest is one press away. */
const SHOWN_AT_ONCE = 120;
const PHONE = "(max-width: 480px)";

/** Set by the loader: the origin that it came from. */
export const origin = { value: "" };

export class SuixingChat extends LitElement {
  static override styles = [base, shell, log, cards];
  static override properties = {
    server: { type: String },
    token: { attribute: false },
    open: { type: Boolean, reflect: true },
    state: { state: true },
    limit: { state: true },
  };

  declare server: string;
  declare token: string | null;
  declare open: boolean;
  declare private state: ChatState | null;
  declare private limit: number;
  private client: ChatClient | null = null;
  private readonly tail = new Tail(this);
  private stepUpSeq = 0;

  constructor() {
    super();
    this.server = "";
    this.token = null;
    this.open = false;
    this.state = null;
    this.limit = SHOWN_AT_ONCE;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const memory = new Memory(workingStore(() => localStorage));
    const port = new HttpChatPort(this.server === "" ? origin.value : this.server.replace(/\/$/u, ""));
    this.client = new ChatClient(port, memory, () => {
      this.refresh();
    });
    this.client.setToken(this.token);
    this.client.watch(this.open);
    this.refresh();
    addEventListener("online", this.online);
    addEventListener("offline", this.offline);
    document.addEventListener("visibilitychange", this.visible);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("online", this.online);
    removeEventListener("offline", this.offline);
    document.removeEventListener("visibilitychange", this.visible);
    this.client?.close();
    this.client = null;
  }

  /** Opens the window and puts the cursor where one types (on a touch screen the keyboard would cover the history). */
  show(): void {
    this.open = true;
  }

  hide(): void {
    this.open = false;
  }

  /** Opens the window and asks for the borrower: for links such as "怎么提前还款" on the host page. */
  ask(text: string): void {
    this.show();
    this.say(text);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("token")) this.client?.setToken(this.token);
    if (changed.has("open")) this.client?.watch(this.open);
  }

  protected override updated(changed: PropertyValues<this>): void {
    const before = changed.get("open");
    if (changed.has("open") && (before !== undefined || this.open)) {
      if (this.open) this.focusInside();
      else if (before && (document.activeElement === this || document.activeElement === document.body)) {
        this.renderRoot.querySelector<HTMLElement>(".launcher")?.focus(); // unless the host page has put the focus elsewhere
      }
      this.tell("suixing-open", { open: this.open });
    }
    if (this.open) {
      this.tail.follow(changed.has("open"));
      if (document.visibilityState === "visible") this.client?.markRead();
    }
  }

  protected override render(): TemplateResult {
    return html`${this.renderLauncher()} ${this.renderWindow()}`;
  }

  private renderLauncher(): TemplateResult {
    const unread = this.unread;
    return html`<button type="button" class="launcher" ?hidden=${this.open} aria-label=${TEXTS.open} aria-haspopup="dialog" @click=${this.show}>
      ${icons.bubble}<span aria-hidden="true">客服</span>
      ${unread > 0 ? html`<span class="unread"><span aria-hidden="true">${unread > 99 ? "99+" : unread}</span><span class="hidden">${TEXTS.unread(unread)}</span></span>` : nothing}
    </button>`;
  }

  private renderWindow(): TemplateResult | typeof nothing {
    const { state } = this;
    if (state === null) return nothing;
    return html`<div class="window" role="dialog" aria-labelledby="title" ?hidden=${!this.open} @keydown=${this.pressed}>
      ${this.renderHeader(state)}
      <div class="banner" role="status">${bannerFor(state, queuePosition(state.messages), this.bannerActions)}</div>
      <div class="log-frame">
        <div id="log" class="log" role="log" aria-live="polite" aria-relevant="additions" aria-label="聊天记录" aria-busy=${state.loading} tabindex="0" @scroll=${this.tail.scrolled}>
          ${this.renderLog(state)}
        </div>
        ${this.tail.behind
          ? html`<button type="button" class="new-messages" @click=${this.tail.jump}>${TEXTS.newMessages}${icons.down}</button>`
          : nothing}
      </div>
      <suixing-composer
        @suixing-submit=${(event: CustomEvent<string>) => {
          this.say(event.detail);
        }}
      ></suixing-composer>
    </div>`;
  }

  private renderHeader(state: ChatState): TemplateResult {
    const status = { bot: TEXTS.statusBot, queue: TEXTS.statusQueue, agent: TEXTS.statusAgent }[state.owner];
    const human = { bot: TEXTS.human, queue: TEXTS.humanQueued, agent: TEXTS.humanHere }[state.owner];
    return html`<div class="header">
      <span class="logo">${icons.star}</span>
      <div class="titles">
        <h2 id="title" tabindex="-1">${TEXTS.title}</h2>
        <p>${state.connection === "offline" ? TEXTS.statusOffline : status}</p>
      </div>
      <button type="button" class="human" aria-disabled=${state.owner === "bot" ? nothing : "true"} @click=${this.askHuman}>${icons.headset}<span>${human}</span></button>
      <button type="button" class="close" aria-label=${TEXTS.close} @click=${this.hide}>${icons.close}</button>
    </div>`;
  }

  private renderLog(state: ChatState): unknown {
    const items = timeline(state.messages, state.outbox);
    const shown = items.slice(-this.limit);
    const more = items.length > shown.length;
    return html`
      ${more
        ? html`<button type="button" class="earlier" @click=${this.showEarlier}>${TEXTS.earlier}</button>`
        : renderGreeting()}
      ${state.loading ? html`<p class="loading">${TEXTS.loading}</p>` : nothing}
      ${items.length === 0 && !state.loading ? renderStarters(this.actions.ask) : nothing}
      ${repeat(
        shown,
        ({ key }) => key,
        (item) => renderMessage(item, this.actions),
      )}
      ${this.client?.waiting ? renderTyping() : nothing}
    `;
  }

  private readonly login = (): void => {
    this.tell("suixing-login", {});
  };

  private readonly bannerActions: BannerActions = {
    login: this.login,
    leaveQueue: () => {
      void this.client?.leaveQueue();
      this.focusInside();
    },
  };

  private readonly actions: LogActions = {
    login: this.login,
    ask: (question) => {
      this.say(question);
      this.focusInside();
    },
    press: ({ title, payload }) => {
      this.client?.send(payload, { title });
      this.tail.stick();
      this.focusInside();
    },
    code: (code) => {
      this.client?.send(code, { title: "******", secret: true });
      this.tail.stick();
      this.focusInside();
    },
    retry: (clientId) => {
      this.client?.retry(clientId);
    },
    discard: (clientId) => {
      this.client?.discard(clientId);
      this.focusInside();
    },
  };

  private get unread(): number {
    const from = this.client?.lastRead ?? 0;
    return this.open ? 0 : (this.state?.messages ?? []).filter(({ seq, author }) => seq > from && author !== "borrower").length;
  }

  private say(text: string): void {
    const title = maskCode(text, codeWanted(this.state?.messages ?? []));
    this.client?.send(text, { title, secret: title !== text });
    this.tail.stick();
  }

  private askHuman(): void {
    if (this.state?.owner === "bot") this.say(TEXTS.humanMessage);
  }

  private async showEarlier(): Promise<void> {
    this.limit += SHOWN_AT_ONCE;
    await this.tail.keepPlace();
  }

  private refresh(): void {
    const { client } = this;
    if (client === null) return;
    const before = this.state;
    this.state = client.state;
    if (this.state.connection === "expired" && before?.connection !== "expired") this.tell("suixing-expired", {});
    const asked = codeWanted(this.state.messages) ? (this.state.messages.at(-1)?.seq ?? 0) : 0;
    if (asked > this.stepUpSeq) this.tell("suixing-step-up", {});
    this.stepUpSeq = asked;
    this.requestUpdate();
  }

  private tell(name: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** Touch screens get the title focused instead of the text field, so that the keyboard does not cover the answer. */
  private focusInside(): void {
    const touch = matchMedia("(pointer: coarse)").matches;
    this.renderRoot.querySelector<HTMLElement>(touch ? "#title" : "suixing-composer")?.focus();
  }

  private pressed(event: KeyboardEvent): void {
    if (event.key === "Escape" && !event.isComposing) {
      event.stopPropagation();
      this.hide();
    }
    if (event.key === "Tab" && matchMedia(PHONE).matches) this.keepFocusInside(event);
  }

  /** Full screen on a phone: Tab goes round inside instead of into the page behind. */
  private keepFocusInside(event: KeyboardEvent): void {
    const inside = [...this.renderRoot.querySelectorAll<HTMLElement>(".window :is(button, a, [tabindex='0'], suixing-composer)")];
    const target = event.composedPath()[0] as Element;
    const last = inside.at(-1)?.shadowRoot?.querySelector("button.send");
    const first = inside[0];
    if (!event.shiftKey && target === last) {
      event.preventDefault();
      first?.focus();
    } else if (event.shiftKey && (target === first || target.id === "title")) {
      event.preventDefault();
      inside.at(-1)?.focus();
    }
  }

  private readonly online = (): void => {
    this.client?.wake();
  };

  private readonly offline = (): void => {
    this.client?.disconnected();
  };

  private readonly visible = (): void => {
    if (document.visibilityState !== "visible") return;
    this.client?.wake();
    this.requestUpdate();
  };
}


declare global {
  interface HTMLElementTagNameMap {
    "suixing-chat": SuixingChat;
  }
}
