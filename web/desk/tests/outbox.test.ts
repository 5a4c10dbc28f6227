import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { DeskError } from "../src/api/client";
import { type Kept, Outbox } from "../src/stores/outbox";

const NO_ANSWER = new DeskError(0, "no_answer");
const NOT_YOURS = new DeskError(403, "not_the_owner");

/** A server that keeps each message id once; `refusals` are its first answers. */
function desk(refusals: DeskError[], { lostAnswers = 0, kept = [] as readonly Kept[] } = {}): { outbox: Outbox; stored: Map<string, string>; tries: () => number } {
  const stored = new Map<string, string>();
  let tries = 0;
  let lost = lostAnswers;
  let ids = 0;
  const outbox = new Outbox({
    newId: () => `m-${++ids}`,
    send: (text, messageId) => {
      const refusal = refusals[tries++];
      if (refusal !== undefined) return Promise.reject(refusal);
      if (!stored.has(messageId)) stored.set(messageId, text);
      if (lost-- > 0) return Promise.reject(NO_ANSWER);
      return Promise.resolve([...stored.keys()].indexOf(messageId) + 1);
    },
    onStored: () => Promise.resolve(),
    onChanged: () => undefined,
    kept,
    random: () => 0.5, // pauses of exactly 1, 2, 4 … 30 seconds
  });
  return { outbox, stored, tries: () => tries };
}

const settled = async (): Promise<void> => {
  await vi.advanceTimersByTimeAsync(1);
};
const shown = ({ items }: Outbox): [string, string][] => items.map(({ text, state }) => [text, state]);

describe("replies on their way", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("keep their order, and what follows a reply that was refused waits for the agent", async () => {
    const { outbox, stored } = desk([NOT_YOURS]);
    outbox.add("一");
    outbox.add("二");
    await settled();
    expect(shown(outbox)).toEqual([["一", "failed"], ["二", "failed"]]);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(stored.size, "never by itself").toBe(0);
    outbox.retry();
    await settled();
    expect([[...stored.values()], outbox.items]).toEqual([["一", "二"], []]);
  });

  it("go out by themselves when nobody had answered, with what was written meanwhile", async () => {
    const { outbox, stored, tries } = desk([NO_ANSWER, new DeskError(503, "unavailable")]);
    outbox.add("一");
    await settled();
    outbox.add("二");
    expect(shown(outbox)).toEqual([["一", "waiting"], ["二", "waiting"]]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(tries(), "the second pause is longer").toBe(2);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([[...stored.values()], outbox.items, tries()]).toEqual([["一", "二"], [], 4]);
  });

  it("wait for a new login without asking on and on", async () => {
    const { outbox, stored, tries } = desk([new DeskError(401, "session_ended")]);
    outbox.add("一");
    await vi.advanceTimersByTimeAsync(120_000);
    expect([shown(outbox), tries()]).toEqual([[["一", "waiting"]], 1]);
    outbox.retry();
    await settled();
    expect([...stored.values()]).toEqual(["一"]);
  });

  it("are stored once although the answer was lost", async () => {
    const { outbox, stored, tries } = desk([], { lostAnswers: 2 });
    outbox.add("一");
    await vi.advanceTimersByTimeAsync(10_000);
    expect([tries(), stored.size, outbox.items.length]).toEqual([3, 1, 0]);
  });

  it("of before a reload go first, under the ids that they had", async () => {
    const { outbox, stored } = desk([], { kept: [{ messageId: "old-1", text: "一" }, { messageId: "old-2", text: "二" }] });
    expect(shown(outbox)).toEqual([["一", "waiting"], ["二", "waiting"]]);
    outbox.add("三");
    outbox.retry();
    await settled();
    expect([...stored]).toEqual([["old-1", "一"], ["old-2", "二"], ["m-1", "三"]]);
  });

  it("come back into the box when the agent gives up", async () => {
    const { outbox } = desk([NO_ANSWER, NO_ANSWER]);
    outbox.add("一");
    await settled();
    expect(outbox.discard("m-1")).toBe("一");
    expect(outbox.items).toEqual([]);
    expect(outbox.discard("m-1")).toBeNull();
  });
});
