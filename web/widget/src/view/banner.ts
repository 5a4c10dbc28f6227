/** One line below the header: who is on the other side, and whether we reach them. */

import { html, nothing } from "lit";

import type { Content } from "../cards/parts.js";
import type { ChatState } from "../state.js";
import { TEXTS } from "../texts.js";

export interface BannerActions {
  readonly login: () => void;
  readonly leaveQueue: () => void;
}

function line(tone: "info" | "warn", text: string, action: Content = nothing): Content {
  return html`<p data-tone=${tone}><span>${text}</span>${action}</p>`;
}

/** `back`: the connection has just come back, which is said for a moment. */
export function bannerFor(state: ChatState, position: number | null, actions: BannerActions, back = false): Content {
  if (state.connection === "expired") {
    return line("warn", TEXTS.bannerExpired, html`<button type="button" class="link" @click=${actions.login}>${TEXTS.login}</button>`);
  }
  if (state.connection === "offline") return line("warn", TEXTS.bannerOffline);
  if (state.connection === "troubled") return line("warn", TEXTS.bannerTroubled);
  if (back) return line("info", TEXTS.bannerBack);
  if (state.owner === "agent") return line("info", TEXTS.bannerAgent);
  if (state.owner === "queue") return line("info", TEXTS.bannerQueue(position), html`<button type="button" class="link" @click=${actions.leaveQueue}>${TEXTS.leaveQueue}</button>`);
  return state.renewed ? line("info", TEXTS.bannerRenewed) : nothing;
}
