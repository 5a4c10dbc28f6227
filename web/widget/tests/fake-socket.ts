/** The server's end of `/chat/socket` in memory. */

import type { LiveSocket } from "../src/port.js";
import type { FakeServer } from "./fake-server.js";

/** The real one speaks so often even when nothing is new. */
const SPEAKS_MS = 30_000;

export class FakeSocket implements LiveSocket {
  onopen: LiveSocket["onopen"] = null;
  onmessage: LiveSocket["onmessage"] = null;
  onclose: LiveSocket["onclose"] = null;
  hello: Hello | null = null;
  readonly acks: Omit<Ack, "sender">[] = [];
  /** Sends every page twice. */
  stutters = false;
  ended = false;
  lost = false;
  private after = 0;

  constructor(private readonly server: FakeServer) {
    setTimeout(() => {
      if (this.ended) return;
      if (server.refusesSockets) this.end();
      else this.onopen?.call(this as unknown as WebSocket, new Event("open"));
    }, 1);
  }

  send(data: string): void {
    if (this.ended) throw new Error("the socket has ended");
    if (this.lost) return;
    const frame = JSON.parse(data) as Hello | (Omit<Ack, "sender"> & { readonly type: "ack" });
    if (frame.type === "ack") {
      this.acks.push({ delivered: frame.delivered, read: frame.read });
      return;
    }
    this.hello = frame;
    this.after = frame.after;
    setTimeout(() => {
      this.push(true);
    }, 1);
    setInterval(() => {
      this.push(true);
    }, SPEAKS_MS);
  }

  push(always = false): void {
    if (this.ended || this.lost || this.hello === null) return;
    const page = this.server.page(this.hello.sender, this.hello.token, this.after);
    if (page.messages.length === 0 && !always) return;
    this.after = page.last_seq;
    for (let i = 0; i < (this.stutters ? 2 : 1); i += 1) this.frame({ type: "log", ...page });
  }

  frame(body: object): void {
    this.onmessage?.call(this as unknown as WebSocket, { data: JSON.stringify(body) } as MessageEvent);
  }

  close(): void {
    this.ended = true;
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.onclose?.call(this as unknown as WebSocket, {} as CloseEvent);
  }
}

interface Hello {
  readonly type: "hello";
  readonly sender: string;
  readonly token: string;
  readonly after: number;
}

export interface Ack {
  readonly sender: string;
  readonly delivered: number;
  readonly read: number;
}
