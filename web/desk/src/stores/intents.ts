/** The catalogue of intents; it does not change while the page is open. */

import type { Schemas } from "@/api/client";
import { api, ask } from "@/api/desk";

let catalogue: Promise<readonly Schemas["IntentView"][]> | null = null;

/** Throws `DeskError`; the next call asks again then. */
export function intents(): Promise<readonly Schemas["IntentView"][]> {
  catalogue ??= ask(api.GET("/desk/api/intents")).then(
    (found) => found.intents,
    (error: unknown) => {
      catalogue = null;
      throw error;
    },
  );
  return catalogue;
}
