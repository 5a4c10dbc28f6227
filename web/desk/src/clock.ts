/** The time, told again every second, for everything that counts up or down. */

import { onScopeDispose, ref } from "vue";

let ahead = 0;
const now = ref(Date.now());

/** The server's clock counts, whatever this computer's says. */
export function setClock(serverNow: string): void {
  ahead = Date.parse(serverNow) - Date.now();
  now.value = serverTime();
}

export function serverTime(): number {
  return Date.now() + ahead;
}

let users = 0;
let timer: ReturnType<typeof setInterval> | undefined;

export function useNow(): typeof now {
  if (users++ === 0) {
    now.value = serverTime();
    timer = setInterval(() => {
      now.value = serverTime();
    }, 1_000);
  }
  onScopeDispose(() => {
    if (--users === 0) clearInterval(timer);
  });
  return now;
}
