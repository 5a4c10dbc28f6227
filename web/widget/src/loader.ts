/** What a host page includes: `<script src="…/widget.js" defer></script>` and `<suixing-chat></suixing-chat>`. */

import { SuixingChat, origin } from "./element.js";
import { SuixingAttachment } from "./view/attachment.js";
import { SuixingCodeInput } from "./view/code-input.js";
import { SuixingComposer } from "./view/composer.js";

const script = document.currentScript;
origin.value = script instanceof HTMLScriptElement && script.src !== "" ? new URL(script.src).origin : location.origin;

// Included twice, or an older version is already there: the first one stays.
const elements = { "suixing-attachment": SuixingAttachment, "suixing-code-input": SuixingCodeInput, "suixing-composer": SuixingComposer, "suixing-chat": SuixingChat };
for (const [name, element] of Object.entries(elements)) {
  if (customElements.get(name) === undefined) customElements.define(name, element);
}
