/** The older part of a log: the server gives the newest first, and what was said before it when asked. */

import type { Conversation } from "./conversation.js";
import { HttpError, NetworkError } from "./port.js";
import type { ChatState } from "./state.js";

/** A log begins with 1; or where the server has said that nothing is older. */
export const hasEarlier = ({ messages: [first], beginsAt }: ChatState): boolean => first !== undefined && first.seq > 1 && first.seq !== beginsAt;

/** Puts what came before the first message that is held above it. `shown` is told how many, before they are drawn. */
export async function earlier(conversation: Conversation, shown: (count: number) => void): Promise<void> {
  const { speaker, generation, state } = conversation;
  const before = state.messages[0]?.seq;
  if (speaker === null || before === undefined || state.earlier === "loading" || !hasEarlier(state)) return;
  conversation.update({ earlier: "loading" });
  try {
    const page = await conversation.port.earlier({ sender: speaker.sender, token: conversation.readingToken(speaker), before });
    const { messages } = conversation.state;
    const same = generation === conversation.generation && speaker.sender === conversation.speaker?.sender && messages[0]?.seq === before;
    const older = same ? page.messages.filter(({ seq }) => seq < before) : [];
    conversation.update({ earlier: "idle", messages: [...older, ...messages], ...(same && older.length === 0 ? { beginsAt: before } : {}) });
    if (older.length > 0) shown(older.length);
  } catch (error) {
    conversation.update({ earlier: generation === conversation.generation ? "failed" : "idle" });
    if (!(error instanceof HttpError) && !(error instanceof NetworkError)) throw error;
  }
}
