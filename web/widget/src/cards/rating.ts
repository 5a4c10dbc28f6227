/** "How was the help?": five stars as radio buttons, a comment, thanks. */

import { type TemplateResult, html, nothing } from "lit";

import type { RatingState } from "../state.js";
import { TEXTS } from "../texts.js";
import type { Rating } from "../wire.js";
import { card, note } from "./parts.js";

export type Rate = (handoffId: number, score: number, comment: string) => void;

function submit(event: SubmitEvent, it: Rating, rate: Rate): void {
  event.preventDefault();
  const form = new FormData(event.target as HTMLFormElement);
  const score = Number(form.get("score"));
  const comment = form.get("comment");
  if (score >= 1) rate(it.handoffId, score, typeof comment === "string" ? comment.trim() : "");
}

export function rating(it: Rating, given: RatingState | undefined, rate: Rate): TemplateResult {
  const score = it.score ?? (given?.state === "done" ? given.score : null);
  if (score !== null) return card(it.type, TEXTS.ratingTitle, note(TEXTS.ratingThanks(score)));
  const sending = given?.state === "sending";
  return card(
    it.type,
    TEXTS.ratingTitle,
    html`<form
      class="rating"
      @submit=${(event: SubmitEvent) => {
        submit(event, it, rate);
      }}
    >
      <fieldset ?disabled=${sending}>
        <legend>${TEXTS.ratingAsk}</legend>
        <div class="stars">
          ${[5, 4, 3, 2, 1].map((value) => html`<label><input type="radio" name="score" required value=${value} aria-label=${TEXTS.stars(value)} /><span aria-hidden="true">★</span></label>`)}
        </div>
        <textarea name="comment" rows="2" maxlength="500" aria-label=${TEXTS.ratingComment} placeholder=${TEXTS.ratingComment}></textarea>
        <button type="submit" class="primary">${TEXTS.ratingSend}</button>
      </fieldset>
      <p role="alert">${given?.state === "failed" ? TEXTS.ratingFailed : nothing}</p>
    </form>`,
  );
}
