import { describe, expect, it } from "vitest";

import { clockRuns, nextStep, takesMore } from "../src/case-steps.js";
import { tabAfter } from "../src/view/header.js";
import { type CaseCard, cardOf } from "../src/wire.js";
import { fakeCase } from "./fake-server.js";

const NOW = new Date("2026-08-12T04:00:00Z");
const card = (status: string, change: Partial<CaseCard> = {}): CaseCard => ({ ...cardOf(fakeCase("C-1", status).case, "case"), ...change });

describe("what happens next with a case", () => {
  it.each([
    ["received", "我们正在查，8月13日前告诉您进展，最晚8月25日给您结果。"],
    ["reopened", "我们正在查，8月13日前告诉您进展，最晚8月25日给您结果。"],
    ["waiting_for_borrower", "想请您补充一些情况，方便时写一下就行；不方便也没关系，最晚8月25日给您结果。"],
    ["proposed", "处理方案已经提出，正在请另一位同事核对，最晚8月25日给您结果。"],
    ["decided", "已经有结果了。还有问题，随时在对话里告诉我们。"],
    ["remedied", "已经处理好了。还有问题，随时在对话里告诉我们。"],
    ["closed", "已经办结。还有问题，随时在对话里告诉我们。"],
    ["withdrawn", "已按您的意思撤回，不再处理。以后还想反映，随时可以再来。"],
  ])("%s", (status, expected) => {
    expect(nextStep(card(status), "2026-08-12", null, NOW)).toBe(expected);
  });

  it("names the last day of an appeal", () => {
    expect(nextStep(card("decided"), "2026-09-10", "2026-09-10", NOW)).toBe("已经有结果了。不同意的话，9月10日前可以申诉。");
    expect(nextStep(card("decided"), "2026-09-11", "2026-09-10", NOW)).toBe("已经有结果了。还有问题，随时在对话里告诉我们。");
  });

  it("is an apology after the day that was promised, by the lender's date and not the device's, and only while the clock runs", () => {
    expect(nextStep(card("investigating"), "2026-08-25", null, new Date("2027-01-01T00:00:00Z"))).toContain("我们正在查");
    expect(nextStep(card("investigating"), "2026-08-26", null, NOW)).toContain("对不起");
    expect(nextStep(card("closed"), "2026-09-25", null, NOW)).toContain("已经办结");
  });

  it("does without dates", () => {
    expect(nextStep(card("investigating", { nextUpdateBy: null, decideBy: null }), "2026-08-12", null, NOW)).toBe("我们正在查，有结果马上告诉您。");
  });
});

describe("a case", () => {
  it("takes facts and files until it is over, and has a pending date until it is decided", () => {
    const statuses = ["received", "waiting_for_borrower", "decided", "remedied", "closed", "withdrawn"];
    expect(statuses.filter((status) => takesMore(card(status)))).toEqual(["received", "waiting_for_borrower", "decided", "remedied"]);
    expect(statuses.filter((status) => clockRuns(card(status)))).toEqual(["received", "waiting_for_borrower"]);
  });
});

describe("the keys of the tabs", () => {
  it("go round, and to the ends", () => {
    const from = (key: string): (string | null)[] => [tabAfter(key, "chat"), tabAfter(key, "cases")];
    expect(from("ArrowRight")).toEqual(["cases", "chat"]);
    expect(from("ArrowLeft")).toEqual(["cases", "chat"]);
    expect(from("Home")).toEqual(["chat", "chat"]);
    expect(from("End")).toEqual(["cases", "cases"]);
    expect(from("a")).toEqual([null, null]);
  });
});
