import type { Conversation } from "./conversation.js";
import { HttpError, NetworkError } from "./port.js";

/** Sends what the borrower says about a human's help. */
export async function rate(conversation: Conversation, handoffId: number, score: number, comment: string): Promise<void> {
  const { speaker, generation, identity } = conversation;
  if (speaker === null) return;
  const set = (state: "sending" | "done" | "failed"): void => {
    if (generation === conversation.generation) conversation.update({ ratings: { ...conversation.state.ratings, [handoffId]: { score, state } } });
  };
  set("sending");
  try {
    await conversation.port.rate({ sender: speaker.sender, token: conversation.readingToken(speaker), handoffId, score, comment });
  } catch (error) {
    if (!(error instanceof HttpError) && !(error instanceof NetworkError)) throw error;
    const known = error instanceof HttpError && error.code === "already_rated"; // on another device
    if (!known) {
      set("failed");
      return;
    }
  }
  conversation.memory.setRating(identity, handoffId, score);
  set("done");
}
