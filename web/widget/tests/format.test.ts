import { describe, expect, it } from "vitest";

import { day, dayAndTime, deadline, length, money } from "../src/format.js";
import { identityOf } from "../src/storage.js";

const now = new Date("2026-08-10T12:00:00+08:00");

describe("money", () => {
  it.each([
    [32067, "¥320.67"],
    [0, "¥0.00"],
    [5, "¥0.05"],
    [192, "¥1.92"],
    [1016000, "¥10160.00"],
    [-100, "-¥1.00"],
  ])("of %i 分 is %s", (fen, text) => {
    expect(money(fen)).toBe(text);
  });

  it("is never a fraction of a 分", () => {
    expect(() => money(320.67)).toThrow(RangeError);
  });
});

describe("dates", () => {
  it("are month and day, with the year when it is another one", () => {
    expect(day("2026-08-10", now)).toBe("8月10日");
    expect(day("2027-01-05", now)).toBe("2027年1月5日");
    expect(day("不是日期", now)).toBe("不是日期");
  });

  it("are the lender's, whatever zone the phone is in", () => {
    expect(dayAndTime("2026-08-09T17:03:00Z", now)).toBe("8月10日 01:03");
    expect(dayAndTime("2026-08-10T14:03:00+08:00", now)).toBe("8月10日 14:03");
    expect(dayAndTime("2026-08-10", now)).toBe("8月10日");
  });

  it("that are a deadline at midnight belong to the day that ends", () => {
    expect(deadline("2026-08-11T00:00:00+08:00", now)).toBe("8月10日 24:00");
    expect(deadline("2026-08-10T23:59:59+08:00", now)).toBe("8月10日 23:59");
    expect(deadline("2026-08-10", now)).toBe("8月10日 24:00");
  });
});

it("a text is as long as the server counts it: an emoji is one character", () => {
  expect(length("你好👍")).toBe(3);
});

describe("whose messages these are", () => {
  it("follows the token's subject, so that a renewed token is the same person", () => {
    expect(identityOf("h.eyJzdWIiOiJDMTAwMiJ9.one")).toBe(identityOf("h.eyJzdWIiOiJDMTAwMiJ9.two"));
    expect(identityOf("h.eyJzdWIiOiJDMTAwMiJ9.one")).not.toBe(identityOf("h.eyJzdWIiOiJDMTAwMSJ9.one"));
    expect(identityOf(null)).toBe("visitor");
    expect(identityOf("opaque")).not.toBe(identityOf("other"));
  });
});
