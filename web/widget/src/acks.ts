/** Tells the server what this client holds and what the borrower has seen. */

import type { Conversation } from "./conversation.js";
import { HttpError, NetworkError } from "./port.js";

export class Acks {
  /** What the server was told last. */
  private acked = { delivered: 0, read: 0 };
  private acking = false;

  constructor(private readonly conversation: Conversation) {}

  /** Another log begins. */
  reset(): void {
    this.acked = { delivered: 0, read: 0 };
  }

  /** Tells the server what is held and what was seen; over the socket when there is one. A lost one is made good by the next. */
  send(): void {
    const { conversation } = this;
    const { speaker, generation, live, lastSeq: delivered } = conversation;
    const read = Math.min(conversation.lastRead, delivered);
    if (speaker === null || (delivered <= this.acked.delivered && read <= this.acked.read)) return;
    if (live !== null) {
      this.acked = { delivered, read };
      live.acknowledge(delivered, read);
      return;
    }
    if (this.acking) return;
    this.acking = true;
    const done = (acked: boolean): void => {
      this.acking = false;
      if (generation !== conversation.generation) return;
      if (acked) {
        this.acked = { delivered, read };
        this.send();
      }
    };
    conversation.port.acknowledge({ sender: speaker.sender, token: conversation.readingToken(speaker), delivered, read }).then(
      () => {
        done(true);
      },
      (error: unknown) => {
        done(false);
        if (!(error instanceof HttpError) && !(error instanceof NetworkError)) throw error;
      },
    );
  }
}
