/** The customer's own cases: the list, the one that is open, and what they add to it. Nothing of it is stored in the browser. */

import type { Conversation } from "./conversation.js";
import { newId } from "./ids.js";
import { HttpError, NetworkError } from "./port.js";
import type { CasesState } from "./state.js";

export class CaseBook {
  constructor(
    private readonly conversation: Conversation,
    private readonly random: () => number,
  ) {}

  /** Shows the list; what is known of it stays until the answer comes. */
  async list(): Promise<void> {
    this.set({ open: null, detail: null, facts: null });
    await this.reload();
  }

  async open(caseNo: string): Promise<void> {
    this.set({ open: caseNo, detail: null, facts: null });
    await this.reload();
  }

  /** Asks again for what is looked at: the open case, else the list. */
  async reload(): Promise<void> {
    const { open } = this.state;
    await this.ask(async (token, still) => {
      this.set({ state: "loading" });
      const { port } = this.conversation;
      const change = open === null ? { list: await port.cases(token) } : { detail: await port.case(token, open) };
      if (still() && open === this.state.open) this.set({ ...change, state: "idle" });
    });
  }

  /** Adds to the open case. The same words again are a retry of the same request. */
  async addFacts(text: string): Promise<void> {
    const { open, facts } = this.state;
    if (open === null || facts?.state === "sending") return;
    const key = facts?.state === "failed" && facts.text === text ? facts.key : newId(this.random);
    const entry = { key, text, errorCode: null };
    this.set({ facts: { ...entry, state: "sending" } });
    await this.ask(
      async (token, still) => {
        await this.conversation.port.addFacts({ token, caseNo: open, text, key });
        if (!still() || open !== this.state.open) return;
        this.set({ facts: { ...entry, state: "done" } });
        await this.reload();
      },
      (error) => {
        if (open === this.state.open) this.set({ facts: { ...entry, state: "failed", errorCode: error instanceof HttpError ? error.code : null } });
      },
    );
  }

  private get state(): CasesState {
    return this.conversation.state.cases;
  }

  private set(change: Partial<CasesState>): void {
    this.conversation.update({ cases: { ...this.state, ...change } });
  }

  /** Does `work` as the customer who is here now; what comes back for somebody who has left is thrown away. */
  private async ask(
    work: (token: string, still: () => boolean) => Promise<void>,
    failed: (error: HttpError | NetworkError) => void = () => {
      this.set({ state: "failed" });
    },
  ): Promise<void> {
    const { conversation } = this;
    const { token, generation } = conversation;
    if (token === null) return;
    const still = (): boolean => generation === conversation.generation;
    try {
      await work(token, still);
    } catch (error) {
      if (!(error instanceof HttpError) && !(error instanceof NetworkError)) throw error;
      if (!still()) return;
      failed(error);
      if (error instanceof HttpError && error.status === 401) conversation.failed(error); // the login has ended
    }
  }
}
