import { describe, expect, it } from "vitest";

import { queuePosition } from "../src/timeline.js";
import { elsewhere, pass, server, texts, widget } from "./harness.js";

const READ = ["甲", "收到：甲"];

describe("a customer's second device", () => {
  it("shows the conversation that was begun on the first, with its owner and place in the queue", async () => {
    const first = widget("token-a");
    first.send("甲");
    await pass();
    server.conversation("v-1", "token-a").owner = "queue";
    server.queuePosition = 3;
    server.readSeq = 2;
    const second = elsewhere("token-a");
    await pass();
    expect(texts(second)).toEqual(READ);
    expect(second.state).toMatchObject({ owner: "queue", connection: "online", loading: false });
    expect(queuePosition(second.state.messages, second.state.place)).toBe(3);
    expect(second.lastRead).toBe(2);
  });

  it.each([false, true])("and the first stay in step (over a socket: %s)", async (sockets) => {
    const first = widget("token-a", sockets);
    first.send("甲");
    await pass();
    const second = elsewhere("token-a", sockets);
    await pass();
    second.send("乙");
    await pass();
    first.send("丙");
    await pass();
    const said = [...READ, "乙", "收到：乙", "丙", "收到：丙"];
    expect(texts(first)).toEqual(said);
    expect(texts(second)).toEqual(said);
    expect(server.visitors).toBe(1);
    expect(new Set(server.posts.map(({ sender }) => sender))).toEqual(new Set(["v-1"]));
  });

  it("sends what was said at once into that conversation, not into a new one", async () => {
    const first = widget("token-a");
    first.send("甲");
    await pass();
    const second = elsewhere("token-a");
    second.send("乙");
    await pass();
    expect(texts(second)).toEqual([...READ, "乙", "收到：乙"]);
    expect(server.visitors).toBe(1);
  });

  it("asks again after an outage, and meanwhile neither shows nor begins anything", async () => {
    const first = widget("token-a");
    first.send("甲");
    await pass();
    server.resumeFaults.push("cut before", 503);
    const second = elsewhere("token-a");
    second.send("乙");
    await pass(10);
    expect(second.state.connection).toBe("offline");
    await pass(20_000);
    expect(texts(second)).toEqual([...READ, "乙", "收到：乙"]);
    expect(server.visitors).toBe(1);
  });

  it("says so when the login has ended, and goes on with the next token", async () => {
    const first = widget("x.eyJzdWIiOiJDMTAwMiJ9.one"); // {"sub":"C1002"}
    first.send("甲");
    await pass();
    server.refusedTokens.add("x.eyJzdWIiOiJDMTAwMiJ9.old");
    const second = elsewhere("x.eyJzdWIiOiJDMTAwMiJ9.old");
    await pass();
    expect(second.state.connection).toBe("expired");
    second.setToken("x.eyJzdWIiOiJDMTAwMiJ9.one");
    await pass();
    expect(texts(second)).toEqual(READ);
  });

  it("begins a conversation with the first message when there is none, also at a server that cannot resume", async () => {
    server.resumeFaults.push(404);
    for (const token of ["token-a", "token-b"]) {
      const client = elsewhere(token);
      await pass();
      expect(client.state).toMatchObject({ loading: false, connection: "new", messages: [] });
      client.send("甲");
      await pass();
      expect(texts(client)).toEqual(READ);
    }
    expect(server.visitors).toBe(2);
  });
});

describe("which conversation goes on", () => {
  it("is looked for each time the window is opened, and not while it is closed", async () => {
    const first = widget("token-a");
    first.send("甲");
    await pass();
    first.markRead();
    first.watch(false);
    server.say("v-7", "token-a", { author: "bot", text: "在别处说的" });
    const asked = server.resumes.length;
    await pass(120_000);
    expect(server.resumes.length).toBe(asked);
    first.watch(true);
    await pass();
    expect(server.resumes.at(-1)).toMatchObject({ sender: "v-1", token: "token-a" });
    expect(texts(first)).toEqual(["在别处说的"]);
    first.send("乙");
    await pass();
    expect(server.posts.at(-1)?.sender).toBe("v-7");
    expect(first.lastRead).toBe(0);
  });

  it("is not asked by visitors", async () => {
    const client = widget();
    client.send("甲");
    await pass();
    client.watch(false);
    client.watch(true);
    client.reconnect();
    await pass();
    expect(server.resumes).toEqual([]);
  });

  it("is the dialogue from before login when that is newer", async () => {
    const phone = widget("token-a");
    phone.send("甲");
    await pass();
    const desk = elsewhere(null);
    desk.send("没登录时问的");
    await pass();
    desk.setToken("token-a");
    await pass();
    expect(server.resumes.at(-1)).toEqual({ visitor_token: "visitor-2", token: "token-a" });
    desk.send("登录后问的");
    await pass();
    expect(texts(desk)).toEqual(["没登录时问的", "收到：没登录时问的", "登录后问的", "收到：登录后问的"]);
    phone.reconnect();
    await pass();
    expect(texts(phone)).toEqual(texts(desk));
  });

  it("is the customer's when that is newer, and the visitor's stays the visitor's", async () => {
    const desk = elsewhere(null);
    desk.send("没登录时问的");
    await pass();
    await pass(1_000);
    const phone = widget("token-a");
    phone.send("甲");
    await pass();
    desk.setToken("token-a");
    await pass();
    expect(texts(desk)).toEqual(READ);
    desk.send("乙");
    await pass();
    expect(server.posts.at(-1)).toMatchObject({ sender: "v-2", token: "token-a", text: "乙" });
    desk.setToken(null);
    await pass();
    expect(texts(desk)).toEqual(["没登录时问的", "收到：没登录时问的"]);
    desk.send("又没登录");
    await pass();
    expect(server.posts.at(-1)).toMatchObject({ sender: "v-1", token: "visitor-1" });
  });

  it("is nothing to the person who logs in while the answer is on its way", async () => {
    const first = widget("token-a");
    first.send("甲");
    await pass();
    server.say("v-1", "token-a", { author: "agent", text: "又一句" });
    const second = elsewhere("token-b");
    second.send("乙");
    await pass();
    let answer = (): void => undefined;
    server.slowly = new Promise<void>((resolve) => {
      answer = resolve;
    });
    second.setToken("token-a");
    await pass();
    second.setToken("token-b");
    answer();
    await pass();
    expect(texts(second)).toEqual(["乙", "收到：乙"]);
    expect(second.state.place).toMatchObject({ seq: 2 });
    second.setToken("token-a");
    await pass();
    expect(texts(second)).toEqual([...READ, "又一句"]);
  });
});
