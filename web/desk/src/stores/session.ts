/** Who is logged in here. When the session ends the page stays as it is and asks for the password again. */

import { reactive, readonly } from "vue";

import type { Schemas } from "@/api/client";
import { api, ask, client } from "@/api/desk";
import { setClock } from "@/clock";

import { forgetAll } from "./drafts";

export type Agent = Schemas["AgentView"];
export type Presence = Schemas["PresenceRequest"]["presence"];

interface Session {
  phase: "starting" | "out" | "in";
  agent: Agent | null;
  /** Was logged in, and the server no longer knows it. */
  expired: boolean;
  presence: Presence;
  /** An admin handed the password out: nothing else is open before they have chosen one. */
  mustChange: boolean;
}

const state = reactive<Session>({ phase: "starting", agent: null, expired: false, presence: "away", mustChange: false });

export const session = readonly(state);

/** The server knows no session of this browser any more. */
export function expire(): void {
  client.useCsrf(null);
  if (state.phase === "in") state.expired = true;
  else state.phase = "out";
}

client.whenSessionEnds(expire);

function entered(view: Schemas["SessionView"]): void {
  const before = state.agent;
  client.useCsrf(view.csrf_token);
  setClock(view.now);
  if (before !== null && before.agent_id !== view.agent.agent_id) {
    forgetAll();
    location.reload(); // somebody else: nothing of what is on the screen is theirs
    return;
  }
  state.agent = view.agent;
  state.mustChange = view.must_change_password;
  state.phase = "in";
  state.expired = false;
}

/** After the page was loaded: is there a session behind the cookie? */
export async function resume(): Promise<void> {
  try {
    entered(await ask(api.GET("/desk/api/session")));
    await findPresence();
  } catch {
    state.phase = "out"; // whatever is wrong, the login says it when it is tried
  }
}

/** Throws `DeskError`. */
export async function logIn(agentId: string, password: string): Promise<void> {
  entered(await ask(api.POST("/desk/api/login", { body: { agent_id: agentId, password } })));
  await findPresence();
}

export async function logOut(): Promise<void> {
  await ask(api.POST("/desk/api/logout"));
  client.useCsrf(null);
  forgetAll();
  location.reload();
}

export async function setPresence(presence: Presence): Promise<void> {
  await ask(api.POST("/desk/api/presence", { body: { presence } }));
  state.presence = presence;
}

/** The agent's own; their other browsers are logged out. Throws `DeskError`. */
export async function changePassword(present: string, chosen: string): Promise<void> {
  await ask(api.POST("/desk/api/password", { body: { present, new: chosen } }));
  state.mustChange = false;
  await findPresence();
}

async function findPresence(): Promise<void> {
  if (state.mustChange) return;
  const { colleagues } = await ask(api.GET("/desk/api/colleagues"));
  state.presence = colleagues.find(({ agent }) => agent.agent_id === state.agent?.agent_id)?.presence ?? "away";
}

export function isSupervisor(): boolean {
  return state.agent !== null && state.agent.role !== "agent";
}

export function isAdmin(): boolean {
  return state.agent?.role === "admin";
}
