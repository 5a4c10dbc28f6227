import { css } from "lit";

/** Theme and habits shared by every part. A host page themes the widget by setting the `--suixing-*` variables on it. */
export const base = css`
  :host {
    --accent: var(--suixing-accent, #c2410c);
    --accent-strong: var(--suixing-accent-strong, #9a3412);
    --on-accent: var(--suixing-on-accent, #ffffff);
    --surface: var(--suixing-surface, #ffffff);
    --ground: var(--suixing-ground, #faf6f2);
    --ink: var(--suixing-ink, #2b211c);
    --ink-soft: var(--suixing-ink-soft, #6b5d54);
    --line: var(--suixing-line, #ebe0d7);
    --own: var(--suixing-own, #ffe7d9);
    --own-ink: var(--suixing-own-ink, #45200d);
    --good: #14663c;
    --good-ground: #e3f4ea;
    --wait: #7c4a03;
    --wait-ground: #fff1d6;
    --bad: #a3211b;
    --bad-ground: #fde8e6;
    --system: #0f5e78;
    --system-ground: #d9eff7;
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
    outline: 3px solid #1d6fd8;
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
    background: #e9ded6;
    color: #6b5d54;
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
