/** One line below the header: who is on the other side, and whether we reach them. */

import { html, nothing } from "lit";

import type { Content } from "../cards/parts.js";
import type { ChatState } from "../state.js";
import { TEXTS } from "../texts.js";

function line(tone: "info" | "warn", text: string): Content {
  return html`<p data-tone=${tone}>${text}</p>`;
}

export function bannerFor(state: ChatState, position: number | null, login: () => void): Content {
  if (state.connection === "expired") return html`<p data-tone="warn">${TEXTS.bannerExpired}<button type="button" class="link" @click=${login}>${TEXTS.login}</button></p>`;
  if (state.connection === "offline") return line("warn", TEXTS.bannerOffline);
  if (state.connection === "troubled") return line("warn", TEXTS.bannerTroubled);
  if (state.owner === "agent") return line("info", TEXTS.bannerAgent);
  if (state.owner === "queue") return line("info", TEXTS.bannerQueue(position));
  return state.renewed ? line("info", TEXTS.bannerRenewed) : nothing;
}
