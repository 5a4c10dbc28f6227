/** "Earlier messages": what is held already is shown first, then the server is asked for more. */

import type { ReactiveControllerHost } from "lit";

import type { ChatClient } from "../client.js";
import { TEXTS } from "../texts.js";
import type { Tail } from "./tail.js";

/** Longer histories are shown from here on; the rest is one press away. */
const SHOWN_AT_ONCE = 120;
/** So long a screen reader is not told of what is put into the log: it was asked for, and is found by reading upwards. */
const QUIET_MS = 1_000;

type Host = ReactiveControllerHost & { readonly renderRoot: HTMLElement | DocumentFragment };

export class Earlier {
  /** So many messages at the end are shown; all, once the borrower has gone up to the first that is held. */
  limit = SHOWN_AT_ONCE;
  /** What is said of it to whoever does not see it. */
  told = "";
  quiet = false;

  constructor(
    private readonly host: Host,
    private readonly tail: Tail,
    private readonly client: () => ChatClient | null,
  ) {}

  readonly press = (): void => {
    const client = this.client();
    if (client === null) return;
    const { messages, outbox } = client.state;
    const hidden = messages.length + outbox.length - this.limit;
    if (hidden > 0) this.shown(Math.min(hidden, SHOWN_AT_ONCE), hidden);
    else void client.earlier((count) => { this.shown(count); });
  };

  private shown(count: number, hidden = 0): void {
    const { host } = this;
    const root = host.renderRoot as ShadowRoot;
    const pressed = root.activeElement?.matches(".earlier") === true;
    this.limit = hidden > SHOWN_AT_ONCE ? this.limit + SHOWN_AT_ONCE : Infinity;
    this.told = TEXTS.earlierShown(count);
    this.quiet = true;
    host.requestUpdate();
    void this.tail.keepPlace().then(() => {
      if (pressed && root.querySelector(".earlier") === null) root.querySelector<HTMLElement>("#log")?.focus({ preventScroll: true }); // it was the last part
    });
    setTimeout(() => {
      this.quiet = false;
      host.requestUpdate();
    }, QUIET_MS);
  }
}
