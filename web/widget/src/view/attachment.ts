/** A file of the conversation. Its bytes need the borrower's token, so they are fetched when asked for and shown from memory. */

import { LitElement, type TemplateResult, html, nothing } from "lit";

import { fileSize } from "../files.js";
import { HttpError, NetworkError } from "../port.js";
import { TEXTS } from "../texts.js";
import type { Attachment } from "../wire.js";
import { attachment } from "./styles/attachment.js";
import { base } from "./styles/base.js";

export class SuixingAttachment extends LitElement {
  static override styles = [base, attachment];
  static override properties = { card: { attribute: false }, load: { attribute: false }, address: { state: true }, failed: { state: true } };
  declare card: Attachment;
  declare load: (id: string) => Promise<Blob>;
  declare private address: string | null;
  declare private failed: boolean;

  constructor() {
    super();
    this.address = null;
    this.failed = false;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    if (this.address !== null) URL.revokeObjectURL(this.address);
    this.address = null;
  }

  protected override render(): TemplateResult {
    const { card, address } = this;
    const image = card.mediaType.startsWith("image/");
    const name = image ? TEXTS.image : TEXTS.pdf;
    if (image && address !== null) return html`<img src=${address} alt=${name} />`;
    return html`<div class="file">
      <span>${TEXTS.file(name, fileSize(card.size))}</span>
      <button type="button" class="link" @click=${() => void this.fetch(image)}>${image ? TEXTS.openFile : TEXTS.saveFile}</button>
      ${this.failed ? html`<p role="alert">${TEXTS.fileNotLoaded}</p>` : nothing}
    </div>`;
  }

  private async fetch(image: boolean): Promise<void> {
    this.failed = false;
    try {
      this.address ??= URL.createObjectURL(await this.load(this.card.attachmentId));
    } catch (error) {
      if (!(error instanceof HttpError) && !(error instanceof NetworkError)) throw error;
      this.failed = true;
      return;
    }
    if (image) return;
    const link = document.createElement("a");
    link.href = this.address;
    link.download = `${this.card.attachmentId}.pdf`;
    link.click();
  }
}
