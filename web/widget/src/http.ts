/** The HTTP port of the chat server. Everything that can go wrong becomes a `NetworkError` or an `HttpError`. */

import { type Page, type Visitor, parsePage, parseVisitor } from "./wire.js";

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

export interface PollRequest {
  readonly sender: string;
  readonly token: string;
  readonly after: number;
  readonly waitSeconds: number;
  readonly signal: AbortSignal;
}

export interface LeaveRequest {
  readonly sender: string;
  readonly token: string;
}

export interface ChatPort {
  createVisitor(): Promise<Visitor>;
  send(request: SendRequest): Promise<void>;
  messages(request: PollRequest): Promise<Page>;
  /** Waits for a human no longer. */
  leaveQueue(request: LeaveRequest): Promise<void>;
}

/** The gateway answers within a few seconds even when Rasa is down; past this the connection is taken as dead. */
const TIMEOUT_MS = 20_000;

interface ErrorBody {
  readonly error?: { readonly code?: unknown };
}

export class HttpChatPort implements ChatPort {
  constructor(
    private readonly base: string,
    private readonly fetcher: typeof fetch = (input, init) => fetch(input, init),
  ) {}

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
    const init = { headers: { Authorization: `Bearer ${token}` }, signal };
    return parsed(parsePage, await this.call(`/chat/messages?${query.toString()}`, init, TIMEOUT_MS + waitSeconds * 1000));
  }

  private async post(path: string, token: string, body: object): Promise<void> {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    await this.call(path, { method: "POST", headers, body: JSON.stringify(body) }, TIMEOUT_MS);
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

function parsed<T>(parse: (json: unknown) => T, json: unknown): T {
  try {
    return parse(json);
  } catch (error) {
    throw new NetworkError("not the contract's JSON", { cause: error });
  }
}

function refusal(response: Response, body: unknown): HttpError {
  const code = (body as ErrorBody | null)?.error?.code;
  const seconds = Number(response.headers.get("Retry-After") ?? 0);
  return new HttpError(response.status, typeof code === "string" ? code : "unknown", Number.isFinite(seconds) ? seconds * 1000 : 0);
}
