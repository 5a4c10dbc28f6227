/** Says for a moment that the connection is back. */

import type { ReactiveController, ReactiveControllerHost } from "lit";

import type { Connection } from "../state.js";

const SHOWN_MS = 3_000;
const BROKEN: readonly (Connection | undefined)[] = ["offline", "troubled"];

export class Restored implements ReactiveController {
  shown = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly host: ReactiveControllerHost) {
    host.addController(this);
  }

  hostDisconnected(): void {
    clearTimeout(this.timer);
    this.shown = false;
  }

  changed(before: Connection | undefined, now: Connection): void {
    if (now !== "online" || !BROKEN.includes(before)) return;
    clearTimeout(this.timer);
    this.shown = true;
    this.timer = setTimeout(() => {
      this.shown = false;
      this.host.requestUpdate();
    }, SHOWN_MS);
  }
}
