import { describe, expect, it, vi } from "vitest";

import { DeskClient, DeskError, NO_ANSWER } from "../src/api/client";

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly csrf: string | null;
  readonly authorization: string | null;
  readonly credentials: string;
  readonly body: string;
}

/** A server that answers as told and remembers what it was asked. */
function server(...answers: (readonly [number, unknown] | "down" | "hangs")[]): { client: DeskClient; seen: Seen[] } {
  const seen: Seen[] = [];
  const fetcher = async (request: Request): Promise<Response> => {
    const answer = answers[seen.length] ?? [200, {}];
    seen.push({
      method: request.method,
      path: new URL(request.url).pathname + new URL(request.url).search,
      csrf: request.headers.get("X-CSRF-Token"),
      authorization: request.headers.get("Authorization"),
      credentials: request.credentials,
      body: await request.clone().text(),
    });
    if (answer === "down") throw new TypeError("Failed to fetch");
    if (answer === "hangs")
      return new Promise((_, reject) => {
        request.signal.addEventListener("abort", () => {
          reject(new DOMException("timed out", "AbortError"));
        });
      });
    const [status, body] = answer;
    return status === 204 ? new Response(null, { status }) : Response.json(body, { status });
  };
  return { client: new DeskClient({ fetcher, baseUrl: "http://desk", timeoutMs: 50 }), seen };
}

const refused = (code: string, details: object = {}): unknown => ({ error: { code, message: "", details } });

async function failure(work: Promise<unknown>): Promise<DeskError> {
  return work.then(
    () => {
      throw new Error("it was not refused");
    },
    (error: unknown) => {
      expect(error).toBeInstanceOf(DeskError);
      return error as DeskError;
    },
  );
}

describe("the client", () => {
  it("makes a request once more that was refused to a session from before a new login", async () => {
    let logIn = (): void => undefined;
    const seen: (string | null)[] = [];
    const fetcher = async (request: Request): Promise<Response> => {
      seen.push(request.headers.get("X-CSRF-Token"), await request.text());
      if (seen.length > 2) return Response.json({ seq: 7 }, { status: 201 });
      logIn();
      return Response.json(refused("session_ended"), { status: 401 });
    };
    const client = new DeskClient({ fetcher, baseUrl: "http://desk" });
    const ended = vi.fn();
    client.whenSessionEnds(ended);
    client.useCsrf("c-1");
    logIn = (): void => {
      client.useCsrf("c-2");
    };
    const body = { text: "我在，请讲。", message_id: "m-1" };
    const { seq } = await client.ask(client.api.POST("/desk/api/conversations/{conversation_id}/reply", { params: { path: { conversation_id: "ab" } }, body }));
    expect(seq).toBe(7);
    expect(seen).toEqual(["c-1", JSON.stringify(body), "c-2", JSON.stringify(body)]);
    expect(ended).not.toHaveBeenCalled();
  });

  it("sends the CSRF token with each change and never with a question", async () => {
    const { client, seen } = server([200, { waiting: [], mine: [] }], [204, null], [201, { seq: 7 }]);
    client.useCsrf("c-1");
    await client.ask(client.api.GET("/desk/api/queue"));
    await client.ask(client.api.POST("/desk/api/presence", { body: { presence: "online" } }));
    const params = { path: { conversation_id: "ab" } };
    const stored = await client.ask(client.api.POST("/desk/api/conversations/{conversation_id}/reply", { params, body: { text: "您好", message_id: "m" } }));
    expect(seen.map(({ method, csrf }) => [method, csrf])).toEqual([["GET", null], ["POST", "c-1"], ["POST", "c-1"]]);
    expect(stored.seq).toBe(7);
    expect(JSON.parse(seen[2]?.body ?? "")).toEqual({ text: "您好", message_id: "m" });
  });

  it("relies on the cookie and never sends the bearer token that the login answers", async () => {
    const { client, seen } = server([200, { token: "secret", csrf_token: "c" }], [200, { waiting: [], mine: [] }]);
    await client.ask(client.api.POST("/desk/api/login", { body: { agent_id: "A2001", password: "x" } }));
    await client.ask(client.api.GET("/desk/api/queue"));
    expect(seen.map(({ authorization, credentials }) => [authorization, credentials])).toEqual([[null, "same-origin"], [null, "same-origin"]]);
  });

  it("says that the session ended once the server knows none, and keeps the error", async () => {
    const { client } = server([401, refused("session_ended")], [401, refused("login_failed")]);
    let ended = 0;
    client.whenSessionEnds(() => {
      ended += 1;
    });
    expect((await failure(client.ask(client.api.GET("/desk/api/queue")))).code).toBe("session_ended");
    expect(ended).toBe(1);
    await failure(client.ask(client.api.POST("/desk/api/login", { body: { agent_id: "A2001", password: "wrong" } })));
    expect(ended, "a wrong password ends no session").toBe(1);
  });

  it.each([
    [[429, refused("login_locked", { retry_after: 900 })] as const, { status: 429, code: "login_locked", details: { retry_after: 900 } }],
    [[500, "<html>"] as const, { status: 500, code: "unknown", details: {} }],
    [[409, null] as const, { status: 409, code: "unknown", details: {} }],
    [[403, { error: { code: 7 } }] as const, { status: 403, code: "unknown", details: {} }],
  ])("reads the refusal %j", async (answer, expected) => {
    const { client } = server(answer);
    expect(await failure(client.ask(client.api.GET("/desk/api/queue")))).toMatchObject(expected);
  });

  it.each(["down", "hangs"] as const)("takes a server that is %s for no answer, which is temporary", async (answer) => {
    const { client } = server(answer);
    const error = await failure(client.ask(client.api.GET("/desk/api/queue")));
    expect([error.code, error.temporary]).toEqual([NO_ANSWER, true]);
  });

  it("repeats a list parameter by name", async () => {
    const { client, seen } = server([200, { cases: [], next_cursor: null }]);
    await client.ask(client.api.GET("/desk/api/cases", { params: { query: { status: ["proposed", "received"], text: "扣款&a=b" } } }));
    expect(seen[0]?.path).toBe("/desk/api/cases?status=proposed&status=received&text=%E6%89%A3%E6%AC%BE%26a%3Db");
  });
});
