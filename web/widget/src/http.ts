/** The HTTP port of the chat server. Everything that can go wrong becomes a `NetworkError` or an `HttpError`. */

import { type CaseDetail, type CaseList, parseCase, parseCases } from "./case-wire.js";
import {
  type AckRequest,
  type ChatPort,
  type EarlierRequest,
  type FactsRequest,
  HttpError,
  type LeaveRequest,
  type LiveSocket,
  NetworkError,
  type PollRequest,
  type RateRequest,
  type ResumeRequest,
  type SendRequest,
  type UploadRequest,
} from "./port.js";
import { type Page, type Resumed, type Visitor, parsePage, parseResumed, parseVisitor } from "./wire.js";

/** The gateway answers within a few seconds even when Rasa is down; past this the connection is taken as dead. */
const TIMEOUT_MS = 20_000;
/** 10 MiB over a slow 3G line take about four minutes. */
const UPLOAD_TIMEOUT_MS = 300_000;

interface ErrorBody {
  readonly error?: { readonly code?: unknown };
}

export class HttpChatPort implements ChatPort {
  constructor(
    private readonly base: string,
    private readonly fetcher: typeof fetch = (input, init) => fetch(input, init),
    private readonly socket: ((url: string) => LiveSocket) | null = null,
  ) {}

  openSocket(): LiveSocket | null {
    if (this.socket === null) return null;
    try {
      return this.socket(`${this.base.replace(/^http/u, "ws")}/chat/socket`);
    } catch (error) {
      if (error instanceof DOMException) return null; // the page's policy forbids it
      throw error;
    }
  }

  async acknowledge({ sender, token, delivered, read }: AckRequest): Promise<void> {
    await this.post("/chat/ack", token, { sender, delivered, read });
  }

  async rate({ sender, token, handoffId, score, comment }: RateRequest): Promise<void> {
    await this.post("/chat/rating", token, { sender, handoff_id: handoffId, score, ...(comment === "" ? {} : { comment }) });
  }

  async resume({ token, sender, visitorToken }: ResumeRequest): Promise<Resumed | null> {
    const known = { ...(sender === null ? {} : { sender }), ...(visitorToken === null ? {} : { visitor_token: visitorToken }) };
    return parsed(parseResumed, await this.post("/chat/resume", token, known));
  }

  async cases(token: string): Promise<CaseList> {
    return parsed(parseCases, await this.get("/chat/cases", token));
  }

  async case(token: string, caseNo: string): Promise<CaseDetail> {
    return parsed(parseCase, await this.get(`/chat/cases/${encodeURIComponent(caseNo)}`, token));
  }

  async addFacts({ token, caseNo, text, key }: FactsRequest): Promise<void> {
    await this.post(`/chat/cases/${encodeURIComponent(caseNo)}/facts`, token, { text }, { "Idempotency-Key": key });
  }

  async createVisitor(): Promise<Visitor> {
    return parsed(parseVisitor, await this.call("/chat/visitor", { method: "POST" }, TIMEOUT_MS));
  }

  async send({ sender, token, text, messageId, visitorToken }: SendRequest): Promise<void> {
    const proof = visitorToken === null ? {} : { visitor_token: visitorToken };
    await this.post("/webhooks/rest/webhook", token, { sender, message: text, metadata: { message_id: messageId, ...proof } });
  }

  async leaveQueue({ sender, token }: LeaveRequest): Promise<void> {
    await this.post("/chat/leave-queue", token, { sender });
  }

  async messages({ sender, token, after, waitSeconds, signal }: PollRequest): Promise<Page> {
    const query = new URLSearchParams({ sender, after: String(after), wait: String(waitSeconds) });
    const init = { headers: bearer(token), signal };
    return parsed(parsePage, await this.call(`/chat/messages?${query.toString()}`, init, TIMEOUT_MS + waitSeconds * 1000));
  }

  async earlier({ sender, token, before }: EarlierRequest): Promise<Page> {
    const query = new URLSearchParams({ sender, before: String(before) });
    return parsed(parsePage, await this.get(`/chat/messages?${query.toString()}`, token));
  }

  /** `XMLHttpRequest`, because `fetch` does not tell how far an upload is. */
  upload({ sender, token, file, messageId, caseNo, progress, signal }: UploadRequest): Promise<void> {
    const query = new URLSearchParams({ sender, message_id: messageId, ...(caseNo === null ? {} : { case_no: caseNo }) });
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const cancel = (): void => {
        request.abort();
      };
      signal.addEventListener("abort", cancel, { once: true });
      request.open("POST", `${this.base}/chat/attachments?${query.toString()}`);
      request.setRequestHeader("Authorization", `Bearer ${token}`);
      request.timeout = UPLOAD_TIMEOUT_MS;
      request.upload.onprogress = ({ loaded, total }): void => {
        progress(total > 0 ? loaded / total : 0);
      };
      request.onloadend = (): void => {
        signal.removeEventListener("abort", cancel);
        if (request.status >= 200 && request.status < 300) resolve();
        else if (request.status === 0) reject(new NetworkError("no answer"));
        else reject(new HttpError(request.status, codeIn(request.responseText), 0));
      };
      request.send(file);
    });
  }

  async attachment(id: string, token: string): Promise<Blob> {
    try {
      const response = await this.fetcher(`${this.base}/chat/attachments/${encodeURIComponent(id)}`, { headers: bearer(token), credentials: "omit" });
      if (!response.ok) throw refusal(response, await response.json().catch(() => null));
      return await response.blob();
    } catch (error) {
      if (error instanceof HttpError) throw error;
      throw new NetworkError("no answer", { cause: error });
    }
  }

  private get(path: string, token: string): Promise<unknown> {
    return this.call(path, { headers: bearer(token) }, TIMEOUT_MS);
  }

  private post(path: string, token: string, body: object, more: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const headers = { ...bearer(token), "Content-Type": "application/json", ...more };
    return this.call(path, { method: "POST", headers, body: JSON.stringify(body) }, TIMEOUT_MS);
  }

  private async call(path: string, init: RequestInit, timeoutMs: number): Promise<unknown> {
    const timeout = new AbortController();
    const cancel = (): void => {
      timeout.abort();
    };
    const timer = setTimeout(cancel, timeoutMs);
    init.signal?.addEventListener("abort", cancel, { once: true });
    try {
      const response = await this.fetcher(this.base + path, { ...init, signal: timeout.signal, credentials: "omit", cache: "no-store" });
      if (response.status === 204) return null;
      const body: unknown = response.ok ? await response.json() : await response.json().catch(() => null);
      if (!response.ok) throw refusal(response, body);
      return body;
    } catch (error) {
      if (error instanceof HttpError) throw error;
      throw new NetworkError("no answer", { cause: error });
    } finally {
      clearTimeout(timer);
      init.signal?.removeEventListener("abort", cancel);
    }
  }
}

const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });

function parsed<T>(parse: (json: unknown) => T, json: unknown): T {
  try {
    return parse(json);
  } catch (error) {
    throw new NetworkError("not the contract's JSON", { cause: error });
  }
}

function codeIn(text: string): string {
  try {
    const code = (JSON.parse(text) as ErrorBody | null)?.error?.code;
    return typeof code === "string" ? code : "unknown";
  } catch (error) {
    if (error instanceof SyntaxError) return "unknown"; // a proxy's page
    throw error;
  }
}

function refusal(response: Response, body: unknown): HttpError {
  const code = (body as ErrorBody | null)?.error?.code;
  const seconds = Number(response.headers.get("Retry-After") ?? 0);
  return new HttpError(response.status, typeof code === "string" ? code : "unknown", Number.isFinite(seconds) ? seconds * 1000 : 0);
}
