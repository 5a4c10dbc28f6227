import { describe, expect, it } from "vitest";

import type { ChatClient } from "../src/client.js";
import { pass, server, texts, widget } from "./harness.js";

const bot = (text: string): void => {
  server.say("v-1", "visitor-1", { author: "bot", text });
};

/** A visitor who said 你好 and reads over a socket now. */
async function talking(): Promise<ChatClient> {
  const client = widget(null, true);
  client.send("你好");
  await pass();
  expect(server.sockets.at(-1)?.ended).toBe(false);
  return client;
}

describe("reading over the socket", () => {
  it("says the last sequence number held, and asks no long poll while it is open", async () => {
    const client = await talking();
    expect(server.sockets[0]?.hello).toEqual({ type: "hello", sender: "v-1", token: "visitor-1", after: 2 });
    const asked = server.polls.length;
    bot("一");
    await pass(3_600_000);
    expect(texts(client)).toEqual(["你好", "收到：你好", "一"]);
    expect(server.sockets.length).toBe(1);
    expect(server.polls.length).toBe(asked);
  });

  it("misses nothing that was said while it was cut, and doubles nothing", async () => {
    const client = await talking();
    bot("一");
    await pass();
    server.cut();
    bot("二");
    bot("三");
    await pass(5_000);
    bot("四");
    await pass();
    expect(texts(client)).toEqual(["你好", "收到：你好", "一", "二", "三", "四"]);
    expect(server.sockets.length).toBe(2);
    expect(server.sockets[1]?.ended).toBe(false);
  });

  it("notices a line that has died without a word, and brings what was said meanwhile", async () => {
    const client = await talking();
    server.lose();
    bot("一");
    await pass(70_000);
    expect(texts(client)).toEqual(["你好", "收到：你好"]);
    expect(server.sockets.length).toBe(1);
    await pass(10_000);
    expect(texts(client)).toEqual(["你好", "收到：你好", "一"]);
    expect(server.sockets[0]?.ended).toBe(true);
    expect(server.sockets[1]?.hello?.after).toBe(3);
    bot("二");
    await pass();
    expect(texts(client).at(-1)).toBe("二");
  });

  it("shows a page that comes twice once", async () => {
    const client = await talking();
    const [socket] = server.sockets;
    if (socket !== undefined) socket.stutters = true;
    bot("一");
    bot("二");
    await pass();
    expect(texts(client)).toEqual(["你好", "收到：你好", "一", "二"]);
  });

  it("starts over when the server came back with a shorter log", async () => {
    const client = await talking();
    server.cut();
    server.conversation("v-1", "visitor-1").messages.length = 0;
    bot("新的开始");
    await pass(10_000);
    expect(texts(client)).toEqual(["新的开始"]);
  });

  it("keeps what another request brought when an older page comes after it", async () => {
    const client = await talking();
    const [socket] = server.sockets;
    const late = server.page("v-1", "visitor-1", 2);
    client.send("再来");
    await pass();
    socket?.frame({ type: "log", ...late });
    await pass();
    expect(texts(client)).toEqual(["你好", "收到：你好", "再来", "收到：再来"]);
  });

  it("sends a message once when socket and request fail together", async () => {
    const client = await talking();
    server.postFaults.push("cut after");
    client.send("我要还款");
    server.cut();
    await pass(10_000);
    expect(texts(client)).toEqual(["你好", "收到：你好", "我要还款", "收到：我要还款"]);
    expect(new Set(server.posts.map(({ messageId }) => messageId)).size).toBe(2);
  });

  it("ends a socket that says what the contract does not allow, and reads on", async () => {
    const client = await talking();
    server.sockets[0]?.frame({ type: "surprise" });
    bot("一");
    await pass(5_000);
    expect(server.sockets[0]?.ended).toBe(true);
    expect(texts(client).at(-1)).toBe("一");
  });
});

describe("without sockets on the way", () => {
  it("long polls meanwhile, rests after three failures, and tries the socket again later", async () => {
    server.refusesSockets = true;
    const client = widget(null, true);
    client.send("你好");
    await pass(60_000);
    expect(server.sockets.length).toBe(3);
    bot("一");
    await pass(10);
    expect(texts(client).at(-1)).toBe("一");
    server.refusesSockets = false;
    await pass(6 * 60_000);
    expect(server.sockets.length).toBe(4);
    expect(server.sockets[3]?.ended).toBe(false);
    const asked = server.polls.length;
    bot("二");
    await pass();
    expect(texts(client).at(-1)).toBe("二");
    expect(server.polls.length).toBe(asked);
  });
});

describe("acknowledgements", () => {
  it("say over the socket what is held, and what was seen once it was seen", async () => {
    const client = await talking();
    bot("一");
    await pass();
    expect(server.sockets[0]?.acks.at(-1)).toEqual({ delivered: 3, read: 0 });
    client.markRead();
    expect(server.sockets[0]?.acks.at(-1)).toEqual({ delivered: 3, read: 3 });
  });

  it("go by request without a socket", async () => {
    const client = widget();
    client.send("你好");
    await pass();
    client.markRead();
    await pass();
    expect(server.acks.at(-1)).toEqual({ sender: "v-1", delivered: 2, read: 2 });
  });
});

describe("rating", () => {
  it("is sent once and still known after a reload", async () => {
    const client = widget();
    client.send("你好");
    await pass();
    await Promise.all([client.rate(7, 5, "很耐心"), pass()]);
    expect(server.ratings).toEqual([{ sender: "v-1", handoff_id: 7, score: 5, comment: "很耐心" }]);
    expect(widget().state.ratings).toEqual({ 7: { score: 5, state: "done" } });
  });

  it("can be tried again after an error, and counts as done when it was given elsewhere", async () => {
    const client = widget();
    client.send("你好");
    await pass();
    server.rateFaults.push(500, 409);
    await Promise.all([client.rate(7, 4, ""), pass()]);
    expect(client.state.ratings[7]?.state).toBe("failed");
    await Promise.all([client.rate(7, 4, ""), pass()]);
    expect(client.state.ratings[7]?.state).toBe("done");
  });
});
