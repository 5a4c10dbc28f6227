import { describe, expect, it } from "vitest";

import { pass, server, texts, widget } from "./harness.js";

describe("who is talking", () => {
  it("takes the visitor's conversation along at login and leaves none behind at logout", async () => {
    const client = widget();
    client.send("没登录时问的");
    await pass();
    client.setToken("token-a");
    client.send("登录后问的");
    await pass();
    expect(server.posts.map(({ sender, token }) => [sender, token])).toEqual([
      ["v-1", "visitor-1"],
      ["v-1", "token-a"],
    ]);
    expect(texts(client)).toEqual(["没登录时问的", "收到：没登录时问的", "登录后问的", "收到：登录后问的"]);
    client.setToken(null);
    await pass();
    expect(texts(client)).toEqual([]);
    client.send("又没登录");
    await pass();
    expect(server.posts.at(-1)).toMatchObject({ sender: "v-2", token: "visitor-2" });
  });

  it("still hears the human who answers the visitor between login and the next message, over a reload too", async () => {
    const client = widget();
    client.send("转人工");
    await pass();
    client.setToken("token-a");
    server.say("v-1", "visitor-1", { author: "agent", text: "来了" });
    await pass(2_000);
    expect(texts(client).at(-1)).toBe("来了");
    client.close();
    const after = widget("token-a");
    await pass();
    expect(texts(after).at(-1)).toBe("来了");
    after.send("我的账单");
    await pass(2_000);
    expect(texts(after)).toEqual(["转人工", "收到：转人工", "来了", "我的账单", "收到：我的账单"]);
  });

  it("shows the customer's new conversation when the server does not continue the visitor's", async () => {
    const client = widget();
    client.send("没登录时问的");
    await pass();
    server.conversations.delete("v-1");
    client.setToken("token-a");
    client.send("登录后问的");
    await pass(2_000);
    expect(texts(client)).toEqual(["登录后问的", "收到：登录后问的"]);
  });

  it("uses one sender for each customer", async () => {
    const client = widget("token-a");
    client.send("甲");
    await pass();
    client.setToken("token-b");
    client.send("乙");
    await pass();
    expect(server.posts.map(({ sender }) => sender)).toEqual(["v-1", "v-2"]);
  });

  it("sends a message for the person who wrote it, even if somebody else logs in meanwhile", async () => {
    const client = widget("token-a");
    client.send("甲的秘密");
    client.setToken("token-b");
    await pass(5_000);
    expect(server.posts.filter(({ text }) => text === "甲的秘密").map(({ token }) => token)).toEqual(["token-a"]);
    expect(texts(client)).toEqual([]);
  });

  it("says so when the login has expired, keeps the message, and sends it after the next login", async () => {
    const client = widget("header.eyJzdWIiOiJDMTAwMiJ9.one"); // {"sub":"C1002"}
    server.refusedTokens.add("header.eyJzdWIiOiJDMTAwMiJ9.one");
    client.send("我的账单");
    await pass(5_000);
    expect(client.state.connection).toBe("expired");
    expect(texts(client)).toEqual(["我的账单"]);
    client.setToken("header.eyJzdWIiOiJDMTAwMiJ9.two");
    await pass(5_000);
    expect(texts(client)).toEqual(["我的账单", "收到：我的账单"]);
  });

  it("begins a new conversation when the visitor's token ended, without losing the message", async () => {
    const client = widget();
    client.send("你好");
    await pass();
    server.refusedTokens.add("visitor-1");
    client.send("还在吗");
    await pass(5_000);
    expect(texts(client)).toEqual(["还在吗", "收到：还在吗"]);
    expect(server.posts.at(-1)?.sender).toBe("v-2");
  });
});
