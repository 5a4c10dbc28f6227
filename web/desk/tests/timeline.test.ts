import { describe, expect, it } from "vitest";

import { type Message, PAGE, allAfter, beginsDay, beginsGroup, deliveryOf, hasEarlier, merged } from "../src/timeline";

function message(seq: number, changes: Partial<Message> = {}): Message {
  return { seq, author: "borrower", at: "2026-08-22T10:00:00+08:00", text: `第${seq}条`, buttons: null, custom: null, message_id: null, ...changes };
}
const log = (count: number): Message[] => Array.from({ length: count }, (_, index) => message(index + 1));
const seqs = (messages: readonly Message[]): number[] => messages.map(({ seq }) => seq);

/** A generator of the same numbers each time. */
function draw(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state % below;
  };
}

describe("merging pages", () => {
  it("holds every message once and in order, whatever pages overlap and whatever order they arrive in", () => {
    const all = log(60);
    for (let seed = 1; seed <= 200; seed++) {
      const next = draw(seed);
      let held: readonly Message[] = [];
      const pages: Message[][] = [];
      for (let from = 0; from < all.length; ) {
        const length = 1 + next(20);
        pages.push(all.slice(Math.max(0, from - next(5)), from + length));
        from += length;
      }
      pages.push(...pages.filter(() => next(3) === 0)); // answered twice
      while (pages.length > 0) {
        const [page = []] = pages.splice(next(pages.length), 1);
        held = merged(held, page);
      }
      expect(held, `seed ${seed}`).toEqual(all);
    }
  });

  it("keeps messages that did not change as the same objects, and takes over those that did", () => {
    const held = merged([], log(3));
    const again = merged(held, [message(2), message(3, { text: "明文" })]);
    expect(again[1]).toBe(held[1]);
    expect(again[2]?.text).toBe("明文");
    expect(merged(held, [])).toBe(held);
  });

  it("knows whether something older is to be had", () => {
    expect(hasEarlier({ messages: log(3), beginsAt: null })).toBe(false);
    expect(hasEarlier({ messages: log(3).slice(1), beginsAt: null })).toBe(true);
    expect(hasEarlier({ messages: log(3).slice(1), beginsAt: 2 })).toBe(false);
    expect(hasEarlier({ messages: [], beginsAt: null })).toBe(false);
  });

  it("asks for page after page until nothing is left", async () => {
    const all = log(2 * PAGE + 50);
    const asked: number[] = [];
    const { messages, latest } = await allAfter(10, (after) => {
      asked.push(after);
      const page = all.filter(({ seq }) => seq > after).slice(0, PAGE);
      return Promise.resolve({ messages: page, last_seq: page.at(-1)?.seq ?? after, owner: `at ${after}` });
    });
    expect(asked).toEqual([10, 10 + PAGE, 10 + 2 * PAGE]);
    expect(seqs(messages)).toEqual(seqs(all).slice(10));
    expect(latest.owner).toBe(`at ${10 + 2 * PAGE}`);
  });
});

describe("reading the log", () => {
  it("groups what one author wrote within five minutes", () => {
    const first = message(1);
    expect(beginsGroup(undefined, first)).toBe(true);
    expect(beginsGroup(first, message(2, { at: "2026-08-22T10:04:59+08:00" }))).toBe(false);
    expect(beginsGroup(first, message(2, { at: "2026-08-22T10:05:01+08:00" }))).toBe(true);
    expect(beginsGroup(first, message(2, { author: "bot" }))).toBe(true);
    expect(beginsDay(first, message(2, { at: "2026-08-23T00:00:00+08:00" }))).toBe(true);
  });

  it.each([
    [5, { delivered_seq: 0, read_seq: 0 }, "sent"],
    [5, { delivered_seq: 5, read_seq: 4 }, "delivered"],
    [5, { delivered_seq: 9, read_seq: 5 }, "read"],
  ])("says how far the agent's message %i has come at %j", (seq, marks, expected) => {
    expect(deliveryOf(message(seq, { author: "agent" }), { ...marks, unsent: [] })).toBe(expected);
    expect(deliveryOf(message(seq, { author: "bot" }), { ...marks, unsent: [] })).toBeNull();
  });

  it.each([
    [{ state: "queued", waits_for: "quota" }, "quota", "quota"],
    [{ state: "queued", waits_for: "retry" }, "retry", "retry"],
    [{ state: "queued", waits_for: "authorisation" }, "retry", "retry"],
    [{ state: "queued", waits_for: null }, "queued", null],
    [{ state: "failed", waits_for: null }, "failed", "failed"],
  ] as const)("says of what a platform has not taken, %j, that it is %s", (state, ofAgent, ofBot) => {
    const unsent = [{ seq: 5, attempts: 1, next_try_at: null, failure: null, ...state }];
    const marks = { delivered_seq: 0, read_seq: 0, unsent };
    expect(deliveryOf(message(5, { author: "agent" }), marks)).toBe(ofAgent);
    expect(deliveryOf(message(5, { author: "bot" }), marks)).toBe(ofBot);
    expect(deliveryOf(message(5, { author: "borrower" }), marks)).toBeNull();
    expect(deliveryOf(message(4, { author: "agent" }), marks)).toBe("sent");
  });
});
