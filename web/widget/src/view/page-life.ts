/** What happens to the page around the widget: the network comes and goes, the page is hidden, the device sleeps. */

import type { ReactiveController, ReactiveControllerHost } from "lit";

/** Hidden for longer, a page may have been frozen, and its socket with it. */
const ASLEEP_MS = 30_000;

export interface PageListener {
  readonly reconnect: () => void;
  readonly disconnected: () => void;
  readonly wake: () => void;
  /** The page was hidden or shown. */
  readonly seen: () => void;
}

export class PageLife implements ReactiveController {
  private hiddenAt = 0;

  constructor(
    host: ReactiveControllerHost,
    private readonly listener: PageListener,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    addEventListener("online", this.listener.reconnect);
    addEventListener("offline", this.listener.disconnected);
    document.addEventListener("visibilitychange", this.visibility);
  }

  hostDisconnected(): void {
    removeEventListener("online", this.listener.reconnect);
    removeEventListener("offline", this.listener.disconnected);
    document.removeEventListener("visibilitychange", this.visibility);
  }

  private readonly visibility = (): void => {
    this.listener.seen();
    if (document.visibilityState !== "visible") this.hiddenAt = Date.now();
    else if (Date.now() - this.hiddenAt > ASLEEP_MS) this.listener.reconnect();
    else this.listener.wake();
  };
}
