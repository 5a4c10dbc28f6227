import { css } from "lit";

/** The messages. */
export const log = css`
  .log-frame {
    position: relative;
    display: flex;
    flex: 1;
    min-height: 0;
  }
  .log {
    flex: 1;
    overflow-y: auto;
    overscroll-behavior: contain;
    padding: 16px 14px 20px;
    scrollbar-width: thin;
    scrollbar-color: var(--dot) transparent;
  }
  .log:focus-visible {
    outline-offset: -3px;
  }
  .message {
    display: flex;
    flex-direction: column;
    align-items: flex-start;
    gap: 6px;
    margin-top: 8px;
  }
  .message:has(.author),
  .message[data-author="borrower"] {
    margin-top: 16px;
  }
  .message[data-author="borrower"] + .message[data-author="borrower"] {
    margin-top: 8px;
  }
  .message[data-author="borrower"] {
    align-items: flex-end;
  }
  .author,
  .time,
  .delivery,
  .loading,
  .safety {
    color: var(--ink-soft);
    font-size: 12.5px;
    line-height: 1.5;
  }
  .author {
    padding-left: 4px;
  }
  .time,
  .loading {
    align-self: center;
    margin: 4px 0;
    text-align: center;
  }
  .safety {
    padding: 0 4px;
  }
  .bubble {
    max-width: 88%;
    padding: 10px 14px;
    border: 1px solid var(--line);
    border-radius: 4px var(--radius) var(--radius) var(--radius);
    background: var(--surface);
    overflow-wrap: anywhere;
  }
  .text {
    white-space: pre-wrap;
  }
  .bubble a {
    color: var(--accent-strong);
    text-underline-offset: 3px;
  }
  [data-author="borrower"] .bubble {
    border-color: transparent;
    border-radius: var(--radius) 4px var(--radius) var(--radius);
    background: var(--own);
    color: var(--own-ink);
  }
  [data-author="agent"] .bubble {
    border-color: var(--agent-line);
    background: var(--agent);
  }
  [data-author="system"] .bubble {
    border-style: dashed;
    background: transparent;
    color: var(--ink-soft);
    font-size: 14px;
  }
  [data-delivery="failed"] .bubble {
    background: var(--bad-ground);
  }
  .delivery {
    display: flex;
    align-items: center;
    padding-right: 4px;
  }
  .delivery .link {
    flex: none;
    white-space: nowrap;
  }
  .delivery.failed {
    color: var(--bad);
  }
  .upload progress {
    display: block;
    width: 180px;
    max-width: 100%;
    accent-color: var(--accent);
  }
  .rating fieldset {
    display: grid;
    gap: 8px;
    margin: 0;
    padding: 0;
    border: 0;
  }
  .rating legend {
    padding: 0;
  }
  /* Five to one in the document, shown the other way round: a chosen star colours itself and those after it. */
  .stars {
    display: flex;
    flex-direction: row-reverse;
    justify-content: flex-end;
  }
  .stars label {
    position: relative;
    display: grid;
    place-items: center;
    width: 44px;
    height: 44px;
    color: var(--star);
    font-size: 28px;
    cursor: pointer;
  }
  .stars input {
    position: absolute;
    inset: 0;
    margin: 0;
    opacity: 0;
    cursor: pointer;
  }
  .stars label:has(:checked),
  .stars label:has(:checked) ~ label {
    color: var(--accent);
  }
  .stars label:has(:focus-visible) {
    outline: 3px solid var(--focus);
    border-radius: 8px;
  }
  .rating textarea {
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
  .rating [role="alert"] {
    color: var(--bad);
  }
  .buttons,
  .starters {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
    margin-top: 2px;
    max-width: 100%;
  }
  .starters {
    margin-top: 18px;
  }
  .starters p {
    flex-basis: 100%;
    color: var(--ink-soft);
    font-size: 12.5px;
  }
  .buttons.list {
    flex-direction: column;
    align-items: stretch;
    width: 88%;
  }
  .buttons button,
  .starters button {
    padding: 6px 16px;
    border: 1px solid var(--tint-line);
    border-radius: 22px;
    background: var(--surface);
    color: var(--accent-strong);
    font-size: 14.5px;
    line-height: 1.4;
    text-align: left;
    overflow-wrap: anywhere;
  }
  .buttons.list button {
    border-radius: 12px;
  }
  .buttons button:hover,
  .starters button:hover,
  .earlier:hover {
    background: var(--tint);
  }
  .earlier {
    display: block;
    margin: 0 auto;
    padding: 0 16px;
    border-radius: 22px;
    color: var(--accent-strong);
    font-size: 14px;
  }
  .new-messages {
    position: absolute;
    bottom: 12px;
    left: 50%;
    display: flex;
    align-items: center;
    gap: 4px;
    padding: 0 12px 0 18px;
    border-radius: 22px;
    background: var(--ink);
    color: var(--surface);
    font-size: 14px;
    transform: translateX(-50%);
  }
  .new-messages svg {
    width: 18px;
    height: 18px;
  }
  .typing .bubble {
    display: flex;
    gap: 5px;
    padding: 15px 16px;
  }
  .typing i {
    width: 7px;
    height: 7px;
    border-radius: 50%;
    background: var(--dot);
    animation: breathe 1.2s ease-in-out infinite;
  }
  .typing i:nth-of-type(2) {
    animation-delay: 0.16s;
  }
  .typing i:nth-of-type(3) {
    animation-delay: 0.32s;
  }
  @keyframes breathe {
    50% {
      opacity: 0.25;
    }
  }
`;
