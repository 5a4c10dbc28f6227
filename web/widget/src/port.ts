/** What the client asks of the chat server, and what can go wrong: `NetworkError` or `HttpError`. */

import type { CaseDetail, CaseList } from "./case-wire.js";
import type { Page, Resumed, Visitor } from "./wire.js";

/** Nobody answered: no network, a dropped connection, a time-out, or an answer that is not the contract's JSON. */
export class NetworkError extends Error {}

/** The server refused. `code` is its stable error code, `retryAfterMs` what it asked for (0 when it did not). */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly retryAfterMs: number,
  ) {
    super(`HTTP ${status} ${code}`);
  }

  /** The same request may succeed later; sending it again is safe because it carries its message id. */
  get temporary(): boolean {
    return this.status >= 500 || [408, 425, 429].includes(this.status);
  }

  /** The token is not accepted, or not for this sender. */
  get unknownCaller(): boolean {
    return [401, 403, 404].includes(this.status);
  }
}

export interface SendRequest {
  readonly sender: string;
  readonly token: string;
  readonly text: string;
  readonly messageId: string;
  /** Proves to be the visitor behind the sender, so that their conversation goes on after login. */
  readonly visitorToken: string | null;
}

export interface ResumeRequest {
  readonly token: string;
  /** Under which this browser talks already. */
  readonly sender: string | null;
  /** Of the dialogue that was held here before login. */
  readonly visitorToken: string | null;
}

export interface FactsRequest {
  readonly token: string;
  readonly caseNo: string;
  readonly text: string;
  /** The same for each try. */
  readonly key: string;
}

export interface PollRequest {
  readonly sender: string;
  readonly token: string;
  readonly after: number;
  readonly waitSeconds: number;
  readonly signal: AbortSignal;
}

export interface EarlierRequest {
  readonly sender: string;
  readonly token: string;
  readonly before: number;
}

export interface LeaveRequest {
  readonly sender: string;
  readonly token: string;
}

export interface AckRequest extends LeaveRequest {
  readonly delivered: number;
  readonly read: number;
}

export interface RateRequest extends LeaveRequest {
  readonly handoffId: number;
  readonly score: number;
  readonly comment: string;
}

export interface UploadRequest extends LeaveRequest {
  readonly file: Blob;
  readonly messageId: string;
  /** The case that it belongs to. */
  readonly caseNo: string | null;
  readonly progress: (share: number) => void;
  readonly signal: AbortSignal;
}

/** The part of a browser's `WebSocket` that is used. */
export type LiveSocket = Pick<WebSocket, "send" | "close" | "onopen" | "onmessage" | "onclose">;

export interface ChatPort {
  acknowledge(request: AckRequest): Promise<void>;
  rate(request: RateRequest): Promise<void>;
  upload(request: UploadRequest): Promise<void>;
  /** The bytes of an attachment. */
  attachment(id: string, token: string): Promise<Blob>;
  /** A socket to `/chat/socket`, or null where there are none. */
  openSocket(): LiveSocket | null;
  createVisitor(): Promise<Visitor>;
  /** The conversation of the token's customer that goes on; null when there is none. */
  resume(request: ResumeRequest): Promise<Resumed | null>;
  /** The cases of the token's customer. */
  cases(token: string): Promise<CaseList>;
  case(token: string, caseNo: string): Promise<CaseDetail>;
  addFacts(request: FactsRequest): Promise<void>;
  send(request: SendRequest): Promise<void>;
  messages(request: PollRequest): Promise<Page>;
  /** The part of the log that ends before `before`; a server that cannot do it yet answers with another one. */
  earlier(request: EarlierRequest): Promise<Page>;
  /** Waits for a human no longer. */
  leaveQueue(request: LeaveRequest): Promise<void>;
}
