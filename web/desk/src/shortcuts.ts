/** Single keys, while nobody is typing. */

import { onBeforeUnmount, onMounted } from "vue";

export type Shortcuts = Readonly<Record<string, (event: KeyboardEvent) => void>>;

const TYPING = "input, textarea, select, [contenteditable], [role=combobox]";

/** The name of a key as `Shortcuts` lists it: `j`, `/`, `?`, `Escape`; `null` for what belongs to the browser. */
export function keyOf(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "isComposing">): string | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

export function useShortcuts(shortcuts: Shortcuts): void {
  const listen = (event: KeyboardEvent): void => {
    const key = keyOf(event);
    const typing = event.target instanceof Element && event.target.closest(TYPING) !== null;
    if (key === null || (typing && key !== "Escape") || document.querySelector(".el-overlay:not([style*='display: none'])") !== null) return;
    const found = shortcuts[key];
    if (found === undefined) return;
    if (key !== "Escape") event.preventDefault();
    found(event);
  };
  onMounted(() => {
    window.addEventListener("keydown", listen);
  });
  onBeforeUnmount(() => {
    window.removeEventListener("keydown", listen);
  });
}
