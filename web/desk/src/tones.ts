/** Colours that mean something: good, wait, bad, cool (the system's). Never the only sign: the word stands beside them. */

export type Tone = "plain" | "good" | "wait" | "bad" | "cool";

const TONES: Readonly<Record<string, Readonly<Record<string, Tone>>>> = {
  level: { identified: "good", stepped_up: "good" },
  reason: { fraud: "bad", distress: "bad", hardship: "bad", complaint: "wait", dispute: "wait" },
  skill: { fraud: "bad", hardship: "bad", complaints: "wait" },
  contractStatus: { open: "good", overdue: "bad" },
  payment: { settled: "good", failed: "bad", returned: "bad", processing: "wait", created: "wait" },
  schedule: { created: "good", refused: "bad" },
  cause: { system: "cool", borrower: "plain" },
  caseStatus: { proposed: "wait", decided: "good", remedied: "good", waiting_for_borrower: "cool", investigating: "cool", reopened: "wait" },
  remedy: { granted: "good", approved: "good", proposed: "wait", rejected: "bad" },
  handoff: { queued: "wait", assigned: "good" },
  officialResult: { official: "good", retired: "bad", unknown: "bad" },
  accountState: { first: "wait", closed: "plain" },
  role: { supervisor: "cool", admin: "wait" },
  presence: { online: "good", busy: "wait" },
  incidentStatus: { suspected: "wait", confirmed: "bad" },
  runStatus: { draft: "plain", proposed: "wait", approved: "cool", posting: "cool", done: "good", rejected: "bad" },
  itemStatus: { pending: "wait", posted: "good" },
  owner: { queue: "wait", agent: "good", bot: "cool" },
  correction: { marked: "wait", accepted: "good", rejected: "bad" },
};

export function toneOf(group: string, code: string): Tone {
  return TONES[group]?.[code] ?? "plain";
}

/** Of a deadline so many days ahead: red when late or today, amber within three days. */
export function deadlineTone(days: number): Tone {
  if (days <= 0) return "bad";
  return days <= 3 ? "wait" : "plain";
}

/** Of 1 to 5 stars. */
export function scoreTone(score: number): Tone {
  if (score >= 4) return "good";
  return score === 3 ? "wait" : "bad";
}

/** Of somebody who waits: amber after two minutes, red after five. */
export function waitingTone(seconds: number): Tone {
  if (seconds >= 300) return "bad";
  return seconds >= 120 ? "wait" : "plain";
}
