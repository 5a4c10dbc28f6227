/** What may be done with a case: which fields each command asks for, and the call that carries it out. */

import type { Schemas } from "./api/client";
import { api, ask, client } from "./api/desk";
import { fen } from "./format";

export type Command = Schemas["CaseDetail"]["commands"][number];
export type Audience = Schemas["CaseEvent"]["audience"];
export type Outcome = Schemas["DecisionRequest"]["outcome"];

export interface CommandForm {
  owner: string;
  text: string;
  audience: Audience | null;
  days: 30 | 60;
  yuan: string;
  facts: string;
  reasons: string;
  remedy: string;
  outcome: Outcome | null;
  appeal: boolean;
  contractNo: string;
  instalment: number | null;
  customerId: string;
  file: File | null;
}

export type Field = "owner" | "text" | "audience" | "days" | "yuan" | "decision" | "appeal" | "instalment" | "customerId" | "file";

export function emptyForm(): CommandForm {
  return {
    owner: "",
    text: "",
    audience: null,
    days: 30,
    yuan: "",
    facts: "",
    reasons: "",
    remedy: "",
    outcome: null,
    appeal: false,
    contractNo: "",
    instalment: null,
    customerId: "",
    file: null,
  };
}

export function fieldsOf(command: Command, item: Pick<Schemas["CaseItem"], "contract_no" | "instalment">): readonly Field[] {
  switch (command) {
    case "assign":
      return ["owner"];
    case "note":
      return ["text", "audience"];
    case "ask_borrower":
    case "reject_remedy":
    case "refuse_extension":
      return ["text"];
    case "request_extension":
      return ["days", "text"];
    case "propose_remedy":
      return ["yuan", "text"];
    case "decide":
      return ["decision"];
    case "reopen":
      return ["text", "appeal"];
    case "correct_report":
      return item.contract_no === null || item.instalment === null ? ["instalment"] : [];
    case "join_customer":
      return ["customerId"];
    case "attach":
      return ["file", "audience"];
    case "investigate":
    case "approve_extension":
    case "approve_remedy":
    case "close":
      return [];
  }
}

/** Whether everything that the server insists on is there. An empty amount takes the bot's draft. */
export function complete(fields: readonly Field[], form: CommandForm): boolean {
  const filled: Readonly<Record<Field, boolean>> = {
    owner: form.owner.trim() !== "",
    text: form.text.trim() !== "",
    audience: form.audience !== null,
    days: true,
    yuan: form.yuan.trim() === "" || (fen(form.yuan) ?? 0) > 0,
    decision: [form.facts, form.reasons, form.remedy].every((part) => part.trim() !== "") && form.outcome !== null,
    appeal: true,
    instalment: form.contractNo.trim() !== "" && (form.instalment ?? 0) > 0,
    customerId: form.customerId.trim() !== "",
    file: form.file !== null,
  };
  return fields.every((field) => filled[field]);
}

/** `key` makes a repetition safe. Throws `DeskError`. */
export async function carryOut(command: Command, caseNo: string, form: CommandForm, key: string, remedyNo: number | null): Promise<void> {
  const params = { path: { case_no: caseNo }, header: { "Idempotency-Key": key } };
  const remedy = { ...params, path: { case_no: caseNo, remedy_no: remedyNo ?? 0 } };
  const reason = form.text.trim();
  switch (command) {
    case "assign":
      await ask(api.POST("/desk/api/cases/{case_no}/assign", { params, body: { owner: form.owner } }));
      return;
    case "note":
      await ask(api.POST("/desk/api/cases/{case_no}/notes", { params, body: { text: reason, audience: form.audience ?? "internal" } }));
      return;
    case "ask_borrower":
      await ask(api.POST("/desk/api/cases/{case_no}/ask", { params, body: { question: reason } }));
      return;
    case "investigate":
      await ask(api.POST("/desk/api/cases/{case_no}/investigate", { params }));
      return;
    case "request_extension":
      await ask(api.POST("/desk/api/cases/{case_no}/extension", { params, body: { days: form.days, reason } }));
      return;
    case "approve_extension":
      await ask(api.POST("/desk/api/cases/{case_no}/extension/approve", { params }));
      return;
    case "refuse_extension":
      await ask(api.POST("/desk/api/cases/{case_no}/extension/refuse", { params, body: { reason } }));
      return;
    case "propose_remedy":
      await ask(api.POST("/desk/api/cases/{case_no}/remedies", { params, body: { amount: form.yuan.trim() === "" ? null : fen(form.yuan), reason } }));
      return;
    case "approve_remedy":
      await ask(api.POST("/desk/api/cases/{case_no}/remedies/{remedy_no}/approve", { params: remedy }));
      return;
    case "reject_remedy":
      await ask(api.POST("/desk/api/cases/{case_no}/remedies/{remedy_no}/reject", { params: remedy, body: { reason } }));
      return;
    case "decide": {
      const { facts, reasons, remedy: text, outcome } = form;
      await ask(api.POST("/desk/api/cases/{case_no}/decide", { params, body: { facts, reasons, remedy: text, outcome: outcome ?? "partly" } }));
      return;
    }
    case "close":
      await ask(api.POST("/desk/api/cases/{case_no}/close", { params }));
      return;
    case "reopen":
      await ask(api.POST("/desk/api/cases/{case_no}/reopen", { params, body: { reason, appeal: form.appeal } }));
      return;
    case "correct_report": {
      const about = form.contractNo === "" ? null : { contract_no: form.contractNo.trim(), instalment: form.instalment ?? 0 };
      await ask(api.POST("/desk/api/cases/{case_no}/correct-report", { params, body: { about } }));
      return;
    }
    case "join_customer":
      await ask(api.POST("/desk/api/cases/{case_no}/customer", { params, body: { customer_id: form.customerId.trim() } }));
      return;
    case "attach":
      if (form.file !== null)
        await client.upload(`/desk/api/cases/${encodeURIComponent(caseNo)}/attachments?audience=${form.audience ?? "internal"}`, form.file);
  }
}
