/** Files on their way to the server. */

import type { Conversation } from "./conversation.js";
import { refusedFile } from "./files.js";
import { HttpError, NetworkError } from "./port.js";
import { newId } from "./ids.js";
import type { UploadEntry } from "./state.js";

export class Uploads {
  private readonly running = new Map<string, AbortController>();

  constructor(
    private readonly conversation: Conversation,
    private readonly random: () => number,
  ) {}

  /** Sends a file, to a case when one is named. Each tab keeps its own; what did not get through is not remembered over a reload. */
  add(file: File, caseNo: string | null = null): void {
    const id = newId(this.random);
    const entry: UploadEntry = { id, file, caseNo, state: "sending", share: 0, errorCode: null, createdAt: new Date().toISOString() };
    const refused = refusedFile(file);
    this.conversation.update({ uploads: [...this.conversation.state.uploads, refused === null ? entry : { ...entry, state: "failed", errorCode: refused }] });
    if (refused === null) void this.sendFile(entry);
  }

  retry(id: string): void {
    const entry = this.conversation.state.uploads.find((upload) => upload.id === id);
    if (entry?.state !== "failed" || refusedFile(entry.file) !== null) return;
    this.set(id, { state: "sending", share: 0, errorCode: null });
    void this.sendFile(entry);
  }

  cancel(id: string): void {
    this.running.get(id)?.abort();
    this.running.delete(id);
    this.conversation.update({ uploads: this.conversation.state.uploads.filter((upload) => upload.id !== id) });
  }

  private async sendFile({ id, file, caseNo }: UploadEntry): Promise<void> {
    const { conversation, running } = this;
    const { generation } = conversation;
    const cancelled = new AbortController();
    running.set(id, cancelled);
    const progress = (share: number): void => {
      if (!cancelled.signal.aborted) this.set(id, { share });
    };
    try {
      const speaker = await conversation.ready();
      if (cancelled.signal.aborted || generation !== conversation.generation) return;
      const token = conversation.readingToken(speaker);
      await conversation.port.upload({ sender: speaker.sender, token, file, messageId: id, caseNo, progress, signal: cancelled.signal });
    } catch (error) {
      if (cancelled.signal.aborted || generation !== conversation.generation) return;
      if (!(error instanceof HttpError) && !(error instanceof NetworkError)) throw error;
      this.set(id, { state: "failed", errorCode: error instanceof HttpError ? error.code : null });
      return;
    } finally {
      running.delete(id);
    }
    if (generation !== conversation.generation) return;
    await (caseNo === null ? conversation.refresh() : conversation.cases.reload()); // its entry takes the place of the upload
    conversation.wake();
    this.conversation.update({ uploads: this.conversation.state.uploads.filter((upload) => upload.id !== id) });
  }

  private set(id: string, change: Partial<UploadEntry>): void {
    this.conversation.update({ uploads: this.conversation.state.uploads.map((upload) => (upload.id === id ? { ...upload, ...change } : upload)) });
  }

  stop(): void {
    this.running.forEach((controller) => {
      controller.abort();
    });
    this.running.clear();
  }
}
