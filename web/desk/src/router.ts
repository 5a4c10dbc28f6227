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
  User,
  Warning,
} from "@element-plus/icons-vue";
import type { Component } from "vue";
import { createRouter, createWebHashHistory } from "vue-router";

import { isAdmin, isSupervisor } from "./stores/session";
import { T } from "./texts";

export interface View {
  readonly name: keyof typeof T.nav;
  readonly path: string;
  readonly icon: Component;
  readonly open: () => boolean;
  readonly load: () => Promise<unknown>;
}

const everybody = (): boolean => true;

export const VIEWS: readonly View[] = [
  { name: "conversations", path: "/conversations/:id?", icon: ChatDotRound, open: everybody, load: () => import("./views/ConversationsView.vue") },
  { name: "cases", path: "/cases/:no?", icon: Document, open: everybody, load: () => import("./views/CasesView.vue") },
  { name: "approvals", path: "/approvals", icon: CircleCheck, open: isSupervisor, load: () => import("./views/ApprovalsView.vue") },
  { name: "remediation", path: "/remediation/:no?", icon: Coin, open: isSupervisor, load: () => import("./views/RemediationView.vue") },
  { name: "incidents", path: "/incidents", icon: Warning, open: everybody, load: () => import("./views/IncidentsView.vue") },
  { name: "corrections", path: "/corrections", icon: EditPen, open: isSupervisor, load: () => import("./views/CorrectionsView.vue") },
  { name: "board", path: "/board", icon: DataAnalysis, open: isSupervisor, load: () => import("./views/BoardView.vue") },
  { name: "letters", path: "/letters", icon: Message, open: isSupervisor, load: () => import("./views/LettersView.vue") },
  { name: "search", path: "/search", icon: Search, open: everybody, load: () => import("./views/SearchView.vue") },
  { name: "audit", path: "/audit", icon: Tickets, open: isSupervisor, load: () => import("./views/AuditView.vue") },
  { name: "accounts", path: "/accounts", icon: User, open: isAdmin, load: () => import("./views/AccountsView.vue") },
];

/** Those that the logged-in agent may open. */
export function views(): readonly View[] {
  return VIEWS.filter(({ open }) => open());
}

export const router = createRouter({
  history: createWebHashHistory("/desk"),
  routes: [
    ...VIEWS.map(({ name, path, load }) => ({ name, path, component: load as () => Promise<Component> })),
    { path: "/:rest(.*)*", redirect: "/conversations" },
  ],
});

router.beforeEach((to) => (views().some(({ name }) => name === to.name) ? true : { name: "conversations" }));
