/** A list that the server gives page by page. */

import { type ShallowRef, ref, shallowRef } from "vue";

import { problem } from "@/problems";

export interface Pages<T> {
  readonly items: Readonly<ShallowRef<readonly T[]>>;
  readonly more: Readonly<ShallowRef<boolean>>;
  readonly loading: Readonly<ShallowRef<boolean>>;
  readonly failed: Readonly<ShallowRef<string | null>>;
  readonly first: () => Promise<void>;
  readonly next: () => Promise<void>;
}

/** `fetchPage(cursor)` asks for one page. A list that was asked for again while it loads shows the later answer only. */
export function usePages<T>(fetchPage: (cursor: string | null) => Promise<{ items: readonly T[]; cursor: string | null }>): Pages<T> {
  const items = shallowRef<readonly T[]>([]);
  const cursor = ref<string | null>(null);
  const more = shallowRef(false);
  const loading = shallowRef(false);
  const failed = shallowRef<string | null>(null);
  let turn = 0;

  async function load(from: string | null): Promise<void> {
    const mine = ++turn;
    loading.value = true;
    try {
      const page = await fetchPage(from);
      if (mine !== turn) return;
      items.value = from === null ? page.items : [...items.value, ...page.items];
      cursor.value = page.cursor;
      more.value = page.cursor !== null;
      failed.value = null;
    } catch (error) {
      if (mine === turn) failed.value = problem(error);
    } finally {
      if (mine === turn) loading.value = false;
    }
  }

  return { items, more, loading, failed, first: () => load(null), next: () => load(cursor.value) };
}
