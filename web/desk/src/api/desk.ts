/** The page's one client. */

import { DeskClient } from "./client";

export const client = new DeskClient();
export const api = client.api;
export const ask = client.ask.bind(client);

/** A key under which the server carries out a command once, however often it arrives. */
export function newKey(): string {
  return crypto.randomUUID();
}
