/** The line to type in. Fires `suixing-submit` with the text, `suixing-draft` with what is typed so far, `suixing-file` with a chosen file. Enter sends, except while an input method is composing. */

import { LitElement, type PropertyValues, html, nothing, type TemplateResult } from "lit";

import { ACCEPTED } from "../files.js";
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
  static override properties = { text: { attribute: false } };
  /** What is in the field; set from outside to what was typed before a reload. */
  declare text: string;

  constructor() {
    super();
    this.text = "";
  }

  override focus(): void {
    this.area?.focus();
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (!changed.has("text")) return;
    this.fit();
    this.dispatchEvent(new CustomEvent("suixing-draft", { detail: this.text }));
  }

  protected override render(): TemplateResult {
    const count = length(this.text.trim());
    const over = count - MAX_CHARS;
    return html`<form @submit=${this.submit}>
      <button type="button" class="attach" aria-label=${TEXTS.attach} title=${TEXTS.attach} @click=${this.choose}>${icons.clip}</button>
      <input id="file" type="file" hidden accept=${ACCEPTED} aria-label=${TEXTS.attach} @change=${this.chosen} />
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
        @focus=${this.fit}
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

  private choose(): void {
    this.renderRoot.querySelector<HTMLInputElement>("#file")?.click();
  }

  private chosen(event: Event): void {
    const input = event.target as HTMLInputElement;
    const [file] = input.files ?? [];
    if (file !== undefined) this.dispatchEvent(new CustomEvent("suixing-file", { detail: file }));
    input.value = ""; // so that the same file can be chosen again
  }

  private typed(event: InputEvent): void {
    this.text = (event.target as HTMLTextAreaElement).value;
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
  }

  /** As high as its text, up to the limit in the styles. In a closed window there is nothing to measure: the focus asks again. */
  private fit(): void {
    const area = this.area;
    if (area === null) return;
    area.style.height = "auto";
    if (area.scrollHeight > 0) area.style.height = `${area.scrollHeight + 2}px`;
  }
}
