/** What was typed and not sent: kept while the page is loaded again, in this tab only (`sessionStorage`). */

import { type KeyValueStore, PREFIX, VISITOR } from "./storage.js";

export class Drafts {
  constructor(private readonly store: KeyValueStore) {}

  of(identity: string): string {
    return this.store.getItem(key(identity)) ?? "";
  }

  /** `codeWanted`: a one-time code is asked for. Then nothing with a digit is written down, not even half a code. */
  keep(identity: string, text: string, codeWanted = false): void {
    if (text === "" || (codeWanted && /\d/u.test(text.normalize("NFKC")))) {
      this.store.removeItem(key(identity));
      return;
    }
    try {
      this.store.setItem(key(identity), text);
    } catch (error) {
      console.warn("suixing-chat: the draft cannot be stored", error); // full: it stays in the field
    }
  }

  /** Somebody else is here now; what they find in the field. A login takes along what the visitor typed, a logout leaves nothing. */
  change(from: string, to: string): string {
    const typed = this.of(from);
    this.keep(from, "");
    const text = from === VISITOR && typed !== "" ? typed : this.of(to);
    this.keep(to, text);
    return text;
  }
}

function key(identity: string): string {
  return `${PREFIX}/draft/${identity}`;
}
