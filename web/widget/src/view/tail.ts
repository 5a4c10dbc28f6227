/** Keeps the log at its end while the borrower is there, and says "new messages" while they read further up. */

import type { ReactiveController, ReactiveControllerHost } from "lit";

/** Nearer to the end than this counts as being at the end, in CSS pixels. */
const NEAR = 80;

type Host = ReactiveControllerHost & { readonly renderRoot: HTMLElement | DocumentFragment };

export class Tail implements ReactiveController {
  behind = false;
  private atEnd = true;
  private height = 0;

  constructor(private readonly host: Host) {
    host.addController(this);
  }

  hostConnected(): void {
    this.atEnd = true;
  }

  readonly scrolled = (): void => {
    const log = this.log;
    if (log === null) return;
    this.atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
    if (this.atEnd && this.behind) {
      this.behind = false;
      this.host.requestUpdate();
    }
  };

  readonly jump = (): void => {
    this.stick();
    this.follow(true);
    this.log?.focus();
  };

  /** The borrower just said something: they want to see the answer. */
  stick(): void {
    this.atEnd = true;
    this.behind = false;
    this.host.requestUpdate();
  }

  /** After each rendering. */
  follow(opened: boolean): void {
    const log = this.log;
    if (log === null) return;
    const grew = log.scrollHeight > this.height;
    this.height = log.scrollHeight;
    if (this.atEnd || opened) log.scrollTop = log.scrollHeight;
    else if (grew && !this.behind) {
      this.behind = true;
      this.host.requestUpdate();
    }
  }

  /** Older messages were put above: what was on the screen stays where it is. */
  async keepPlace(): Promise<void> {
    const log = this.log;
    if (log === null) return;
    const fromEnd = log.scrollHeight - log.scrollTop;
    this.atEnd = false;
    this.height = Infinity; // what grows now is not new
    await this.host.updateComplete;
    this.height = log.scrollHeight;
    this.behind = false;
    log.scrollTop = log.scrollHeight - fromEnd;
  }

  private get log(): HTMLElement | null {
    return this.host.renderRoot.querySelector<HTMLElement>("#log");
  }
}
