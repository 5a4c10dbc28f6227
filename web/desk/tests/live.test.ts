import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { type Line, Live } from "../src/api/live";

class FakeLine implements Line {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  closed = false;
  close(): void {
    this.closed = true;
  }
}

function desk(): { live: Live; lines: FakeLine[]; said: { changes: number; logins: number; states: boolean[] }; last: () => FakeLine } {
  const lines: FakeLine[] = [];
  const said = { changes: 0, logins: 0, states: [] as boolean[] };
  const live = new Live({
    connect: () => {
      const line = new FakeLine();
      lines.push(line);
      return line;
    },
    onChange: () => (said.changes += 1),
    onLoggedOut: () => (said.logins += 1),
    onState: (up) => said.states.push(up),
    random: () => 0.5, // pauses of exactly 1, 2, 4 … 30 seconds
    pollMs: 5_000,
  });
  return { live, lines, said, last: () => lines.at(-1) ?? new FakeLine() };
}

describe("the socket", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("tells every change, and nothing else", () => {
    const { live, said, last } = desk();
    live.start();
    last().onopen?.();
    for (const data of ['{"type":"changed"}', '{"type":"ping"}', "no json", 7, '{"type":"changed"}']) last().onmessage?.({ data });
    expect(said.changes).toBe(2);
  });

  it("comes back after pauses that grow to half a minute, and begins anew after a success", () => {
    const { live, lines, last } = desk();
    live.start();
    const waits = [1, 2, 4, 8, 16, 30, 30];
    for (const [index, seconds] of waits.entries()) {
      last().onclose?.({ code: 1006 });
      vi.advanceTimersByTime(seconds * 1000 - 1);
      expect(lines, `try ${index + 1} is not early`).toHaveLength(index + 1);
      vi.advanceTimersByTime(1);
      expect(lines).toHaveLength(index + 2);
    }
    last().onopen?.();
    last().onclose?.({ code: 1006 });
    vi.advanceTimersByTime(1_000);
    expect(lines).toHaveLength(waits.length + 2);
  });

  it("asks by itself while the socket is broken, and stops when it is back", () => {
    const { live, said, last } = desk();
    live.start();
    last().onclose?.({ code: 1006 });
    vi.advanceTimersByTime(10_500);
    expect(said.changes).toBe(2);
    last().onopen?.();
    vi.advanceTimersByTime(60_000);
    expect(said.changes).toBe(2);
    expect(said.states).toEqual([false, true]);
  });

  it("goes to the login and tries no more when the server knows no session", () => {
    const { live, lines, said, last } = desk();
    live.start();
    last().onclose?.({ code: 4401 });
    vi.advanceTimersByTime(120_000);
    expect([said.logins, said.changes, lines.length]).toEqual([1, 0, 1]);
  });

  it("tries at once when the network is back, without a second line beside a living one", () => {
    const { live, lines, last } = desk();
    live.start();
    live.hurry();
    expect(lines).toHaveLength(1);
    last().onclose?.({ code: 1006 });
    live.hurry();
    expect(lines).toHaveLength(2);
    last().onopen?.();
    vi.advanceTimersByTime(60_000);
    expect(lines).toHaveLength(2);
  });

  it("is given up when the browser says that the network is gone, and is made anew when it is back", () => {
    const { live, lines, said, last } = desk();
    live.start();
    last().onopen?.();
    live.cut();
    expect([last().closed, said.states]).toEqual([true, [true, false]]);
    vi.advanceTimersByTime(1_000);
    const [, trying] = lines;
    live.renew();
    expect([trying?.closed, lines.length], "a line begun without a network is not waited for").toEqual([true, 3]);
    last().onopen?.();
    expect(said.states).toEqual([true, false, true]);
    vi.advanceTimersByTime(60_000);
    expect(lines).toHaveLength(3);
  });

  it("is given up when the server has been silent for too long", () => {
    const { live, lines, said, last } = desk();
    live.start();
    last().onopen?.();
    for (let heard = 0; heard < 5; heard += 1) {
      vi.advanceTimersByTime(70_000);
      last().onmessage?.({ data: '{"type":"changed"}' });
    }
    expect(lines).toHaveLength(1);
    vi.advanceTimersByTime(75_000);
    expect([last().closed, said.states]).toEqual([true, [true, false]]);
    vi.advanceTimersByTime(1_000);
    expect(lines).toHaveLength(2);
  });

  it("stays closed once it was stopped", () => {
    const { live, lines, last } = desk();
    live.start();
    const line = last();
    live.stop();
    line.onclose?.({ code: 1000 });
    vi.advanceTimersByTime(120_000);
    expect([line.closed, lines.length]).toEqual([true, 1]);
  });
});
