/** Waiting: growing pauses between tries, and pauses that can be cut short. */

const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/** 1, 2, 4 … 30 seconds, each ± 20 % so that many widgets do not come back at the same moment. */
export class Backoff {
  private pause = FIRST_MS;

  constructor(private readonly random: () => number) {}

  next(): number {
    const pause = this.pause;
    this.pause = Math.min(pause * 2, LONGEST_MS);
    return pause * (0.8 + 0.4 * this.random());
  }

  reset(): void {
    this.pause = FIRST_MS;
  }
}

/** Ends every sleep and request that began before `wake()`. */
export class Waker {
  private controller = new AbortController();

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  wake(): void {
    this.controller.abort();
    this.controller = new AbortController();
  }

  async sleep(ms: number): Promise<void> {
    const { signal } = this;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
    });
  }
}
