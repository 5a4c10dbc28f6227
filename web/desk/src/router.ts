/** The views, and who may open them. Addresses stand behind `#`, so the server needs to know only `/desk`. */

import {
  ChatDotRound,
  CircleCheck,
  Coin,
  DataAnalysis,
  Document,
  EditPen,
  Message,
  Search,
  Tickets,
  Warning,
} from "@element-plus/icons-vue";
import type { Component } from "vue";
import { createRouter, createWebHashHistory } from "vue-router";

import { isSupervisor } from "./stores/session";
import { T } from "./texts";

export interface View {
  readonly name: keyof typeof T.nav;
  readonly path: string;
  readonly icon: Component;
  readonly supervisorsOnly: boolean;
  readonly load: () => Promise<unknown>;
}

export const VIEWS: readonly View[] = [
  { name: "conversations", path: "/conversations/:id?", icon: ChatDotRound, supervisorsOnly: false, load: () => import("./views/ConversationsView.vue") },
  { name: "cases", path: "/cases/:no?", icon: Document, supervisorsOnly: false, load: () => import("./views/CasesView.vue") },
  { name: "approvals", path: "/approvals", icon: CircleCheck, supervisorsOnly: true, load: () => import("./views/ApprovalsView.vue") },
  { name: "remediation", path: "/remediation/:no?", icon: Coin, supervisorsOnly: true, load: () => import("./views/RemediationView.vue") },
  { name: "incidents", path: "/incidents", icon: Warning, supervisorsOnly: false, load: () => import("./views/IncidentsView.vue") },
  { name: "corrections", path: "/corrections", icon: EditPen, supervisorsOnly: true, load: () => import("./views/CorrectionsView.vue") },
  { name: "board", path: "/board", icon: DataAnalysis, supervisorsOnly: true, load: () => import("./views/BoardView.vue") },
  { name: "letters", path: "/letters", icon: Message, supervisorsOnly: true, load: () => import("./views/LettersView.vue") },
  { name: "search", path: "/search", icon: Search, supervisorsOnly: false, load: () => import("./views/SearchView.vue") },
  { name: "audit", path: "/audit", icon: Tickets, supervisorsOnly: true, load: () => import("./views/AuditView.vue") },
];

/** Those that the logged-in agent may open. */
export function views(): readonly View[] {
  return VIEWS.filter(({ supervisorsOnly }) => !supervisorsOnly || isSupervisor());
}

export const router = createRouter({
  history: createWebHashHistory("/desk"),
  routes: [
    ...VIEWS.map(({ name, path, load, supervisorsOnly }) => ({ name, path, component: load as () => Promise<Component>, meta: { supervisorsOnly } })),
    { path: "/:rest(.*)*", redirect: "/conversations" },
  ],
});

router.beforeEach((to) => (to.meta["supervisorsOnly"] === true && !isSupervisor() ? { name: "conversations" } : true));
