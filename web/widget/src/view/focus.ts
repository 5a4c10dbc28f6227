/** Where the keyboard is. */

/** Touch screens get the title focused instead of the text field, so that the keyboard does not cover the answer. */
export function focusInside(root: ParentNode, field: string): void {
  const touch = matchMedia("(pointer: coarse)").matches;
  root.querySelector<HTMLElement>(touch ? "#title" : field)?.focus();
}

/** Full screen on a phone: Tab goes round inside instead of into the page behind. */
export function keepFocusInside(root: ParentNode, event: KeyboardEvent): void {
  const all = root.querySelectorAll<HTMLElement>(".window :is(button, a, summary, input, textarea, [tabindex='0'], suixing-composer)");
  const inside = [...all].filter((element) => element.tabIndex >= 0 || element.localName === "suixing-composer").filter((element) => element.getClientRects().length > 0);
  const target = event.composedPath()[0] as Element;
  const [first, last] = [inside[0], inside.at(-1)];
  const end = last?.shadowRoot?.querySelector("button.send") ?? last;
  if (!event.shiftKey && target === end) {
    event.preventDefault();
    first?.focus();
  } else if (event.shiftKey && (target === first || target.id === "title")) {
    event.preventDefault();
    last?.focus();
  }
}
