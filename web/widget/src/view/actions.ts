/** What pressing something does: in the conversation, and in the cases. */

import type { ChatClient } from "../client.js";
import { NetworkError } from "../port.js";
import type { ChatState } from "../state.js";
import { TEXTS } from "../texts.js";
import type { BannerActions } from "./banner.js";
import type { CaseActions } from "./cases.js";
import type { View } from "./header.js";
import type { LogActions } from "./log.js";
import type { Tail } from "./tail.js";

/** The element, as far as the actions need it. */
export interface ActionHost {
  readonly client: () => ChatClient | null;
  readonly state: () => ChatState | null;
  readonly tail: Tail;
  readonly login: () => void;
  readonly say: (text: string) => void;
  readonly go: (view: View) => void;
  /** Where one types. */
  readonly focusInside: () => void;
  /** After the next rendering. */
  readonly focusOn: (selector: string) => void;
}

const loader =
  (host: ActionHost) =>
  (id: string): Promise<Blob> =>
    host.client()?.attachment(id) ?? Promise.reject(new NetworkError("closed"));

export function chatActions(host: ActionHost, openCase: (caseNo: string) => void): LogActions & BannerActions {
  const { tail } = host;
  return {
    login: host.login,
    say: host.say,
    load: loader(host),
    leaveQueue: () => {
      void host.client()?.leaveQueue();
      host.focusInside();
    },
    attach: (file) => {
      host.client()?.uploads.add(file);
      tail.stick();
    },
    ask: (question) => {
      host.say(question);
      host.focusInside();
    },
    press: ({ title, payload }) => {
      host.client()?.send(payload, { title });
      tail.stick();
      host.focusInside();
    },
    code: (code) => {
      host.client()?.send(code, { title: "******", secret: true });
      tail.stick();
      host.focusInside();
    },
    ratings: () => host.state()?.ratings ?? {},
    rate: (handoffId, score, comment) => {
      void host.client()?.rate(handoffId, score, comment);
    },
    openCase: () => (host.state()?.identified === true ? openCase : null),
    retry: (clientId) => {
      host.client()?.retry(clientId);
    },
    discard: (clientId) => {
      host.client()?.discard(clientId);
      host.focusInside();
    },
    retryUpload: (id) => {
      host.client()?.uploads.retry(id);
    },
    cancelUpload: (id) => {
      host.client()?.uploads.cancel(id);
      host.focusInside();
    },
  };
}

export function caseActions(host: ActionHost): CaseActions {
  return {
    load: loader(host),
    openCase: (caseNo) => {
      host.go("cases");
      void host.client()?.cases.open(caseNo);
      host.focusOn("#case-title");
    },
    backToList: () => {
      void host.client()?.cases.list();
      host.focusOn("#cases-title");
    },
    reload: () => {
      void host.client()?.cases.reload();
    },
    toChat: () => {
      host.go("chat");
      host.focusOn("#tab-chat");
    },
    appeal: () => {
      host.go("chat");
      host.say(TEXTS.caseAppeal);
      host.focusInside();
    },
    addFacts: (text) => {
      void host.client()?.cases.addFacts(text);
    },
    addFile: (file, caseNo) => {
      host.client()?.uploads.add(file, caseNo);
    },
    retryUpload: (id) => {
      host.client()?.uploads.retry(id);
    },
    cancelUpload: (id) => {
      host.client()?.uploads.cancel(id);
      host.focusOn(".files .outline");
    },
  };
}
