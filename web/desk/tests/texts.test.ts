import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { DeskError } from "../src/api/client";
import { actionWords, detailWords } from "../src/audit";
import { latestCard, promises } from "../src/packet";
import { stretches } from "../src/cards/read";
import { complete, emptyForm, fieldsOf } from "../src/commands";
import { day, dayAndTime, daysUntil, duration, fen, money, today } from "../src/format";
import { gapsIn, inserted } from "../src/placeholders";
import { problem } from "../src/problems";
import { keyOf } from "../src/shortcuts";
import type { Message } from "../src/timeline";
import { deadlineTone, waitingTone } from "../src/tones";

describe("placeholders", () => {
  it.each([
    ["您好", []],
    ["{customer_name}您好，{case_no}…{customer_name}", ["customer_name", "case_no"]],
    ["{} { a } {中文名} {x-y}", []],
  ])("finds the gaps of %s", (text, gaps) => {
    expect(gapsIn(text)).toEqual(gaps);
  });

  it("puts a canned answer where the caret is and selects its first gap", () => {
    const { text, caret } = inserted("您好，。", "编号{case_no}，请稍等", 3, 3);
    expect(text).toBe("您好，编号{case_no}，请稍等。");
    expect(text.slice(...caret)).toBe("{case_no}");
    const plain = inserted("abc", "X", 1, 2);
    expect([plain.text, ...plain.caret]).toEqual(["aXc", 2, 2]);
  });
});

describe("figures", () => {
  it.each([
    [0, "¥0.00"],
    [7, "¥0.07"],
    [32_067, "¥320.67"],
    [-5, "-¥0.05"],
    [1_000_000_000, "¥10000000.00"],
  ])("writes %i 分 as %s and reads it back", (amount, text) => {
    expect(money(amount)).toBe(text);
    if (amount >= 0 && amount < 1e11) expect(fen(text)).toBe(amount);
  });

  it.each(["", "1.234", "-1", "1,000", "一百", "1e3", ".5"])("takes %j for no amount", (text) => {
    expect(fen(text)).toBeNull();
  });

  it("counts calendar days in Shanghai, not hours", () => {
    expect(today(new Date("2026-08-22T15:59:59Z"))).toBe("2026-08-22");
    expect(today(new Date("2026-08-22T16:00:00Z"))).toBe("2026-08-23");
    expect([daysUntil("2026-08-25", "2026-08-22"), daysUntil("2026-08-22", "2026-08-22"), daysUntil("2026-03-01", "2026-08-22")]).toEqual([3, 0, -174]);
  });

  it.each([
    [3.9, "3秒"],
    [200, "3分20秒"],
    [3600, "1小时"],
    [7500, "2小时5分"],
    [97_200, "1天3小时"],
    [-4, "0秒"],
  ])("says %d seconds as %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it("says days and times as in Shanghai", () => {
    expect([day("2026-08-10"), dayAndTime("2026-08-09T16:05:00Z")]).toEqual(["8月10日", "8月10日 00:05"]);
  });

  it("colours deadlines and waits by how near they are", () => {
    expect([4, 3, 1, 0, -2].map(deadlineTone)).toEqual(["plain", "wait", "wait", "bad", "bad"]);
    expect([119, 120, 300].map(waitingTone)).toEqual(["plain", "wait", "bad"]);
  });
});

describe("refusals", () => {
  it.each([
    [new DeskError(429, "login_locked", { retry_after: 900 }), "密码错误次数过多，账号已锁定，请15分后再试。"],
    [new DeskError(409, "desk_full", { most: 5 }), "您同时接待的会话已达上限（5个），请先结束一些。"],
    [new DeskError(400, "invalid_remedy_amount", { most: 192 }), "金额超出可退减的范围，最多 ¥1.92。"],
    [new DeskError(403, "daily_remedy_limit", { needs: "admin" }), "超出当日退减额度：需要管理员审批。"],
    [new DeskError(409, "never_heard_of"), "数据刚刚被别人改过，请刷新后再试。"],
    [new DeskError(503, "never_heard_of"), "系统暂时不可用，请稍后再试。"],
    [new DeskError(0, "no_answer"), "连接不上服务器，请检查网络后重试。"],
  ])("%s is said in Chinese", (error, text) => {
    expect(problem(error)).toBe(text);
  });

  it("knows every code that the desk's API documents", () => {
    const schema = readFileSync(new URL("../src/api/schema.d.ts", import.meta.url), "utf8");
    const documented = new Set([...schema.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map((match) => match[1] ?? ""));
    const codes = readFileSync(new URL("../src/texts/errors.ts", import.meta.url), "utf8");
    const written = [...schema.matchAll(/@description[^@]*?\b(?:40[0-9]|4[12]\d)\b[^@]*/g)].flatMap(([text]) => [...text.matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map((match) => match[1] ?? ""));
    const known = (code: string): boolean => codes.includes(`  ${code}: `);
    const notCodes = new Set(["csrf_token", "next_cursor", "credit_correction", "for_borrower", "another_day"]);
    expect(documented.size).toBeGreaterThan(20);
    expect([...new Set(written)].filter((code) => !known(code) && !notCodes.has(code))).toEqual([]);
  });
});

describe("the packet", () => {
  const said = (seq: number, custom: Record<string, unknown> | null, author: Message["author"] = "bot"): Message => ({ seq, author, at: "", text: null, buttons: null, custom, message_id: null });

  it("tells what the bot promised, each once, and nothing that was refused", () => {
    const opened = { type: "case", case_no: "C-1", decide_by: "2026-09-06", next_update_by: "2026-08-25" };
    const log = [
      said(1, opened),
      said(2, opened),
      said(3, { type: "remedy", status: "granted", amount: 192 }),
      said(4, { type: "remedy", status: "rejected", amount: 500 }),
      said(5, { type: "scheduled_repayment", status: "refused", amount: 1, execute_on: "2026-08-25" }),
      said(6, { type: "handoff", state: "offline" }),
      said(7, { type: "handoff", state: "offline" }, "borrower"),
    ];
    expect(promises(log)).toEqual(["8月25日前告知案件C-1进展", "案件C-1最晚9月6日答复", "退减¥1.92（已退减）", "服务时间内联系客户"]);
    expect(latestCard(log, "remedy")?.["amount"]).toBe(500);
    expect(latestCard(log, "evidence")).toBeNull();
  });

  it("joins days of the same cause and reasons", () => {
    const days = ["11", "12", "13"].map((date) => ({ date: `2026-08-${date}`, cause: date === "13" ? "borrower" : "system", reasons: ["r"] }));
    expect(stretches(days).map(({ date, to, count, cause }) => [date, to, count, cause])).toEqual([
      ["2026-08-11", "2026-08-12", 2, "system"],
      ["2026-08-13", "2026-08-13", 1, "borrower"],
    ]);
  });
});

describe("the audit trail", () => {
  const entry = (action: string, details: Record<string, unknown>): Parameters<typeof detailWords>[0] => ({ action, details }) as never;

  it.each([
    ["evidence.examined", { instalment: 5, outcome: "mixed", days: 7 }, ["第5期", "判定 两方都有", "7天"]],
    ["transcript.viewed", { first: 1, last: 11 }, ["第1至11条消息"]],
    ["transcript.viewed", { first: 13, last: 13 }, ["第13条消息"]],
    ["conversation.claimed", { reason: "asked" }, ["原因 要求人工"]],
    ["case.proposed", { number: 4, kind: "dispute", audience: "internal", amount: 5, automatic: false }, ["事件 4", "类型 费用异议", "可见 内部", "金额 ¥0.05", "自动 否"]],
    ["audit.searched", { action: "case.decided", first: "2026-08-01", entries: 3 }, ["动作 案件 · 结论", "起 8月1日", "条数 3"]],
    ["account.changed", { agent: "A2001", former_role: "agent", role: "supervisor", skills: ["fraud", "complaints"], renamed: true }, ["工号 A2001", "原角色 客服", "角色 主管", "技能 反诈、投诉处理", "改名 是"]],
    ["loan.schedule_repayment", { result: "S-1", execute_on: "2026-08-25", payment_no: null }, ["编号 S-1", "扣款日 8月25日"]],
  ])("says %s in words", (action, details, words) => {
    expect(detailWords(entry(action, details))).toEqual(words);
  });

  it("names what was done, and shows a code that nobody has named", () => {
    expect(["desk.searched", "case.decided", "conversation.noted", "never.heard"].map(actionWords)).toEqual(["搜索", "案件 · 结论", "写内部备注", "never.heard"]);
    expect(["case.viewed", "case.number_revealed", "attachment.viewed", "remediation.downloaded"].map(actionWords), "looks are no events of a thread").toEqual([
      "查看案件",
      "查看回拨电话",
      "查看附件",
      "下载补救名单",
    ]);
  });
});

describe("commands", () => {
  const item = { contract_no: "FQ-1", instalment: 1 };

  it("insist on what the server insists on", () => {
    const form = emptyForm();
    expect(complete(fieldsOf("note", item), { ...form, text: "已核对" }), "who may read it is a choice each time").toBe(false);
    expect(complete(fieldsOf("note", item), { ...form, text: "已核对", audience: "internal" })).toBe(true);
    expect(complete(fieldsOf("propose_remedy", item), { ...form, text: "系统原因" }), "the bot's draft").toBe(true);
    expect(complete(fieldsOf("propose_remedy", item), { ...form, text: "系统原因", yuan: "0" })).toBe(false);
    expect(complete(fieldsOf("decide", item), { ...form, facts: "a", reasons: "b", remedy: "c" })).toBe(false);
    expect(fieldsOf("correct_report", item)).toEqual([]);
    expect(fieldsOf("correct_report", { contract_no: null, instalment: null })).toEqual(["instalment"]);
  });
});

describe("shortcuts", () => {
  const press = (key: string, held: object = {}): string | null => keyOf({ key, ctrlKey: false, metaKey: false, altKey: false, isComposing: false, ...held });

  it("leave to the browser and to the input method what is theirs", () => {
    expect(["J", "?", "/", "Escape"].map((key) => press(key))).toEqual(["j", "?", "/", "Escape"]);
    expect([press("c", { ctrlKey: true }), press("r", { metaKey: true }), press("j", { isComposing: true })]).toEqual([null, null, null]);
  });
});
