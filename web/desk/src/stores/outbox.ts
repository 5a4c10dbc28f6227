/** Replies on their way to the server. Each carries an id, so sending it again never doubles it. */

import { DeskError } from "@/api/client";
import { Backoff } from "@/backoff";

/** waiting: nobody answered, or the login ended; it goes out by itself later. failed: refused, the agent decides. */
export interface Outgoing {
  readonly messageId: string;
  readonly text: string;
  state: "sending" | "waiting" | "failed";
  error: unknown;
}

/** What outlives a reload of the page. */
export type Kept = Pick<Outgoing, "messageId" | "text">;

export interface OutboxOptions {
  readonly send: (text: string, messageId: string) => Promise<number>;
  readonly newId: () => string;
  /** Called with the `seq` under which the server keeps the reply. */
  readonly onStored: (seq: number) => Promise<void>;
  readonly onChanged: () => void;
  /** What an earlier life of this page had not got through. */
  readonly kept?: readonly Kept[];
  readonly random?: () => number;
}

/** One at a time and in order; a reply that could not be sent holds back what was written after it. */
export class Outbox {
  readonly items: Outgoing[];
  private working = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly backoff: Backoff;

  constructor(private readonly options: OutboxOptions) {
    this.items = (options.kept ?? []).map(({ messageId, text }) => ({ messageId, text, state: "waiting", error: null }));
    this.backoff = new Backoff(options.random);
  }

  add(text: string): void {
    const behind = this.items.at(-1)?.state ?? "sending";
    this.items.push({ messageId: this.options.newId(), text, state: behind, error: this.items.at(-1)?.error ?? null });
    this.options.onChanged();
    void this.work();
  }

  /** Everything that did not get through is tried again, under the ids that it had. */
  retry(): void {
    clearTimeout(this.timer);
    for (const item of this.items) item.state = "sending";
    this.options.onChanged();
    void this.work();
  }

  /** The text of a reply that shall not be sent any more. */
  discard(messageId: string): string | null {
    const index = this.items.findIndex((item) => item.messageId === messageId && item.state !== "sending");
    const [removed] = index === -1 ? [] : this.items.splice(index, 1);
    this.options.onChanged();
    return removed?.text ?? null;
  }

  async work(): Promise<void> {
    if (this.working) return;
    this.working = true;
    try {
      for (let next = this.items[0]; next?.state === "sending"; next = this.items[0]) if (!(await this.sendOne(next))) break;
    } finally {
      this.working = false;
    }
  }

  private async sendOne(item: Outgoing): Promise<boolean> {
    try {
      const seq = await this.options.send(item.text, item.messageId);
      await this.options.onStored(seq);
      this.items.splice(this.items.indexOf(item), 1);
      this.backoff.reset();
      return true;
    } catch (error) {
      if (!(error instanceof DeskError)) throw error;
      const passing = error.temporary || error.status === 401 || error.status === 429;
      for (const each of this.items) [each.state, each.error] = [passing ? "waiting" : "failed", error];
      if (error.temporary || error.status === 429) this.later();
      return false;
    } finally {
      this.options.onChanged();
    }
  }

  /** The connection coming back is quicker (`retry`); this is for a server that fails while the line to it is fine. */
  private later(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.retry();
    }, this.backoff.next());
  }
}
