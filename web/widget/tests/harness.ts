/** A fake server, a browser's storage, fake time, and widgets on them. */

import { afterEach, beforeEach, vi } from "vitest";

import { ChatClient } from "../src/client.js";
import { HttpChatPort } from "../src/http.js";
import { Memory, MemoryStore } from "../src/storage.js";
import { timeline } from "../src/timeline.js";
import { FakeServer } from "./fake-server.js";

export let server: FakeServer;
export let store: MemoryStore;
let clients: ChatClient[];

beforeEach(() => {
  vi.useFakeTimers({ now: new Date("2026-08-10T04:00:00Z") });
  server = new FakeServer();
  store = new MemoryStore();
  clients = [];
});

afterEach(() => {
  clients.forEach((client) => {
    client.close();
  });
  vi.useRealTimers();
});

/** A widget on a page, opened. A second one on the same store is the page after a reload. */
export function widget(token: string | null = null, sockets = false, storage = store): ChatClient {
  const client = new ChatClient(new HttpChatPort("http://chat.test", server.fetch, sockets ? server.connect : null), new Memory(storage), () => undefined, () => 0.5);
  clients.push(client);
  client.setToken(token);
  client.watch(true);
  return client;
}

/** The same person's widget on a device with a storage of its own. */
export const elsewhere = (token: string | null, sockets = false): ChatClient => widget(token, sockets, new MemoryStore());

export const pass = (ms = 50): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
export const texts = (client: ChatClient): string[] => timeline(client.state.messages, client.state.outbox).map(({ text }) => text);
export const storedKeys = (part: string): string[] => Array.from({ length: store.length }, (_, i) => store.key(i) ?? "").filter((key) => key.includes(part));
