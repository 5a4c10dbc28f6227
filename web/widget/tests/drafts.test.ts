import { beforeEach, describe, expect, it } from "vitest";

import { Drafts } from "../src/drafts.js";
import { MemoryStore, identityOf } from "../src/storage.js";

const [VISITOR, ANNA, BERT] = [identityOf(null), identityOf("anna"), identityOf("bert")];
let store: MemoryStore;
let drafts: Drafts;

beforeEach(() => {
  store = new MemoryStore();
  drafts = new Drafts(store);
});

describe("a draft", () => {
  it("is there after a reload, for whoever typed it only", () => {
    drafts.keep(ANNA, "我想问一下");
    const afterReload = new Drafts(store);
    expect([afterReload.of(ANNA), afterReload.of(BERT), afterReload.of(VISITOR)]).toEqual(["我想问一下", "", ""]);
  });

  it("is gone when the field is empty", () => {
    drafts.keep(ANNA, "我想问一下");
    drafts.keep(ANNA, "");
    expect(store.length).toBe(0);
  });

  it.each(["123456", "12345", "验证码：123456", "１２３４５６", "1"])("never holds %s while a code is asked for", (text) => {
    drafts.keep(ANNA, "以前写的");
    drafts.keep(ANNA, text, true);
    expect(store.length).toBe(0);
  });

  it("holds words while a code is asked for, and numbers when none is", () => {
    drafts.keep(ANNA, "收不到验证码", true);
    expect(drafts.of(ANNA)).toBe("收不到验证码");
    drafts.keep(ANNA, "还款 123456 元");
    expect(drafts.of(ANNA)).toBe("还款 123456 元");
  });

  it("goes along at login and is left to nobody at logout", () => {
    drafts.keep(VISITOR, "登录前写的");
    expect(drafts.change(VISITOR, ANNA)).toBe("登录前写的");
    expect([drafts.of(VISITOR), drafts.of(ANNA)]).toEqual(["", "登录前写的"]);
    expect(drafts.change(ANNA, VISITOR)).toBe("");
    expect(store.length).toBe(0);
  });

  it("of a customer waits for the token that the page brings late", () => {
    drafts.keep(ANNA, "写到一半");
    const afterReload = new Drafts(store);
    expect(afterReload.of(VISITOR)).toBe("");
    expect(afterReload.change(VISITOR, ANNA)).toBe("写到一半");
    expect(afterReload.change(ANNA, BERT)).toBe("");
    expect(store.length).toBe(0);
  });

  it("that finds no room stays in the field", () => {
    store.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    expect(() => {
      drafts.keep(ANNA, "很长");
    }).not.toThrow();
  });
});
