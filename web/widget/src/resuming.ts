/** Asks the server which conversation of a customer goes on, before anything is read or sent: it may have begun, or moved on, on another device. */

import type { Conversation } from "./conversation.js";
import { HttpError } from "./port.js";
import type { Resumed } from "./wire.js";

export class Resuming {
  private due = false;
  private asking: Promise<void> | null = null;

  constructor(private readonly conversation: Conversation) {}

  /** The window was opened, the device woke up, or another person is here. */
  renew(): void {
    this.due = this.conversation.token !== null;
    this.asking = null;
  }

  get needed(): boolean {
    return this.due;
  }

  /** Once for each `renew`, also when several wait for it. Raises `HttpError`, `NetworkError`. */
  async settle(): Promise<void> {
    if (!this.due) return;
    const asking = this.asking ?? this.ask();
    this.asking = asking;
    try {
      await asking;
    } catch (error) {
      if (this.asking === asking) this.asking = null; // to be asked again
      throw error;
    }
  }

  private async ask(): Promise<void> {
    const { conversation } = this;
    const { generation, identity, memory, speaker, token } = conversation;
    if (token === null) return;
    const pending = speaker?.pending === true;
    const resumed = await this.answer(token, pending ? null : (speaker?.sender ?? null), pending ? speaker.token : null);
    const moved = resumed !== null && resumed.sender !== speaker?.sender;
    if (moved) {
      if (pending) memory.returnVisitor(identity);
      memory.setSpeaker(identity, { sender: resumed.sender, token: "" });
      memory.setLastRead(identity, 0);
    }
    if (generation !== conversation.generation) return;
    this.due = false;
    if (resumed !== null) conversation.goesOn(resumed);
  }

  private async answer(token: string, sender: string | null, visitorToken: string | null): Promise<Resumed | null> {
    try {
      return await this.conversation.port.resume({ token, sender, visitorToken });
    } catch (error) {
      if (error instanceof HttpError && error.status === 404) return null; // a server that cannot do it yet
      throw error;
    }
  }
}
