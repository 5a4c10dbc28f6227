/** Who waits, and which conversations are mine. */

import { computed, reactive, readonly } from "vue";

import type { Schemas } from "@/api/client";
import { api, ask } from "@/api/desk";
import { problem } from "@/problems";

export type Waiting = Schemas["QueueItem"];
export type Own = Schemas["OwnItem"];

interface QueueState {
  waiting: readonly Waiting[];
  mine: readonly Own[];
  loadedAt: number;
  loaded: boolean;
  problem: string | null;
}

const state = reactive<QueueState>({ waiting: [], mine: [], loadedAt: 0, loaded: false, problem: null });

export const queue = readonly(state);

/** All conversations of the list from top to bottom: mine, then who waits. */
export const order = computed(() => [...state.mine, ...state.waiting].map(({ conversation_id }) => conversation_id));

export const unread = computed(() => state.mine.reduce((sum, { unread: count }) => sum + count, 0));

let running: Promise<void> | null = null;
let again = false;

/** One question at a time; what is asked for meanwhile is asked once more afterwards. */
export async function refreshQueue(): Promise<void> {
  if (running !== null) {
    again = true;
    return running;
  }
  running = load();
  try {
    await running;
  } finally {
    running = null;
  }
  if (again) {
    again = false;
    await refreshQueue();
  }
}

async function load(): Promise<void> {
  try {
    const found = await ask(api.GET("/desk/api/queue"));
    state.waiting = found.waiting;
    state.mine = found.mine;
    state.loadedAt = Date.now();
    state.loaded = true;
    state.problem = null;
  } catch (error) {
    state.problem = problem(error);
  }
}
