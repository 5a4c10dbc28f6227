/** Files on their way: name, size, how far, what went wrong, and the ways out. */

import { type TemplateResult, html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";

import { fileSize, refusedFile } from "../files.js";
import type { UploadEntry } from "../state.js";
import { refusal } from "../labels.js";
import { TEXTS } from "../texts.js";

export interface UploadActions {
  readonly retryUpload: (id: string) => void;
  readonly cancelUpload: (id: string) => void;
}

function renderUpload(entry: UploadEntry, actions: UploadActions): TemplateResult {
  const failed = entry.state === "failed";
  const again = failed && refusedFile(entry.file) === null;
  return html`<div class="message upload" data-author="borrower" data-upload=${entry.state}>
    <div class="bubble">
      <span class="name">${entry.file.name}</span> <span>${fileSize(entry.file.size)}</span>
      ${failed ? nothing : html`<progress max="1" .value=${entry.share} aria-label=${TEXTS.uploading(entry.share)}></progress>`}
    </div>
    <p class=${failed ? "delivery failed" : "delivery"}>
      <span role=${failed ? "alert" : nothing}>${failed ? refusal("upload", entry.errorCode) : TEXTS.uploading(entry.share)}</span>
      ${again
        ? html`<button
            type="button"
            class="link"
            @click=${() => {
              actions.retryUpload(entry.id);
            }}
          >
            ${TEXTS.retry}
          </button>`
        : nothing}
      <button
        type="button"
        class="link"
        @click=${() => {
          actions.cancelUpload(entry.id);
        }}
      >
        ${failed ? TEXTS.discard : TEXTS.cancel}
      </button>
    </p>
  </div>`;
}

export function renderUploads(uploads: readonly UploadEntry[], actions: UploadActions): unknown {
  return repeat(
    uploads,
    ({ id }) => id,
    (entry) => renderUpload(entry, actions),
  );
}
