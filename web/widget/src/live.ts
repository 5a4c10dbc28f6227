/**
 * The log over `/chat/socket`. One `listen` is one socket: hello with the last `seq`, then pages as they come, until it
 * ends. `Line` says when the socket is worth another try; in between the caller reads by long-poll.
 */

import { Backoff } from "./backoff.js";
import type { LiveSocket } from "./port.js";
import { WireError } from "./json.js";
import { type Page, parseFrame } from "./wire.js";

/** So often in a row without a single page, and the socket rests: a proxy on the way does not let it through. */
const MAX_FAILURES = 3;
const REST_MS = 5 * 60_000;
/** No page after hello for so long: the connection is taken as dead. */
const HELLO_MS = 10_000;
/** The server speaks every half minute even when nothing is new: a line that is silent for longer is dead without knowing it. */
const SILENT_MS = 75_000;

export class Line {
  private failures = 0;
  private retryAt = 0;
  private readonly backoff: Backoff;

  constructor(private readonly random: () => number) {
    this.backoff = new Backoff(random);
  }

  /** Milliseconds until the socket is tried (again); 0: now. */
  get pause(): number {
    return Math.max(0, this.retryAt - Date.now());
  }

  /** Try at once: the network came back, or another person is logged in. */
  reset(): void {
    this.failures = 0;
    this.retryAt = 0;
    this.backoff.reset();
  }

  ended(worked: boolean): void {
    if (worked) this.reset();
    else this.failures += 1;
    const rests = this.failures >= MAX_FAILURES;
    this.retryAt = Date.now() + (rests ? REST_MS * (0.8 + 0.4 * this.random()) : this.backoff.next());
    if (rests) this.failures = 0;
  }
}

export interface Hello {
  readonly sender: string;
  readonly token: string;
  readonly after: number;
}

/** What ended a socket: `worked` when at least one page came, and the server's code when it said one. */
export interface Ending {
  readonly worked: boolean;
  readonly error: string | null;
}

export class Live {
  private worked = false;
  private error: string | null = null;
  private finish: (ending: Ending) => void = () => undefined;

  constructor(private readonly socket: LiveSocket) {}

  /** `page` may call `close`. */
  async listen(hello: Hello, page: (page: Page) => void): Promise<Ending> {
    const { socket } = this;
    return new Promise((resolve) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const listenFor = (ms: number): void => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          this.close();
        }, ms);
      };
      listenFor(HELLO_MS);
      this.finish = (ending): void => {
        clearTimeout(timer);
        socket.onopen = socket.onmessage = socket.onclose = null;
        resolve(ending);
      };
      socket.onopen = (): void => {
        socket.send(JSON.stringify({ type: "hello", ...hello }));
      };
      socket.onclose = (): void => {
        this.finish({ worked: this.worked, error: this.error });
      };
      socket.onmessage = ({ data }): void => {
        listenFor(SILENT_MS); // first: a page may end it all
        this.take(String(data), page);
      };
    });
  }

  acknowledge(delivered: number, read: number): void {
    if (this.worked) this.socket.send(JSON.stringify({ type: "ack", delivered, read }));
  }

  close(): void {
    const ending = { worked: this.worked, error: this.error };
    this.worked = false; // nothing is sent any more
    this.socket.close();
    this.finish(ending); // a dead connection may never report its end
  }

  private take(data: string, page: (page: Page) => void): void {
    try {
      const frame = parseFrame(data);
      if ("error" in frame) {
        this.error = frame.error;
        return;
      }
      this.worked = true;
      page(frame);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.close();
    }
  }
}
