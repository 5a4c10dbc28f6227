import { describe, expect, it } from "vitest";

import type { ChatClient } from "../src/client.js";
import { hasEarlier } from "../src/earlier.js";
import { pass, server, widget } from "./harness.js";

const seqs = (client: ChatClient): number[] => client.state.messages.map(({ seq }) => seq);
const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** Somebody who comes back to a log of ten, of which four are read at once. */
async function back(): Promise<ChatClient> {
  const before = widget();
  before.send("你好");
  await pass();
  before.close();
  for (let i = 3; i <= 10; i += 1) server.say("v-1", "visitor-1", { author: "bot", text: `第${i}条` });
  server.newestFirst = true;
  server.pageSize = 4;
  const client = widget();
  await pass();
  expect(seqs(client)).toEqual([7, 8, 9, 10]);
  expect(hasEarlier(client.state)).toBe(true);
  return client;
}

async function press(client: ChatClient): Promise<number> {
  let shown = 0;
  await Promise.all([client.earlier((count) => (shown = count)), pass()]);
  return shown;
}

describe("the older part of a long log", () => {
  it("is read page by page back to its beginning, and what is new goes on below", async () => {
    const client = await back();
    expect(await press(client)).toBe(4);
    expect(seqs(client)).toEqual(upTo(10, 3));
    server.say("v-1", "visitor-1", { author: "bot", text: "新的" });
    await pass();
    expect(await press(client)).toBe(2);
    expect(seqs(client)).toEqual(upTo(11));
    expect(hasEarlier(client.state)).toBe(false);
    expect(await press(client)).toBe(0);
    expect(server.olderAsked).toEqual([7, 3]);
    expect(client.state.connection).toBe("online");
  });

  it("is asked for once at a time", async () => {
    const client = await back();
    await Promise.all([press(client), press(client)]);
    expect(server.olderAsked).toEqual([7]);
  });

  it("can be asked for again after an error, which says nothing about the rest", async () => {
    const client = await back();
    server.olderFaults.push(503);
    expect(await press(client)).toBe(0);
    expect([client.state.earlier, client.state.connection]).toEqual(["failed", "online"]);
    expect(await press(client)).toBe(4);
    expect(client.state.earlier).toBe("idle");
  });

  it("ends where the server has nothing older, though that is not the first number", async () => {
    const client = await back();
    server.conversation("v-1", "visitor-1").messages.splice(0, 6); // kept no longer
    expect(await press(client)).toBe(0);
    expect(hasEarlier(client.state)).toBe(false);
    expect(seqs(client)).toEqual([7, 8, 9, 10]);
  });

  it("is not shown to the next person who logs in meanwhile", async () => {
    const client = await back();
    const asking = client.earlier(() => undefined);
    client.setToken("token-b");
    await Promise.all([asking, pass()]);
    expect(client.state.messages.every(({ seq }) => seq > 6)).toBe(true);
  });
});
