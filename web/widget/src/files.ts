/** Which files are sent at all. The server decides by content; this spares a borrower the wait for a certain refusal. */

const MAX_BYTES = 10 * 1024 * 1024;
export const ACCEPTED = "image/jpeg,image/png,image/webp,application/pdf";

/** The server's code of the refusal that this file would meet, or null. A browser that does not know the type says "". */
export function refusedFile(file: Pick<File, "size" | "type">): string | null {
  if (file.size === 0) return "attachment_empty";
  if (file.size > MAX_BYTES) return "payload_too_large";
  return file.type === "" || ACCEPTED.split(",").includes(file.type) ? null : "attachment_type_not_allowed";
}

/** 1536 → `2 KB`, 2621440 → `2.5 MB`. */
export function fileSize(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
