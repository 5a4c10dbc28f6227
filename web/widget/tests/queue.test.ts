import { describe, expect, it } from "vitest";

import type { ChatClient } from "../src/client.js";
import { queuePosition } from "../src/timeline.js";
import { pass, server, widget } from "./harness.js";

const place = ({ state }: ChatClient): number | null => queuePosition(state.messages, state.place);

/** A visitor who was told that they are third. */
async function waiting(sockets: boolean): Promise<ChatClient> {
  const client = widget(null, sockets);
  client.send("转人工");
  await pass(1_500);
  server.conversation("v-1", "visitor-1").owner = "queue";
  server.queuePosition = 3;
  server.say("v-1", "visitor-1", { author: "system", text: "", custom: { type: "handoff", state: "queued", position: 3, reason: null, case_no: null } });
  await pass();
  return client;
}

describe("a place in the queue", () => {
  it.each([false, true])("moves up without a message (over a socket: %s)", async (sockets) => {
    const client = await waiting(sockets);
    expect(place(client)).toBe(3);
    const held = client.state.messages.length;
    for (const position of [2, 1]) {
      server.queuePosition = position;
      server.wake(true);
      await pass();
      expect([place(client), client.state.messages.length]).toEqual([position, held]);
    }
  });

  it("comes from the cards when the server does not say it beside the log", async () => {
    const client = await waiting(true);
    server.queuePosition = null;
    server.say("v-1", "visitor-1", { author: "system", text: "", custom: { type: "handoff", state: "queued", position: 2, reason: null, case_no: null } });
    await pass();
    expect(place(client)).toBe(2);
  });
});
