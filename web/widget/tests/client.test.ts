import { describe, expect, it } from "vitest";

import type { ChatClient } from "../src/client.js";
import { pass, server, storedKeys, texts, widget } from "./harness.js";

const outbox = (client: ChatClient): unknown[] => client.state.outbox.map(({ text, delivery, errorCode }) => [text, delivery, errorCode]);
/** What reached the server, in its order. */
const said = (): unknown[] => [...server.conversations.values()].flatMap(({ messages }) => messages.filter(({ author }) => author === "borrower").map(({ text }) => text));

describe("sending", () => {
  it("makes a visitor with the first message and shows the question once with its answer", async () => {
    const client = widget();
    expect(server.visitors).toBe(0);
    client.send("怎么提前还款");
    await pass();
    expect(server.visitors).toBe(1);
    expect(texts(client)).toEqual(["怎么提前还款", "收到：怎么提前还款"]);
    expect(client.state.outbox).toEqual([]);
    expect(client.state.connection).toBe("online");
  });

  it("sends again under the same id when the answer was lost, and nothing is doubled", async () => {
    const client = widget();
    server.postFaults.push("cut after", "cut before");
    client.send("我要还款");
    await pass(10_000);
    expect(server.posts.length).toBe(3);
    expect(new Set(server.posts.map(({ messageId }) => messageId)).size).toBe(1);
    expect(texts(client)).toEqual(["我要还款", "收到：我要还款"]);
  });

  it("keeps the order: a later message waits until the earlier one was taken", async () => {
    const client = widget();
    server.postFaults.push("cut before", 503);
    client.send("第一句");
    client.send("第二句");
    client.send("第三句");
    await pass(20_000);
    const taken = [...server.conversations.values()].flatMap(({ messages }) => messages).filter(({ author }) => author === "borrower");
    expect(taken.map(({ text }) => text)).toEqual(["第一句", "第二句", "第三句"]);
  });

  it("holds back what was written after a message that the server refuses, until the borrower sends it again", async () => {
    const client = widget();
    server.postFaults.push(413);
    client.send("太长的话");
    client.send("确认");
    await pass(120_000);
    expect(outbox(client)).toEqual([
      ["太长的话", "failed", "message_too_long"],
      ["确认", "queued", null],
    ]);
    client.send("还在吗");
    await pass(120_000);
    expect(server.posts.length).toBe(1);
    client.retry(client.state.outbox[0]?.clientId ?? "");
    await pass();
    expect(client.state.outbox).toEqual([]);
    expect(said()).toEqual(["太长的话", "确认", "还在吗"]);
  });

  it("goes on with what was written after it when a refused message is deleted", async () => {
    const client = widget();
    server.postFaults.push(413);
    client.send("太长的话");
    client.send("短的");
    await pass();
    client.discard(client.state.outbox[0]?.clientId ?? "");
    await pass();
    expect(said()).toEqual(["短的"]);
    expect(client.state.outbox).toEqual([]);
    expect(storedKeys("/outbox/")).toEqual([]);
  });

  it.each([408, 425, 500, 502, 503, 504])("waits out a server that answers %i, however long, and keeps the order", async (status) => {
    const client = widget();
    server.postFaults.push(...Array.from({ length: 60 }, () => status));
    client.send("还320元");
    client.send("确认");
    await pass(20 * 60_000);
    expect(outbox(client)).toEqual([
      ["还320元", "queued", "trouble"],
      ["确认", "queued", null],
    ]);
    expect(new Set(server.posts.map(({ messageId }) => messageId)).size).toBe(1);
    server.postFaults.length = 0;
    await pass(40_000);
    expect(said()).toEqual(["还320元", "确认"]);
  });

  it("lets the borrower delete a message that always meets an error, and goes on with the next", async () => {
    const client = widget();
    server.postFaults.push(500, 500, 500);
    client.send("倒霉的一句");
    client.send("转人工");
    await pass(5_000);
    expect(server.posts.length).toBe(3);
    client.discard(client.state.outbox[0]?.clientId ?? "");
    await pass();
    expect(said()).toEqual(["转人工"]);
    expect(storedKeys("/outbox/")).toEqual([]);
  });

  it("gives up on a message when every new conversation is refused as well", async () => {
    const client = widget();
    server.postFaults.push(...Array.from({ length: 6 }, () => 404));
    client.send("没人认识我");
    await pass(200_000);
    expect(outbox(client)).toEqual([["没人认识我", "failed", "trouble"]]);
    expect(server.posts.length).toBe(6);
  });

  it("waits as long as the server asks when there were too many messages", async () => {
    const client = widget();
    server.postFaults.push(429);
    client.send("快快快");
    await pass(6_900);
    expect(server.posts.length).toBe(1);
    await pass(200);
    expect(server.posts.length).toBe(2);
    expect(texts(client)).toEqual(["快快快", "收到：快快快"]);
  });

  it("does not ask sooner because something else was written or the page was looked at", async () => {
    const client = widget();
    server.postFaults.push(429);
    client.send("快快快");
    await pass(2_000);
    client.send("快");
    client.wake();
    await pass(4_900);
    expect(server.posts.length).toBe(1);
    await pass(300);
    expect(said()).toEqual(["快快快", "快"]);
  });

  it("takes a connection on which nobody answers as dead and tries again", async () => {
    const client = widget();
    server.postFaults.push("silent");
    client.send("在吗");
    await pass(19_000);
    expect(client.waiting).toBe(true);
    await pass(3_000);
    expect(texts(client)).toEqual(["在吗", "收到：在吗"]);
    expect(client.waiting).toBe(false);
  });
});

describe("the queue of unsent messages", () => {
  it("survives a reload and then sends under the ids from before", async () => {
    server.postFaults.push("cut after");
    const before = widget();
    before.send("离线写的");
    await pass(100);
    before.close();
    const after = widget();
    expect(texts(after)).toEqual(["离线写的"]);
    await pass(5_000);
    expect(new Set(server.posts.map(({ messageId }) => messageId)).size).toBe(1);
    expect(texts(after)).toEqual(["离线写的", "收到：离线写的"]);
    expect(storedKeys("/outbox/")).toEqual([]);
  });

  it("never writes a one-time code to storage", async () => {
    server.postFaults.push("cut before");
    const client = widget();
    client.send("123456", { title: "******", secret: true });
    expect(storedKeys("/outbox/")).toEqual([]);
    expect(texts(client)).toEqual(["******"]);
    await pass(3_000);
    expect(server.posts.at(-1)?.text).toBe("123456");
  });

  it("is not sent for the next person who logs in on the same phone", async () => {
    const client = widget("token-a");
    server.postFaults.push("cut before");
    client.send("甲的话");
    await pass(100);
    client.setToken("token-b");
    client.send("乙的话");
    await pass(10_000);
    expect(server.posts.filter(({ token }) => token === "token-b").map(({ text }) => text)).toEqual(["乙的话"]);
    client.setToken("token-a");
    await pass(10_000);
    expect(texts(client)).toEqual(["甲的话", "收到：甲的话"]);
  });
});

describe("reading the log", () => {
  it("shows the history after a reload, also more than one page of it", async () => {
    const first = widget();
    first.send("你好");
    await pass();
    for (let i = 0; i < 5; i += 1) server.say("v-1", "visitor-1", { author: "bot", text: `第${i}条` });
    first.close();
    server.pageSize = 3;
    const second = widget();
    expect(second.state.loading).toBe(true);
    await pass();
    expect(second.state.loading).toBe(false);
    expect(texts(second)).toEqual(["你好", "收到：你好", "第0条", "第1条", "第2条", "第3条", "第4条"]);
  });

  it("shows a message once that comes twice", async () => {
    server.stutters = true;
    const client = widget();
    client.send("你好");
    await pass();
    expect(texts(client)).toEqual(["你好", "收到：你好"]);
  });

  it("shows what a human says at once through the long poll", async () => {
    const client = widget();
    client.send("转人工");
    await pass();
    server.conversation("v-1", "visitor-1").owner = "agent";
    server.say("v-1", "visitor-1", { author: "agent", text: "您好，我是客服" });
    await pass(1);
    expect(texts(client).at(-1)).toBe("您好，我是客服");
    expect(client.state.owner).toBe("agent");
  });

  it("keeps reading while the window is closed when a human is on the other side, and stops when it is the bot", async () => {
    const client = widget();
    client.send("转人工");
    await pass();
    server.conversation("v-1", "visitor-1").owner = "agent";
    server.say("v-1", "visitor-1", { author: "agent", text: "在的" });
    await pass();
    client.watch(false);
    server.say("v-1", "visitor-1", { author: "agent", text: "还在吗" });
    await pass();
    expect(texts(client).at(-1)).toBe("还在吗");
    server.conversation("v-1", "visitor-1").owner = "bot";
    server.say("v-1", "visitor-1", { author: "system", text: "交还" });
    await pass();
    const asked = server.polls.length;
    await pass(60_000);
    expect(server.polls.length).toBe(asked);
  });

  it("can leave the queue, and hears from the log that the bot is back", async () => {
    const client = widget();
    client.send("转人工");
    await pass();
    server.conversation("v-1", "visitor-1").owner = "queue";
    server.say("v-1", "visitor-1", { author: "system", text: "排队中" });
    await pass();
    expect(client.state.owner).toBe("queue");
    await Promise.all([client.leaveQueue(), client.leaveQueue(), pass()]);
    expect(client.state.owner).toBe("bot");
    expect(client.state.connection).toBe("online");
    expect(texts(client).slice(-2)).toEqual(["排队中", "好的，先不排了"]);
  });

  it("comes back by itself after the server was away, with growing pauses", async () => {
    const client = widget();
    client.send("你好");
    await pass();
    server.pollFaults.push("cut before", "cut before", "cut before");
    server.say("v-1", "visitor-1", { author: "system", text: "x" }); // ends the present long poll
    await pass(10);
    expect(client.state.connection).toBe("offline");
    server.say("v-1", "visitor-1", { author: "bot", text: "迟到的话" });
    const asked = server.polls.length;
    await pass(2_900); // pauses of 1 and 2 seconds
    expect(server.polls.length - asked).toBe(1);
    await pass(5_000);
    expect(client.state.connection).toBe("online");
    expect(texts(client).filter((text) => text === "迟到的话")).toEqual(["迟到的话"]);
  });

  it("tries at once when the network comes back", async () => {
    const client = widget();
    client.send("你好");
    await pass();
    server.pollFaults.push("cut before", "cut before", "cut before", "cut before", "cut before", "cut before");
    client.disconnected();
    expect(client.state.connection).toBe("offline");
    await pass(31_000);
    server.pollFaults.length = 0;
    client.wake();
    await pass(1);
    expect(client.state.connection).toBe("online");
  });

  it("starts over when the server's log is shorter than ours", async () => {
    const client = widget();
    client.send("一");
    client.send("二");
    await pass();
    server.conversation("v-1", "visitor-1").messages.length = 0;
    server.say("v-1", "visitor-1", { author: "bot", text: "新的开始" });
    await pass(60_000);
    expect(texts(client)).toEqual(["新的开始"]);
  });

  it("does not ask without pause when the server answers long polls at once with nothing", async () => {
    const client = widget();
    client.send("你好");
    await pass();
    server.impatient = true;
    client.wake();
    const asked = server.polls.length;
    await pass(60_000);
    expect(server.polls.length - asked).toBeLessThanOrEqual(61);
  });
});
