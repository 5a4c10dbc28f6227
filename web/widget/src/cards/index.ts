/** One function for each card of the contract. */

import { nothing } from "lit";
import { html } from "lit";

import type { RatingState } from "../state.js";
import { TEXTS } from "../texts.js";
import type { Card } from "../wire.js";
import { evidence } from "./evidence.js";
import { paymentStatus, payoffQuote, repaymentPreview, scheduledRepayment } from "./money.js";
import { type Content, card, note } from "./parts.js";
import { type Rate, rating } from "./rating.js";
import { caseCard, handoff, officialCheck, remedy } from "./service.js";

export interface CardActions {
  /** The message is the one that waits for an answer. */
  readonly active: boolean;
  readonly login: () => void;
  readonly code: (code: string) => void;
  readonly ratings: Readonly<Record<number, RatingState>>;
  readonly rate: Rate;
  /** Leads to a case; null for whoever is not logged in. */
  readonly openCase: ((caseNo: string) => void) | null;
  readonly load: (attachmentId: string) => Promise<Blob>;
}

export function renderCard(it: Card, actions: CardActions): Content {
  switch (it.type) {
    case "payoff_quote":
      return payoffQuote(it);
    case "repayment_preview":
      return repaymentPreview(it);
    case "scheduled_repayment":
      return scheduledRepayment(it);
    case "payment_status":
      return paymentStatus(it);
    case "evidence":
      return evidence(it);
    case "case":
      return caseCard(it, actions.openCase);
    case "remedy":
      return remedy(it);
    case "handoff":
      return handoff(it);
    case "official_check":
      return officialCheck(it);
    case "rating":
      return rating(it, actions.ratings[it.handoffId], actions.rate);
    case "attachment":
      return html`<suixing-attachment .card=${it} .load=${actions.load}></suixing-attachment>`;
    case "login_required":
      return card(it.type, "需要登录", html`${note(TEXTS.loginCard)}<button type="button" class="primary" @click=${actions.login}>${TEXTS.login}</button>`);
    case "step_up_required":
      return card(
        it.type,
        "短信验证",
        actions.active
          ? html`<suixing-code-input @suixing-code=${(event: CustomEvent<string>) => {
              actions.code(event.detail);
            }}></suixing-code-input>`
          : note(TEXTS.codeUsed),
      );
    case "unknown":
      return note(TEXTS.unknownCard);
    case "answer":
    case "options":
      return nothing;
  }
}
