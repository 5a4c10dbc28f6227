import { css } from "lit";

/** Habits shared by every part. The colours are inherited from the element itself (theme.ts). */
export const base = css`
  :host {
    --radius: var(--suixing-radius, 16px);
    font-family: var(
      --suixing-font,
      system-ui,
      -apple-system,
      "PingFang SC",
      "HarmonyOS Sans SC",
      "MiSans",
      "Noto Sans CJK SC",
      "Microsoft YaHei",
      sans-serif
    );
    font-size: 15px;
    line-height: 1.6;
    color: var(--ink);
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  [hidden] {
    display: none !important;
  }
  p,
  h2,
  h3,
  dl,
  dd,
  ul,
  ol {
    margin: 0;
    padding: 0;
    list-style: none;
  }
  button {
    font: inherit;
    color: inherit;
    cursor: pointer;
    min-height: 44px;
    border: 0;
    background: none;
    touch-action: manipulation;
  }
  button[aria-disabled="true"] {
    cursor: default;
  }
  :focus-visible {
    outline: 3px solid var(--focus);
    outline-offset: 2px;
  }
  .hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .primary {
    padding: 0 18px;
    border-radius: 12px;
    background: var(--accent);
    color: var(--on-accent);
    font-weight: 600;
    white-space: nowrap;
  }
  .primary:hover {
    background: var(--accent-strong);
  }
  .primary[aria-disabled="true"] {
    background: var(--off);
    color: var(--off-ink);
  }
  .link {
    padding: 0 8px;
    color: var(--accent-strong);
    text-decoration: underline;
    text-underline-offset: 3px;
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation: none !important;
      transition: none !important;
      scroll-behavior: auto !important;
    }
  }
`;
