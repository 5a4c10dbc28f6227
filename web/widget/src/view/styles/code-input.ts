import { css } from "lit";

export const codeInput = css`
  :host {
    position: static;
    display: block;
  }
  label {
    color: var(--ink-soft);
    font-size: 13px;
  }
  .line {
    display: flex;
    gap: 8px;
    margin-top: 6px;
  }
  input {
    flex: 1;
    min-width: 0;
    height: 48px;
    border: 1px solid var(--field-line);
    border-radius: 12px;
    background: var(--surface);
    color: var(--ink);
    font: 600 20px/1 ui-monospace, "SF Mono", Menlo, "Noto Sans Mono CJK SC", monospace;
    letter-spacing: 0.32em;
    text-align: center;
  }
  input::placeholder {
    color: var(--placeholder);
  }
  .primary {
    height: 48px;
  }
  #help {
    margin-top: 8px;
    color: var(--ink-soft);
    font-size: 12.5px;
  }
`;
