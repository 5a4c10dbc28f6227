import { css } from "lit";

export const attachment = css`
  :host {
    display: block;
    max-width: 88%;
  }
  img {
    display: block;
    max-width: 100%;
    max-height: 320px;
    border: 1px solid var(--line);
    border-radius: var(--radius);
  }
  .file {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px 8px;
    padding: 4px 8px 4px 14px;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--surface);
  }
  .file p {
    flex-basis: 100%;
    color: var(--bad);
  }
`;
