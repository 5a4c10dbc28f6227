/**
 * The chat server in memory, behind the real HTTP port: it implements `fetch` for the contract's addresses, keeps a log
 * for each (sender, customer) and can misbehave on demand. Time is vitest's fake time.
 */

interface Stored {
  seq: number;
  author: string;
  at: string;
  text?: string;
  buttons?: readonly { title: string; payload: string }[];
  custom?: unknown;
  client_id?: string;
}

export type Fault = "cut before" | "cut after" | "silent" | number;

interface Conversation {
  messages: Stored[];
  owner: "bot" | "queue" | "agent";
  answered: Set<string>;
}

export class FakeServer {
  /** The next POSTs of messages go wrong like this, one each. `cut after`: taken, but the answer is lost. */
  readonly postFaults: Fault[] = [];
  readonly pollFaults: Fault[] = [];
  readonly posts: { sender: string; token: string; text: string; messageId: string }[] = [];
  readonly polls: { sender: string; after: number; wait: number }[] = [];
  readonly refusedTokens = new Set<string>();
  readonly conversations = new Map<string, Conversation>();
  /** At most so many messages in one answer of the log. */
  pageSize = 200;
  /** Sends each message of a page twice. */
  stutters = false;
  /** Answers long polls at once, with nothing. */
  impatient = false;
  visitors = 0;
  reply: (text: string) => Omit<Stored, "seq" | "at" | "author">[] = (text) => [{ text: `收到：${text}` }];
  private waiting: (() => void)[] = [];

  readonly fetch: typeof fetch = async (input, init = {}) => {
    const url = new URL(input as string, "http://chat.test");
    if (url.pathname === "/chat/visitor") {
      this.visitors += 1;
      return json(201, { sender: `v-${this.visitors}`, token: `visitor-${this.visitors}` });
    }
    const token = (new Headers(init.headers).get("Authorization") ?? "").replace("Bearer ", "");
    if (url.pathname === "/webhooks/rest/webhook") return this.post(JSON.parse(init.body as string) as Body, token, init.signal);
    if (url.pathname === "/chat/leave-queue") return this.leave((JSON.parse(init.body as string) as Body).sender, token);
    if (url.pathname === "/chat/messages") return this.poll(url.searchParams, token, init.signal);
    return refusal(404, "not_found");
  };

  conversation(sender: string, token: string): Conversation {
    const key = token.startsWith("visitor-") ? sender : `${sender} ${token}`; // (sender, customer), as in the real one
    const found = this.conversations.get(key) ?? { messages: [], owner: "bot" as const, answered: new Set<string>() };
    this.conversations.set(key, found);
    return found;
  }

  say(sender: string, token: string, message: Omit<Stored, "seq" | "at">): void {
    const { messages } = this.conversation(sender, token);
    messages.push({ ...message, seq: (messages.at(-1)?.seq ?? 0) + 1, at: new Date().toISOString() });
    this.waiting.splice(0).forEach((wake) => {
      wake();
    });
  }

  /** The first message after login takes the visitor's conversation over, if the visitor's token proves who it was. */
  private adopt(sender: string, token: string, visitorToken: string | undefined): void {
    const anonymous = this.conversations.get(sender);
    if (token.startsWith("visitor-") || anonymous === undefined || visitorToken !== sender.replace("v-", "visitor-")) return;
    if (this.conversations.has(`${sender} ${token}`)) return;
    this.conversations.set(`${sender} ${token}`, anonymous);
    this.conversations.delete(sender);
  }

  private async post({ sender, message, metadata }: Body, token: string, signal: AbortSignal | null | undefined): Promise<Response> {
    this.posts.push({ sender, token, text: message, messageId: metadata.message_id });
    const fault = this.postFaults.shift();
    if (this.refusedTokens.has(token)) return refusal(401, "token_expired");
    if (fault === "cut before") throw new TypeError("network");
    if (fault === "silent") return never(signal);
    if (typeof fault === "number") return refusal(fault, fault === 413 ? "message_too_long" : "trouble", fault === 429 ? "7" : undefined);
    this.adopt(sender, token, metadata.visitor_token);
    const conversation = this.conversation(sender, token);
    if (!conversation.answered.has(metadata.message_id)) {
      conversation.answered.add(metadata.message_id);
      this.say(sender, token, { author: "borrower", text: message, client_id: metadata.message_id });
      if (conversation.owner === "bot") this.reply(message).forEach((answer) => { this.say(sender, token, { author: "bot", ...answer }); });
    }
    if (fault === "cut after") throw new TypeError("network");
    return json(200, []);
  }

  private leave(sender: string, token: string): Response {
    const conversation = this.conversation(sender, token);
    if (conversation.owner !== "queue") return refusal(409, "not_in_queue");
    conversation.owner = "bot";
    this.say(sender, token, { author: "system", text: "好的，先不排了" });
    return json(200, { messages: conversation.messages, last_seq: conversation.messages.length, owner: "bot" });
  }

  private async poll(query: URLSearchParams, token: string, signal: AbortSignal | null | undefined): Promise<Response> {
    const sender = query.get("sender") ?? "";
    const after = Number(query.get("after"));
    const wait = Number(query.get("wait"));
    this.polls.push({ sender, after, wait });
    const fault = this.pollFaults.shift();
    if (this.refusedTokens.has(token)) return refusal(401, "token_expired");
    if (fault === "silent") return never(signal);
    if (typeof fault === "number") return refusal(fault, "trouble");
    if (fault !== undefined) throw new TypeError("network");
    const conversation = this.conversation(sender, token);
    const fresh = (): Stored[] => conversation.messages.filter(({ seq }) => seq > after).slice(0, this.pageSize);
    if (fresh().length === 0 && wait > 0 && !this.impatient) await this.somethingNew(wait, signal);
    const lastSeq = Math.min(after, conversation.messages.length);
    const messages = this.stutters ? [...fresh(), ...fresh()] : fresh();
    return json(200, { messages, last_seq: fresh().at(-1)?.seq ?? lastSeq, owner: conversation.owner });
  }

  private async somethingNew(seconds: number, signal: AbortSignal | null | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
      signal?.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(new DOMException("aborted", "AbortError"));
      });
    });
  }
}

interface Body {
  readonly sender: string;
  readonly message: string;
  readonly metadata: { readonly message_id: string; readonly visitor_token?: string };
}

function json(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
}

function refusal(status: number, code: string, retryAfter?: string): Response {
  const headers = retryAfter === undefined ? {} : { "Retry-After": retryAfter };
  return new Response(JSON.stringify({ error: { code, message: "no", details: {} } }), { status, headers });
}

function never(signal: AbortSignal | null | undefined): Promise<Response> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => {
      reject(new DOMException("aborted", "AbortError"));
    });
  });
}
