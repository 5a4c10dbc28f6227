import { css } from "lit";

/** Cards: white paper, figures that line up, colours that always come with a word. */
export const cards = css`
  .card {
    width: min(100%, 340px);
    padding: 12px 14px 14px;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--surface);
    font-size: 14px;
    font-variant-numeric: tabular-nums;
    box-shadow: 0 1px 2px rgb(67 35 16 / 5%);
  }
  .card-title {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 8px;
    min-height: 26px;
    margin-bottom: 8px;
    font-size: 15px;
    font-weight: 700;
  }
  .badge {
    flex: none;
    padding: 1px 10px;
    border-radius: 12px;
    background: var(--plain-ground);
    color: var(--ink-soft);
    font-size: 12.5px;
    font-weight: 600;
  }
  .badge[data-tone="good"] {
    background: var(--good-ground);
    color: var(--good);
  }
  .badge[data-tone="wait"] {
    background: var(--wait-ground);
    color: var(--wait);
  }
  .badge[data-tone="bad"] {
    background: var(--bad-ground);
    color: var(--bad);
  }
  .total {
    display: flex;
    align-items: baseline;
    justify-content: space-between;
    gap: 8px;
    padding-bottom: 4px;
  }
  .total strong {
    color: var(--accent);
    font-size: 22px;
    line-height: 1.4;
  }
  .amounts {
    width: 100%;
    margin-top: 8px;
    padding-top: 8px;
    border-top: 1px dashed var(--line);
    border-spacing: 0;
  }
  .amounts caption {
    padding: 8px 0 0;
    border-top: 1px dashed var(--line);
    font-weight: 600;
    text-align: left;
  }
  .amounts {
    padding-top: 0;
    border-top: 0;
  }
  .amounts th {
    padding: 1px 0;
    color: var(--ink-soft);
    font-weight: 400;
    text-align: left;
  }
  .amounts td {
    padding: 1px 0;
    text-align: right;
  }
  .amounts tfoot :is(th, td) {
    color: var(--ink);
    font-weight: 600;
  }
  .number {
    color: var(--ink-soft);
    font-size: 12.5px;
    font-weight: 400;
    overflow-wrap: anywhere;
  }
  .row {
    display: flex;
    justify-content: space-between;
    gap: 12px;
    padding: 2px 0;
  }
  .row dt {
    flex: none;
    color: var(--ink-soft);
  }
  .row dd {
    text-align: right;
    overflow-wrap: anywhere;
  }
  .row.strong dd,
  .row.strong > span:first-child {
    font-size: 15px;
    font-weight: 700;
  }
  .note {
    margin-top: 8px;
    color: var(--ink-soft);
    font-size: 13px;
    line-height: 1.55;
  }
  .message > .note {
    margin-top: 0;
    padding-left: 4px;
  }
  .card-title + .note {
    margin-top: 0;
  }
  .card > .primary {
    width: 100%;
    margin-top: 12px;
  }
  .payments li + li {
    margin-top: 10px;
    padding-top: 10px;
    border-top: 1px dashed var(--line);
  }
  .payments .row:not(.strong) {
    color: var(--ink-soft);
    font-size: 12.5px;
  }
  .payments .note {
    margin-top: 4px;
  }
  .days {
    display: flex;
    flex-wrap: wrap;
    gap: 4px;
    margin-top: 12px;
  }
  .days li {
    position: relative;
    display: grid;
    place-items: center;
    width: 28px;
    height: 28px;
    border-radius: 8px;
    font-size: 13px;
    font-weight: 600;
  }
  .days [data-cause="system"] {
    background: var(--system-ground);
    color: var(--system);
  }
  .days [data-cause="borrower"] {
    background: var(--wait-ground);
    color: var(--wait);
    border: 1px solid var(--wait-line);
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    gap: 4px 16px;
    margin-top: 6px;
    font-size: 12.5px;
    color: var(--ink-soft);
  }
  .legend span::before {
    content: "";
    display: inline-block;
    width: 10px;
    height: 10px;
    margin-right: 6px;
    border-radius: 3px;
    background: var(--system-line);
  }
  .legend [data-cause="borrower"]::before {
    background: var(--wait-line);
  }
  .stretches {
    margin-top: 10px;
  }
  .stretches li {
    margin-top: 8px;
    padding-left: 10px;
    border-left: 3px solid var(--system-line);
    font-size: 13.5px;
  }
  .stretches [data-cause="borrower"] {
    border-color: var(--wait-line);
  }
  .stretches p {
    color: var(--ink-soft);
    font-size: 13px;
  }
  details {
    margin-top: 8px;
  }
  summary {
    display: flex;
    align-items: center;
    min-height: 44px;
    color: var(--accent-strong);
    cursor: pointer;
  }
  summary::before {
    content: "";
    width: 7px;
    height: 7px;
    margin: 0 10px 0 3px;
    border: solid currentColor;
    border-width: 0 2px 2px 0;
    transform: rotate(-45deg);
  }
  details[open] summary::before {
    transform: rotate(45deg);
  }
  .timeline li {
    position: relative;
    display: flex;
    flex-direction: column;
    padding: 0 0 10px 18px;
    font-size: 13.5px;
  }
  .timeline li::before {
    content: "";
    position: absolute;
    top: 7px;
    left: 3px;
    width: 8px;
    height: 8px;
    border-radius: 50%;
    background: var(--dot);
  }
  .timeline li:not(:last-child)::after {
    content: "";
    position: absolute;
    top: 18px;
    bottom: -4px;
    left: 6.5px;
    width: 1px;
    background: var(--line);
  }
  .timeline time {
    color: var(--ink-soft);
    font-size: 12.5px;
  }
`;
