import { describe, expect, it } from "vitest";

import { stretches } from "../src/cards/evidence.js";
import type { OutboxEntry } from "../src/state.js";
import { codeWanted, distinct, maskCode, pieces, queuePosition, timeline } from "../src/timeline.js";
import { WireError } from "../src/json.js";
import { type LogMessage, parseCard, parsePage } from "../src/wire.js";

let seq = 0;

function message(author: LogMessage["author"], text: string, more: Partial<LogMessage> = {}): LogMessage {
  seq += 1;
  return { seq, author, text, at: "2026-08-10T12:00:00+08:00", buttons: [], card: null, clientId: null, ...more };
}

function entry(text: string, delivery: OutboxEntry["delivery"] = "queued"): OutboxEntry {
  return { clientId: `id-${text}`, text, title: text, createdAt: "2026-08-10T12:00:01+08:00", delivery, errorCode: null };
}

const offer = (): LogMessage => message("bot", "怎么还？", { buttons: [{ title: "按金额还", payload: "/ask_early_repayment" }] });
const active = (messages: LogMessage[], outbox: OutboxEntry[] = []): boolean[] => timeline(messages, outbox).map((item) => item.active);

describe("buttons", () => {
  it("work on the latest message that has them, also with a card after it", () => {
    expect(active([offer(), message("bot", "看卡片")])).toEqual([true, false]);
    expect(active([offer(), offer()])).toEqual([false, true]);
  });

  it("stop working when the borrower has said something, sent or not, but not because of a message that failed", () => {
    expect(active([offer(), message("borrower", "别的")])).toEqual([false, false]);
    expect(active([offer()], [entry("别的")])).toEqual([false, false]);
    expect(active([offer()], [entry("别的", "failed")])).toEqual([true, false]);
  });

  it("show their title in the history, where the log has the payload", () => {
    const shown = timeline([offer(), message("borrower", "/ask_early_repayment"), message("borrower", "/unknown")], []);
    expect(shown.map(({ text }) => text)).toEqual(["怎么还？", "按金额还", "/unknown"]);
  });

  it("that are the same are offered once", () => {
    const same = { title: "转人工", payload: "/request_human" };
    expect(distinct([same, { ...same }, { ...same, title: "人工" }]).length).toBe(2);
  });
});

describe("messages on their way", () => {
  it("are shown after the log, and not again once the log has them", () => {
    const logged = message("borrower", "还款", { clientId: "id-还款" });
    expect(timeline([logged], [entry("还款", "sending"), entry("转人工")]).map(({ text }) => text)).toEqual(["还款", "转人工"]);
    expect(timeline([logged], [])[0]?.key).toBe(timeline([], [entry("还款")])[0]?.key);
  });

  it("say what waits behind a refused one, and what was under way already", () => {
    const held = (outbox: OutboxEntry[]): boolean[] => timeline([], outbox).map((item) => item.held);
    expect(held([entry("一", "taken"), entry("二", "failed"), entry("三"), entry("四")])).toEqual([false, false, true, true]);
    expect(held([entry("一", "sending"), entry("二")])).toEqual([false, false]);
  });

  it("carry a time only at the start and after a pause", () => {
    const shown = timeline([message("bot", "a"), message("bot", "b"), message("bot", "c", { at: "2026-08-10T12:30:00+08:00" })], []);
    expect(shown.map(({ timed, first }) => [timed, first])).toEqual([[true, true], [false, false], [true, true]]);
  });
});

describe("one-time codes", () => {
  const asked = (): LogMessage => message("bot", "验证码", { card: { type: "step_up_required" } });

  it("typed as a message are not shown while one is asked for", () => {
    expect(codeWanted([asked()])).toBe(true);
    expect(codeWanted([asked(), message("borrower", "******")])).toBe(false);
    for (const text of ["123456", "验证码123456", "１２３４５６。"]) expect(maskCode(text, true)).toBe("******");
    expect(maskCode("1234567", true)).toBe("1234567");
    expect(maskCode("123456", false)).toBe("123456");
  });
});

describe("the place in the queue", () => {
  it("is the one told last, and none once somebody has answered", () => {
    const queued = message("bot", "", { card: { type: "handoff", state: "queued", position: 3, reason: null, caseNo: null } });
    const assigned = message("system", "", { card: { type: "handoff", state: "assigned", position: null, reason: null, caseNo: null } });
    expect(queuePosition([queued, message("borrower", "好")])).toBe(3);
    expect(queuePosition([queued, assigned])).toBeNull();
  });

  it("is as the server said on opening, until a later card says otherwise", () => {
    const queued = message("bot", "", { card: { type: "handoff", state: "queued", position: 3, reason: null, caseNo: null } });
    expect(queuePosition([queued], { seq: queued.seq, position: 1 })).toBe(1);
    expect(queuePosition([queued], { seq: queued.seq, position: null })).toBeNull();
    expect(queuePosition([queued], { seq: queued.seq - 1, position: 1 })).toBe(3);
    expect(queuePosition([], { seq: 0, position: 2 })).toBe(2);
  });
});

describe("links in a text of ours", () => {
  const links = (text: string): (string | null)[] => pieces(text).map(({ href }) => href).filter((href) => href !== null);

  it("lead only to our own site over https", () => {
    expect(links("请看 https://suixingjie.example/help?a=1。或 suixingjie.example")).toEqual(["https://suixingjie.example/help?a=1", "https://suixingjie.example/"]);
    expect(links("官网是https://www.suixingjie.example，请认准。")).toEqual(["https://www.suixingjie.example/"]);
  });

  it.each([
    "https://suixingjie.example.evil.com/x",
    "https://suixingjie.example@evil.com",
    "https://evil-suixingjie.example/",
    "https://evil.com/suixingjie.example",
    "http://suixingjie.example/login",
    "https://suixingjie.example:8443/",
    "javascript:alert(1)//suixingjie.example",
    "me@suixingjie.example",
    "https://xn--suixingjie.example/",
  ])("are not made of %s", (text) => {
    expect(links(text)).toEqual([]);
    expect(pieces(text).map((piece) => piece.text).join("")).toBe(text);
  });

  it("never change the text", () => {
    const text = "a suixingjie.example. b https://suixingjie.example/x?y=1. c\n<b>d</b>";
    expect(pieces(text).map((piece) => piece.text).join("")).toBe(text);
  });
});

describe("the evidence's days in words", () => {
  it("join days with the same cause and reasons", () => {
    const day = (date: string, cause: string, reason: string) => ({ date, cause, reasons: [reason] });
    expect(
      stretches([day("2026-08-01", "system", "a"), day("2026-08-02", "system", "a"), day("2026-08-03", "borrower", "b"), day("2026-08-04", "system", "a")]).map(
        ({ from, to, count, cause }) => [from, to, count, cause],
      ),
    ).toEqual([
      ["2026-08-01", "2026-08-02", 2, "system"],
      ["2026-08-03", "2026-08-03", 1, "borrower"],
      ["2026-08-04", "2026-08-04", 1, "system"],
    ]);
  });
});

describe("what comes over the wire", () => {
  it("is refused when it is not the contract", () => {
    expect(() => parsePage({ messages: [], last_seq: "1", owner: "bot" })).toThrow(WireError);
    expect(() => parsePage({ messages: [{ seq: 1, author: "root", at: "x" }], last_seq: 1, owner: "bot" })).toThrow("author root is unknown");
    expect(() => parsePage([])).toThrow(WireError);
  });

  it("becomes an unknown card when the card is new, malformed, or carries money that is no integer", () => {
    expect(parseCard({ type: "hologram" })).toEqual({ type: "unknown" });
    expect(parseCard({ type: "toString" })).toEqual({ type: "unknown" });
    expect(parseCard({ type: "remedy", status: "granted", amount: 1.92 })).toEqual({ type: "unknown" });
    expect(parseCard("text")).toEqual({ type: "unknown" });
    expect(parseCard(null)).toBeNull();
  });

  it("is a message with text, buttons and a card", () => {
    const page = parsePage({
      messages: [{ seq: 4, author: "bot", at: "2026-08-10T12:00:00Z", text: null, buttons: null, custom: { type: "answer", intent: "x" }, client_id: null }],
      last_seq: 4,
      owner: "queue",
    });
    expect(page).toEqual({
      messages: [{ seq: 4, author: "bot", at: "2026-08-10T12:00:00Z", text: "", buttons: [], card: { type: "answer" }, clientId: null }],
      lastSeq: 4,
      queuePosition: null,
      agentReadSeq: 0,
      owner: "queue",
    });
  });
});
