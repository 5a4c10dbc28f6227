/** Growing pauses between tries. */

const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/** 1, 2, 4 … 30 seconds, each ± 20 % so that many desks do not come back at the same moment. */
export class Backoff {
  private pause = FIRST_MS;

  constructor(private readonly random: () => number = Math.random) {}

  next(): number {
    const pause = this.pause;
    this.pause = Math.min(pause * 2, LONGEST_MS);
    return pause * (0.8 + 0.4 * this.random());
  }

  reset(): void {
    this.pause = FIRST_MS;
  }
}
