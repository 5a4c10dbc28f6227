/**
 * The socket that says "something has changed". It carries no data, so a broken one loses nothing: a new connection says it
 * again. While it is broken the page asks by itself from time to time.
 */

import { Backoff } from "@/backoff";

/** What `Live` needs of a WebSocket. */
export interface Line {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  close(): void;
}

export interface LiveOptions {
  readonly connect: () => Line;
  readonly onChange: () => void;
  /** The server knows no session behind the cookie: log in again. */
  readonly onLoggedOut: () => void;
  readonly onState?: (connected: boolean) => void;
  readonly random?: () => number;
  readonly pollMs?: number;
}

const POLL_MS = 5_000;
/** The server speaks every half minute even when nothing has changed: a line that is silent for longer is dead without knowing it. */
const SILENT_MS = 75_000;
const LOGIN_NEEDED = 4401;

export class Live {
  private line: Line | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private poller: ReturnType<typeof setInterval> | null = null;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private running = false;
  private readonly backoff: Backoff;

  constructor(private readonly options: LiveOptions) {
    this.backoff = new Backoff(options.random);
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    this.open();
  }

  stop(): void {
    this.running = false;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.pollWhileBroken(false);
    this.drop();
  }

  /** The browser says that there is no network: the line is dead, though it may not report its end for minutes. */
  cut(): void {
    if (this.running && this.line !== null) this.lost(this.line);
  }

  /** The network is there again: a line from before may be dead without knowing it. */
  renew(): void {
    if (!this.running) return;
    this.drop();
    this.hurry();
  }

  /** Tries at once, for a page that has come back to the front. */
  hurry(): void {
    if (!this.running || this.line !== null) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.backoff.reset();
    this.open();
  }

  private open(): void {
    this.timer = null;
    const line = this.options.connect();
    this.line = line;
    this.listenFor(line);
    line.onopen = (): void => {
      this.backoff.reset();
      this.pollWhileBroken(false);
      this.options.onState?.(true);
    };
    line.onmessage = ({ data }): void => {
      this.listenFor(line);
      if (saysChanged(data)) this.options.onChange();
    };
    line.onclose = ({ code }): void => {
      if (this.line !== line) return; // stopped on purpose
      if (code !== LOGIN_NEEDED) {
        this.lost(line);
        return;
      }
      this.options.onState?.(false);
      this.stop();
      this.options.onLoggedOut();
    };
  }

  /** The line is gone: the page asks by itself until a new one stands. */
  private lost(line: Line): void {
    if (this.line === line) this.drop();
    this.options.onState?.(false);
    this.pollWhileBroken(true);
    this.timer = setTimeout(() => {
      this.open();
    }, this.backoff.next());
  }

  private drop(): void {
    const { line } = this;
    this.line = null; // first: what it says of its end does not count
    clearTimeout(this.silence);
    line?.close();
  }

  private listenFor(line: Line): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      if (this.line === line) this.lost(line);
    }, SILENT_MS);
  }

  private pollWhileBroken(on: boolean): void {
    if (!on && this.poller !== null) {
      clearInterval(this.poller);
      this.poller = null;
    } else if (on && this.poller === null) {
      this.poller = setInterval(this.options.onChange, this.options.pollMs ?? POLL_MS);
    }
  }
}

function saysChanged(data: unknown): boolean {
  if (typeof data !== "string") return false;
  try {
    return (JSON.parse(data) as { type?: unknown }).type === "changed";
  } catch {
    return false; // not ours
  }
}

/** The browser's socket to our own host. */
export function deskSocket(): Line {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return new WebSocket(`${scheme}://${location.host}/desk/api/socket`) as unknown as Line;
}
