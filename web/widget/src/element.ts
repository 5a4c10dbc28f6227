/**
 * `<suixing-chat>`: the launcher button and the chat window.
 *
 * Attributes: `server` (where the chat server is; the loader's own origin by default), `open`, `theme` (`light`, `dark`; else
 * as the device is set).
 * Property: `token` (the host app's signed customer token; null for a visitor).
 * Events (bubbling): `suixing-login` when the borrower wants to log in, `suixing-expired` when the token was refused,
 * `suixing-step-up` when a one-time code is asked for, `suixing-open` with `detail.open`.
 */

import { LitElement, type PropertyValues, type TemplateResult, html, nothing } from "lit";

import { ChatClient } from "./client.js";
import { Drafts } from "./drafts.js";
import { HttpChatPort } from "./http.js";
import type { ChatState } from "./state.js";
import { Memory, workingStore } from "./storage.js";
import { TEXTS } from "./texts.js";
import { codeWanted, maskCode, queuePosition } from "./timeline.js";
import { type ActionHost, caseActions, chatActions } from "./view/actions.js";
import { bannerFor } from "./view/banner.js";
import { renderCases } from "./view/cases.js";
import { renderChat } from "./view/chat.js";
import { Earlier } from "./view/earlier.js";
import { focusInside, keepFocusInside } from "./view/focus.js";
import { type HeaderActions, type View, renderHeader, renderTabs } from "./view/header.js";
import * as icons from "./view/icons.js";
import { Notices } from "./view/notice.js";
import { PageLife } from "./view/page-life.js";
import { Restored } from "./view/restored.js";
import { base } from "./view/styles/base.js";
import { cards } from "./view/styles/cards.js";
import { cases as caseBook } from "./view/styles/cases.js";
import { log } from "./view/styles/log.js";
import { shell } from "./view/styles/shell.js";
import { theme } from "./view/styles/theme.js";
import { Tail } from "./view/tail.js";

const PHONE = "(max-width: 480px)";

/** Set by the loader: the origin that it came from. */
export const origin = { value: "" };

export class SuixingChat extends LitElement {
  static override styles = [theme, base, shell, log, cards, caseBook];
  static override properties = {
    server: { type: String },
    token: { attribute: false },
    open: { type: Boolean, reflect: true },
    theme: { type: String, reflect: true },
    state: { state: true },
    sound: { state: true },
    view: { state: true },
  };

  declare server: string;
  declare token: string | null;
  declare open: boolean;
  /** `light` or `dark`; null or anything else: as the device is set. */
  declare theme: string | null;
  declare private state: ChatState | null;
  declare private sound: boolean;
  declare private view: View;
  private memory: Memory | null = null;
  private client: ChatClient | null = null;
  private readonly notices = new Notices();
  private readonly tail = new Tail(this);
  private readonly earlier = new Earlier(this, this.tail, () => this.client);
  private readonly restored = new Restored(this);
  private stepUpSeq = 0;
  private drafts: Drafts | null = null;
  /** Not reactive: the field shows it already, and a keystroke need not render the log. */
  private draft = "";

  constructor() {
    super();
    this.server = "";
    this.token = null;
    this.open = false;
    this.theme = null;
    this.state = null;
    this.sound = false;
    this.view = "chat";
    new PageLife(this, {
      reconnect: () => this.client?.reconnect(),
      disconnected: () => this.client?.disconnected(),
      wake: () => this.client?.wake(),
      seen: () => {
        this.notify();
        if (this.view === "cases" && document.visibilityState === "visible") this.cases.reload();
        this.requestUpdate();
      },
    });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const memory = new Memory(workingStore(() => localStorage));
    this.memory = memory;
    this.sound = memory.sound;
    const port = new HttpChatPort(this.server === "" ? origin.value : this.server.replace(/\/$/u, ""), undefined, (url) => new WebSocket(url));
    this.client = new ChatClient(port, memory, () => {
      this.refresh();
    });
    this.client.setToken(this.token);
    this.drafts = new Drafts(workingStore(() => sessionStorage));
    this.draft = this.drafts.of(this.client.identity);
    this.client.watch(this.open);
    this.refresh();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.notices.clear();
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
    this.view = "chat";
    this.say(text);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("token")) this.changePerson();
    if (changed.has("open")) this.client?.watch(this.open);
    if (this.state?.identified !== true) this.view = "chat";
  }

  protected override updated(changed: PropertyValues): void {
    const before: unknown = changed.get("open");
    if (changed.has("open") && (before !== undefined || this.open)) {
      if (this.open) this.focusInside();
      else if (before === true && (document.activeElement === this || document.activeElement === document.body)) {
        this.renderRoot.querySelector<HTMLElement>(".launcher")?.focus(); // unless the host page has put the focus elsewhere
      }
      this.tell("suixing-open", { open: this.open });
    }
    if (this.open && this.view === "chat") {
      this.tail.follow(changed.has("open") || changed.has("view"));
      if (document.visibilityState === "visible") this.client?.markRead();
    }
  }

  protected override render(): TemplateResult {
    return html`${this.renderLauncher()} ${this.renderWindow()}`;
  }

  private renderLauncher(): TemplateResult {
    const unread = this.open ? 0 : this.unread;
    return html`<button type="button" class="launcher" ?hidden=${this.open} aria-label=${TEXTS.open} aria-haspopup="dialog" @click=${this.show}>
      ${icons.bubble}<span aria-hidden="true">客服</span>
      ${unread > 0 ? html`<span class="unread"><span aria-hidden="true">${unread > 99 ? "99+" : unread}</span><span class="hidden">${TEXTS.unread(unread)}</span></span>` : nothing}
    </button>`;
  }

  private renderWindow(): TemplateResult | typeof nothing {
    const { state, view } = this;
    if (state === null) return nothing;
    const panel = state.identified ? "tabpanel" : nothing;
    return html`<div class="window" role="dialog" aria-labelledby="title" ?hidden=${!this.open} @keydown=${this.pressed}>
      ${renderHeader(state, this.sound, this.headerActions)} ${state.identified ? renderTabs(view, this.unread, this.go) : nothing}
      <div class="banner" role="status">${bannerFor(state, queuePosition(state.messages, state.place), this.chat, this.restored.shown)}</div>
      <div class="panel" id="panel-chat" role=${panel} aria-labelledby=${state.identified ? "tab-chat" : nothing} ?hidden=${view !== "chat"}>
        ${renderChat(state, { earlier: this.earlier, typing: this.client?.waiting === true, tail: this.tail, draft: this.draft, drafted: this.keepDraft }, this.chat)}
      </div>
      ${state.identified
        ? html`<div class="panel case-panel" id="panel-cases" role=${panel} aria-labelledby="tab-cases" ?hidden=${view !== "cases"}>
            ${view === "cases" ? renderCases(state.cases, state.uploads, this.cases) : nothing}
          </div>`
        : nothing}
    </div>`;
  }

  /** A new token: of somebody else, who begins with the conversation; or of the same person, whose cases are asked for again. */
  private changePerson(): void {
    const { client } = this;
    if (client === null) return;
    const before = client.identity;
    client.setToken(this.token);
    if (client.identity !== before) {
      this.view = "chat";
      this.draft = this.drafts?.change(before, client.identity) ?? "";
    } else if (this.view === "cases") this.cases.reload();
  }

  private readonly host: ActionHost = {
    client: () => this.client,
    state: () => this.state,
    tail: this.tail,
    login: () => {
      this.tell("suixing-login", {});
    },
    say: (text) => {
      this.say(text);
    },
    go: (view) => {
      this.view = view;
    },
    focusInside: () => {
      this.focusInside();
    },
    focusOn: (selector) => {
      this.focusOn(selector);
    },
  };
  private readonly cases = caseActions(this.host);
  private readonly chat = chatActions(this.host, this.cases.openCase);

  private readonly headerActions: HeaderActions = {
    askHuman: () => {
      if (this.state?.owner !== "bot") return;
      this.view = "chat";
      this.say(TEXTS.humanMessage);
    },
    switchSound: () => {
      this.sound = !this.sound;
      if (this.memory !== null) this.memory.sound = this.sound;
      if (this.sound) this.notices.allowSound();
    },
    close: () => {
      this.hide();
    },
  };

  private readonly go = (view: View, focus: boolean): void => {
    const book = this.client?.cases;
    if (view === "cases") void (this.view === "cases" ? book?.list() : book?.reload());
    this.view = view;
    if (focus) this.focusOn(`#tab-${view}`);
  };

  private readonly keepDraft = (text: string): void => {
    this.draft = text;
    if (this.client !== null) this.drafts?.keep(this.client.identity, text, codeWanted(this.client.state.messages));
  };

  private get watched(): boolean {
    return this.open && this.view === "chat" && document.visibilityState === "visible";
  }

  private get unread(): number {
    const from = this.client?.lastRead ?? 0;
    return this.watched ? 0 : (this.state?.messages ?? []).filter(({ seq, author }) => seq > from && author !== "borrower").length;
  }

  private notify(): void {
    if (this.state !== null) this.notices.tell(this.state, this.unread, this.sound, this.watched);
  }

  private say(text: string): void {
    const title = maskCode(text, codeWanted(this.state?.messages ?? []));
    this.client?.send(text, { title, secret: title !== text });
    this.tail.stick();
  }

  private refresh(): void {
    const { client } = this;
    if (client === null) return;
    const before = this.state;
    this.state = client.state;
    this.restored.changed(before?.connection, this.state.connection);
    if (this.state.connection === "expired" && before?.connection !== "expired") this.tell("suixing-expired", {});
    const asked = codeWanted(this.state.messages) ? (this.state.messages.at(-1)?.seq ?? 0) : 0;
    if (asked > this.stepUpSeq) {
      this.tell("suixing-step-up", {});
      this.keepDraft(this.draft);
    }
    this.stepUpSeq = asked;
    this.notify();
    this.requestUpdate();
  }

  private tell(name: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  private focusInside(): void {
    focusInside(this.renderRoot, this.view === "chat" ? "suixing-composer" : "#tab-cases");
  }

  /** After the next rendering. */
  private focusOn(selector: string): void {
    void this.updateComplete.then(() => {
      this.renderRoot.querySelector<HTMLElement>(selector)?.focus();
    });
  }

  private pressed(event: KeyboardEvent): void {
    if (event.key === "Escape" && !event.isComposing) {
      event.stopPropagation();
      this.hide();
    }
    if (event.key === "Tab" && matchMedia(PHONE).matches) keepFocusInside(this.renderRoot, event);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "suixing-chat": SuixingChat;
  }
}
