/** Six digits from an SMS. Fires `suixing-code` with the digits; keeps nothing. */

import { LitElement, html, nothing, type TemplateResult } from "lit";

import { TEXTS } from "../texts.js";
import { base } from "./styles/base.js";
import { codeInput } from "./styles/code-input.js";

export class SuixingCodeInput extends LitElement {
  static override styles = [base, codeInput];
  static override properties = { digits: { state: true } };
  declare private digits: string;

  constructor() {
    super();
    this.digits = "";
  }

  protected override render(): TemplateResult {
    return html`<form @submit=${this.submit} novalidate>
      <label for="code">${TEXTS.codeLabel}</label>
      <div class="line">
        <input
          id="code"
          name="code"
          type="text"
          inputmode="numeric"
          autocomplete="one-time-code"
          placeholder="······"
          aria-describedby="help"
          .value=${this.digits}
          @input=${this.changed}
        />
        <button type="submit" class="primary" aria-disabled=${this.complete ? nothing : "true"}>${TEXTS.codeSend}</button>
      </div>
      <p id="help">${TEXTS.codeHelp}</p>
    </form>`;
  }

  private get complete(): boolean {
    return this.digits.length === 6;
  }

  /** Full-width digits, spaces and a pasted "验证码：123456" are all understood. */
  private changed(event: InputEvent): void {
    const input = event.target as HTMLInputElement;
    if (event.isComposing) return;
    this.digits = input.value.normalize("NFKC").replace(/\D/gu, "").slice(0, 6);
    input.value = this.digits;
  }

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    if (!this.complete) {
      this.renderRoot.querySelector("input")?.focus();
      return;
    }
    this.dispatchEvent(new CustomEvent("suixing-code", { detail: this.digits, bubbles: true, composed: true }));
    this.digits = "";
  }
}
