import { describe, expect, it } from "vitest";

import type { ChatClient } from "../src/client.js";
import { parseCase, parseCases } from "../src/case-wire.js";
import { WireError } from "../src/json.js";
import { fakeCase } from "./fake-server.js";
import { pass, server, widget } from "./harness.js";

async function opened(): Promise<ChatClient> {
  server.casesOf["token-a"] = [fakeCase("C-2", "waiting_for_borrower"), fakeCase("C-1", "closed")];
  const client = widget("token-a");
  await Promise.all([client.cases.list(), pass()]);
  return client;
}

const numbers = ({ state }: ChatClient): string[] | undefined => state.cases.list?.cases.map(({ caseNo }) => caseNo);
const told = ({ state }: ChatClient): (string | null)[] | undefined => state.cases.detail?.events.map(({ text }) => text);

describe("the customer's cases", () => {
  it("are listed, and one is opened and left again", async () => {
    const client = await opened();
    expect(numbers(client)).toEqual(["C-2", "C-1"]);
    await Promise.all([client.cases.open("C-2"), pass()]);
    expect(client.state.cases).toMatchObject({ open: "C-2", state: "idle", detail: { case: { caseNo: "C-2", decideBy: "2026-08-25" } } });
    await Promise.all([client.cases.list(), pass()]);
    expect(client.state.cases).toMatchObject({ open: null, detail: null });
  });

  it("go when somebody else logs in, also when their answer was on its way", async () => {
    const client = await opened();
    let answer = (): void => undefined;
    server.slowly = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const opening = client.cases.open("C-2");
    await pass();
    client.setToken("token-b");
    expect(client.state.cases).toMatchObject({ list: null, open: null, detail: null });
    answer();
    await Promise.all([opening, pass()]);
    expect(client.state.cases).toMatchObject({ list: null, open: null, detail: null });
  });

  it("show the case that was asked for last", async () => {
    const client = await opened();
    await Promise.all([client.cases.open("C-2"), client.cases.open("C-1"), pass()]);
    expect(client.state.cases.detail?.case.caseNo).toBe("C-1");
  });

  it("are nobody's without a login", async () => {
    const client = widget();
    await Promise.all([client.cases.list(), pass()]);
    expect(client.state.cases.list).toBeNull();
  });

  it.each([503, "cut before"] as const)("can be asked for again after trouble (%s), which leaves the conversation alone", async (fault) => {
    const client = await opened();
    server.caseFaults.push(fault);
    await Promise.all([client.cases.open("C-2"), pass()]);
    expect(client.state.cases).toMatchObject({ state: "failed", open: "C-2" });
    expect(client.state.connection).toBe("new");
    await Promise.all([client.cases.reload(), pass()]);
    expect(client.state.cases.detail?.case.caseNo).toBe("C-2");
  });

  it("say that the login has ended", async () => {
    const client = await opened();
    server.refusedTokens.add("token-a");
    await Promise.all([client.cases.reload(), pass()]);
    expect(client.state.connection).toBe("expired");
  });
});

describe("what is added to a case", () => {
  it("stands in it, once, however often it is sent again", async () => {
    const client = await opened();
    await Promise.all([client.cases.open("C-2"), pass()]);
    server.caseFaults.push("cut after");
    await Promise.all([client.cases.addFacts("录音在这里"), pass()]);
    expect(client.state.cases.facts).toMatchObject({ state: "failed", text: "录音在这里" });
    await Promise.all([client.cases.addFacts("录音在这里"), pass()]);
    expect(client.state.cases.facts?.state).toBe("done");
    expect(told(client)).toEqual(["录音在这里"]);
    expect(new Set(server.facts.map(({ key }) => key)).size).toBe(1);
    await Promise.all([client.cases.addFacts("录音在这里"), pass()]);
    expect(new Set(server.facts.map(({ key }) => key)).size).toBe(2);
  });

  it("is kept with the reason when the case takes nothing any more", async () => {
    const client = await opened();
    await Promise.all([client.cases.open("C-1"), pass()]);
    server.caseFaults.push(409);
    await Promise.all([client.cases.addFacts("还有话说"), pass()]);
    expect(client.state.cases.facts).toMatchObject({ state: "failed", text: "还有话说", errorCode: "case_over" });
    expect(client.state.connection).toBe("new");
  });
});

describe("the wire", () => {
  it("refuses what is no case", () => {
    const card = fakeCase("C-1").case;
    for (const cases of [[{ ...card, type: "remedy" }], [{ ...card, case_no: 7 }], {}, undefined]) expect(() => parseCases({ cases, as_of: "2026-08-10" })).toThrow(WireError);
    expect(() => parseCase({ case: card, events: [{ type: "note" }], remedies: [], attachments: [], as_of: "2026-08-10" })).toThrow(WireError);
  });
});
