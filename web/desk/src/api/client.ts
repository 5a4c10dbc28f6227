/**
 * The HTTP side of the desk: the browser's session cookie, the CSRF token with each change, a time limit, and one error type.
 * A browser's login gets no bearer token.
 */

import createClient from "openapi-fetch";

import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** Nobody answered, or with something that is not the contract's JSON. */
export const NO_ANSWER = "no_answer";

/** The server refused. `code` is its stable error code; `details` as in its documentation. */
export class DeskError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(`HTTP ${status} ${code}`);
  }

  /** The same request may succeed later. */
  get temporary(): boolean {
    return this.status === 0 || this.status >= 500 || [408, 425].includes(this.status);
  }
}

const TIMEOUT_MS = 20_000;
const READING = new Set(["GET", "HEAD", "OPTIONS"]);
const RELOGIN = new Set(["session_ended", "token_required", "token_invalid", "token_expired"]);

export interface ClientOptions {
  readonly fetcher?: (request: Request) => Promise<Response>;
  readonly timeoutMs?: number;
  readonly baseUrl?: string;
}

export type Api = ReturnType<typeof createClient<paths>>;

export class DeskClient {
  /** Typed by the server's OpenAPI document; go through `ask` so that refusals are thrown. */
  readonly api: Api;
  private csrfToken: string | null = null;
  private readonly onEnded = new Set<() => void>();
  private readonly fetcher: (request: Request) => Promise<Response>;
  private readonly timeoutMs: number;

  constructor({ fetcher = (request) => fetch(request), timeoutMs = TIMEOUT_MS, baseUrl = "" }: ClientOptions = {}) {
    this.fetcher = fetcher;
    this.timeoutMs = timeoutMs;
    this.api = createClient<paths>({ baseUrl, fetch: (request: Request) => this.send(request) });
  }

  useCsrf(token: string | null): void {
    this.csrfToken = token;
  }

  /** Calls `listener` whenever the server says that nobody is logged in. */
  whenSessionEnds(listener: () => void): void {
    this.onEnded.add(listener);
  }

  /** The body of a good answer. Throws `DeskError` for everything else. */
  async ask<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
    const { data, error, response } = await call;
    if (response.ok) return data as T;
    throw this.refused(refusal(response.status, error));
  }

  /** Sends a file as it is: the body of an upload. */
  async upload<T>(path: string, file: Blob): Promise<T> {
    const request = new Request(path, { method: "POST", body: file, headers: { "Content-Type": file.type || "application/octet-stream" } });
    const response = await this.send(request);
    const body: unknown = await response.json().catch(() => null);
    if (response.ok) return body as T;
    throw this.refused(refusal(response.status, body));
  }

  private refused(error: DeskError): DeskError {
    if (error.status === 401 && RELOGIN.has(error.code)) for (const listener of this.onEnded) listener();
    return error;
  }

  /** A refusal that arrives after a new login was meant for the session before: the request is made once more. */
  private async send(original: Request): Promise<Response> {
    const token = this.csrfToken;
    const response = await this.sendOnce(original.clone());
    const renewed = this.csrfToken !== null && this.csrfToken !== token;
    return response.status === 401 && renewed ? this.sendOnce(original) : response;
  }

  private async sendOnce(original: Request): Promise<Response> {
    const headers = new Headers(original.headers);
    if (!READING.has(original.method) && this.csrfToken !== null) headers.set("X-CSRF-Token", this.csrfToken);
    const limit = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        limit.abort();
        reject(new Error("timed out"));
      }, this.timeoutMs);
    });
    const request = new Request(original, { headers, signal: limit.signal, credentials: "same-origin", cache: "no-store" });
    try {
      return await Promise.race([this.fetcher(request), late]);
    } catch (error) {
      throw new DeskError(0, NO_ANSWER, { cause: String(error) });
    } finally {
      clearTimeout(timer);
    }
  }
}

interface ErrorBody {
  readonly error?: { readonly code?: unknown; readonly details?: unknown };
}

/** What the server's error body says; a body that is not ours becomes `unknown`. */
export function refusal(status: number, body: unknown): DeskError {
  const error = typeof body === "object" && body !== null ? (body as ErrorBody).error : undefined;
  const details = typeof error?.details === "object" && error.details !== null ? (error.details as Record<string, unknown>) : {};
  return new DeskError(status, typeof error?.code === "string" ? error.code : "unknown", details);
}
