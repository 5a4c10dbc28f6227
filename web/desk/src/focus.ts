/** Where the keyboard goes when a sheet comes up by itself. */

const PAUSE_MS = 1_000;

/**
 * Calls `focus` at once, or, when somebody is writing, after the keys have rested for a second: what is meant for a reply must
 * not land in a password field. The returned function takes it back.
 */
export function focusAfterWriting(focus: () => void, page: Document = document): () => void {
  const writing = page.activeElement;
  if (!(writing instanceof HTMLTextAreaElement) || writing.value === "") {
    focus();
    return () => undefined;
  }
  const done = (): void => {
    clearTimeout(timer);
    page.removeEventListener("keydown", wait, true);
    page.removeEventListener("input", wait, true);
  };
  const end = (): void => {
    done();
    focus();
  };
  const wait = (): void => {
    clearTimeout(timer);
    timer = setTimeout(end, PAUSE_MS);
  };
  let timer = setTimeout(end, PAUSE_MS);
  page.addEventListener("keydown", wait, true);
  page.addEventListener("input", wait, true);
  return done;
}
