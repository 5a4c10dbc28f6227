/** The line to type in. Fires `suixing-submit` with the text. Enter sends, except while an input method is composing. */

import { LitElement, html, nothing, type TemplateResult } from "lit";

import { length } from "../format.js";
import { TEXTS } from "../texts.js";
import * as icons from "./icons.js";
import { base } from "./styles/base.js";
import { composer } from "./styles/composer.js";

export const MAX_CHARS = 2_000;
/** Browsers report this key code for every key that the input method takes for itself (Safari fires it after `compositionend`). */
const KEY_OF_INPUT_METHOD = 229;

export class SuixingComposer extends LitElement {
  static override styles = [base, composer];
  static override properties = { text: { state: true } };
  declare private text: string;

  constructor() {
    super();
    this.text = "";
  }

  override focus(): void {
    this.area?.focus();
  }

  protected override render(): TemplateResult {
    const count = length(this.text.trim());
    const over = count - MAX_CHARS;
    return html`<form @submit=${this.submit}>
      <label class="hidden" for="message">${TEXTS.composerLabel}</label>
      <textarea
        id="message"
        rows="1"
        placeholder=${TEXTS.placeholder}
        enterkeyhint="send"
        aria-describedby="hint count"
        aria-invalid=${over > 0 ? "true" : nothing}
        .value=${this.text}
        @input=${this.typed}
        @keydown=${this.pressed}
      ></textarea>
      <button type="submit" class="send" aria-label=${TEXTS.send} title=${TEXTS.send} aria-disabled=${this.sendable ? nothing : "true"}>${icons.send}</button>
      <p class="foot">
        <span id="hint">${TEXTS.composerHint}</span>
        <span class="over" role="alert">${over > 0 ? TEXTS.tooLong(over) : nothing}</span>
        <span id="count" data-over=${over > 0 ? "yes" : nothing}>${count}/${MAX_CHARS}</span>
      </p>
    </form>`;
  }

  private get area(): HTMLTextAreaElement | null {
    return this.renderRoot.querySelector("textarea");
  }

  private get sendable(): boolean {
    const count = length(this.text.trim());
    return count > 0 && count <= MAX_CHARS;
  }

  private typed(event: InputEvent): void {
    this.text = (event.target as HTMLTextAreaElement).value;
    this.fit();
  }

  private pressed(event: KeyboardEvent): void {
    // keyCode is deprecated everywhere except for this: nothing newer tells Safari's last composing Enter from a real one.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const composing = event.isComposing || event.keyCode === KEY_OF_INPUT_METHOD;
    if (composing) {
      event.stopPropagation(); // Esc closes the candidate list, not the chat
      return;
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.submit(event);
    }
  }

  private submit(event: Event): void {
    event.preventDefault();
    if (!this.sendable) return;
    const text = this.text.trim();
    this.text = "";
    this.dispatchEvent(new CustomEvent("suixing-submit", { detail: text, bubbles: true, composed: true }));
    void this.updateComplete.then(() => {
      this.fit();
    });
  }

  /** As high as its text, up to the limit in the styles. */
  private fit(): void {
    const area = this.area;
    if (area === null) return;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + 2}px`;
  }
}
