import { css } from "lit";

export const composer = css`
  :host {
    position: static;
    display: block;
    flex: none;
    border-top: 1px solid var(--line);
    background: var(--surface);
    padding: 10px 12px max(6px, env(safe-area-inset-bottom));
  }
  form {
    display: grid;
    grid-template-columns: auto 1fr auto;
    gap: 4px 8px;
    align-items: end;
  }
  textarea {
    width: 100%;
    min-height: 44px;
    max-height: 132px;
    padding: 9px 14px;
    resize: none;
    border: 1px solid var(--field-line);
    border-radius: 22px;
    background: var(--surface);
    color: var(--ink);
    font: inherit;
    font-size: 16px;
    line-height: 24px;
  }
  textarea::placeholder {
    color: var(--placeholder);
  }
  textarea:focus {
    border-color: var(--accent);
    outline: 2px solid var(--accent);
    outline-offset: -1px;
  }
  textarea[aria-invalid="true"] {
    border-color: var(--bad);
    outline-color: var(--bad);
  }
  .attach {
    display: grid;
    place-items: center;
    width: 44px;
    padding: 0;
    border-radius: 50%;
    color: var(--ink-soft);
  }
  .attach:hover {
    color: var(--accent-strong);
  }
  .send {
    display: grid;
    place-items: center;
    width: 44px;
    height: 44px;
    border-radius: 50%;
    background: var(--accent);
    color: var(--on-accent);
  }
  .send:hover {
    background: var(--accent-strong);
  }
  .send[aria-disabled="true"] {
    background: var(--off);
    color: var(--off-ink);
  }
  .foot {
    display: flex;
    grid-column: 1 / -1;
    justify-content: space-between;
    gap: 8px;
    min-height: 18px;
    padding: 0 6px;
    color: var(--ink-soft);
    font-size: 12px;
    line-height: 18px;
  }
  .over,
  [data-over] {
    color: var(--bad);
    font-weight: 600;
  }
  #hint {
    flex: 1;
  }
  .foot:has([data-over]) #hint {
    display: none;
  }
  @media (pointer: coarse) {
    #hint {
      visibility: hidden;
    }
  }
`;
