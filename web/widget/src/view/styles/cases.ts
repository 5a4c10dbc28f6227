import { css } from "lit";

/** The tabs, and "我的案件". */
export const cases = css`
  .tabs {
    display: flex;
    flex: none;
    border-bottom: 1px solid var(--line);
    background: var(--surface);
  }
  .tabs button {
    flex: 1;
    border-bottom: 3px solid transparent;
    color: var(--ink-soft);
    font-size: 15px;
  }
  .tabs [aria-selected="true"] {
    border-bottom-color: var(--accent);
    color: var(--accent-strong);
    font-weight: 600;
  }
  .tabs :focus-visible {
    outline-offset: -3px;
  }
  .mark {
    margin-left: 6px;
    padding: 0 6px;
    border-radius: 10px;
    background: #b3121d;
    color: #fff;
    font-size: 12px;
    font-weight: 600;
  }
  .panel {
    display: flex;
    flex: 1;
    flex-direction: column;
    min-height: 0;
  }
  .case-panel {
    gap: 12px;
    overflow-y: auto;
    overscroll-behavior: contain;
    padding: 14px 14px max(20px, env(safe-area-inset-bottom));
    scrollbar-width: thin;
    scrollbar-color: var(--dot) transparent;
  }
  .case-panel > * {
    flex: none;
  }
  .case-panel .card {
    width: 100%;
  }
  .case-list,
  .files ul {
    display: grid;
    gap: 12px;
  }
  .case-item {
    position: relative;
  }
  .case-item .card-title {
    align-items: flex-start;
    margin-bottom: 4px;
  }
  .case-open {
    min-height: 0;
    padding: 0;
    font-weight: 700;
    text-align: left;
  }
  .case-open::after {
    content: "";
    position: absolute;
    inset: 0;
    border-radius: var(--radius);
  }
  .case-open:focus-visible {
    outline: none;
  }
  .case-open:focus-visible::after {
    outline: 3px solid var(--focus);
    outline-offset: 2px;
  }
  .case-item:hover {
    border-color: var(--tint-line);
    background: var(--tint);
  }
  .next {
    margin-top: 8px;
    padding-top: 8px;
    border-top: 1px dashed var(--line);
  }
  .back {
    display: flex;
    align-items: center;
    align-self: flex-start;
    margin: -8px 0 -12px -8px;
    padding: 0 12px 0 0;
  }
  h3,
  h4 {
    margin: 0;
    font-weight: 700;
  }
  h3 {
    font-size: 17px;
  }
  h4 {
    font-size: 15px;
  }
  h3:focus {
    outline: none;
  }
  .case-panel .rows {
    margin-top: 8px;
  }
  .words {
    margin-top: 6px;
    padding-left: 10px;
    border-left: 3px solid var(--wait-line);
    overflow-wrap: anywhere;
    white-space: pre-wrap;
  }
  .case-panel .timeline {
    margin-top: 8px;
  }
  .case-panel .timeline .row {
    display: block;
  }
  .case-panel .timeline dd {
    text-align: left;
  }
  .case-panel .timeline .words {
    border-color: var(--line);
  }
  .outline {
    display: flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    width: 100%;
    margin-top: 12px;
    border: 1px solid var(--tint-line);
    border-radius: 12px;
    color: var(--accent-strong);
    font-weight: 600;
  }
  .outline:hover {
    background: var(--tint);
  }
  .outline svg {
    width: 20px;
    height: 20px;
  }
  .files .message {
    align-items: stretch;
  }
  .files .bubble {
    max-width: none;
  }
  .facts {
    display: grid;
    gap: 6px;
  }
  .facts label {
    font-size: 15px;
    font-weight: 700;
  }
  .facts textarea {
    width: 100%;
    padding: 8px 12px;
    border: 1px solid var(--field-line);
    border-radius: 12px;
    background: var(--surface);
    color: var(--ink);
    font: inherit;
    font-size: 16px;
    resize: none;
  }
  .facts .note {
    margin-top: 0;
  }
  .facts [role="status"] {
    color: var(--good);
  }
  .facts [role="alert"],
  .trouble {
    color: var(--bad);
  }
  .none {
    color: var(--ink-soft);
  }
`;
