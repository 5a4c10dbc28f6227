/** Deciding on a mass remediation, from wherever it is shown. Both ask first; `null`: they changed their mind. Throw `DeskError`. */

import { ElMessageBox } from "element-plus/es";

import type { Schemas } from "./api/client";
import { api, ask } from "./api/desk";
import { money } from "./format";
import { T } from "./texts";

const BUTTONS = { confirmButtonText: T.common.confirm, cancelButtonText: T.common.cancel };

export async function approveRun(run: Schemas["RunView"]): Promise<Schemas["RunState"] | null> {
  try {
    await ElMessageBox.confirm(T.remediation.approveAsk(run.people ?? 0, money(run.amount ?? 0)), T.remediation.approve, BUTTONS);
  } catch {
    return null;
  }
  return ask(api.POST("/desk/api/remediation/runs/{run_no}/approve", { params: { path: { run_no: run.run_no } } }));
}

export async function rejectRun(run: Schemas["RunView"]): Promise<Schemas["RunState"] | null> {
  let reason: string;
  try {
    const answer = await ElMessageBox.prompt(T.common.reason, T.remediation.reject, {
      ...BUTTONS,
      inputValidator: (value: string) => value.trim() !== "" || T.common.required,
    });
    reason = (answer as { value: string }).value.trim();
  } catch {
    return null;
  }
  return ask(api.POST("/desk/api/remediation/runs/{run_no}/reject", { params: { path: { run_no: run.run_no } }, body: { reason } }));
}
