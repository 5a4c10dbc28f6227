import { css } from "lit";

/** Launcher, window, header, banner. Everything is fixed above the host page, which never moves. */
export const shell = css`
  :host {
    position: fixed;
    z-index: var(--suixing-z-index, 2147483000);
    inset: 0 auto auto 0;
    width: 0;
    height: 0;
  }
  .launcher,
  .window {
    position: fixed;
    right: var(--suixing-right, 20px);
    bottom: var(--suixing-bottom, 20px);
  }
  .launcher {
    display: flex;
    align-items: center;
    gap: 6px;
    height: 56px;
    padding: 0 20px 0 16px;
    border-radius: 28px;
    background: var(--accent);
    color: var(--on-accent);
    font-size: 16px;
    font-weight: 600;
    box-shadow: 0 8px 24px rgb(120 53 15 / 28%);
    transition: background 0.15s ease;
  }
  .launcher:hover {
    background: var(--accent-strong);
  }
  .unread {
    position: absolute;
    top: -6px;
    right: -4px;
    min-width: 24px;
    padding: 0 6px;
    border: 2px solid var(--surface);
    border-radius: 14px;
    background: #b3121d;
    color: #fff;
    font-size: 13px;
    line-height: 20px;
    text-align: center;
  }
  .window {
    display: flex;
    flex-direction: column;
    width: min(400px, calc(100vw - 40px));
    height: min(720px, calc(100dvh - 40px));
    overflow: hidden;
    border: 1px solid var(--line);
    border-radius: 20px;
    background: var(--ground);
    box-shadow: 0 18px 60px rgb(67 35 16 / 24%);
    animation: appear 0.18s ease-out;
  }
  @keyframes appear {
    from {
      opacity: 0;
      transform: translateY(12px);
    }
  }
  .header {
    display: flex;
    align-items: center;
    gap: 8px;
    flex: none;
    min-height: 64px;
    padding: 8px 8px 8px 14px;
    border-bottom: 1px solid var(--line);
    background: var(--surface);
  }
  .logo {
    display: grid;
    place-items: center;
    flex: none;
    width: 40px;
    height: 40px;
    border-radius: 50%;
    background: linear-gradient(140deg, #f97316, var(--accent));
    color: var(--on-accent);
  }
  .titles {
    flex: 1;
    min-width: 0;
  }
  h2 {
    font-size: 17px;
    font-weight: 700;
    line-height: 1.35;
  }
  h2:focus {
    outline: none;
  }
  .titles p {
    overflow: hidden;
    color: var(--ink-soft);
    font-size: 12.5px;
    line-height: 1.4;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .human {
    display: flex;
    align-items: center;
    gap: 4px;
    flex: none;
    padding: 0 12px 0 8px;
    border: 1px solid var(--tint-line);
    border-radius: 22px;
    background: var(--tint);
    color: var(--accent-strong);
    font-size: 14px;
    font-weight: 600;
  }
  .human svg {
    width: 20px;
    height: 20px;
  }
  .human:hover:not([aria-disabled]) {
    background: var(--tint-strong);
  }
  .human[aria-disabled="true"] {
    border-color: var(--line);
    background: var(--ground);
    color: var(--ink-soft);
  }
  .sound,
  .close {
    display: grid;
    place-items: center;
    flex: none;
    width: 44px;
    border-radius: 50%;
    color: var(--ink-soft);
  }
  .sound {
    width: 44px;
    padding: 0;
  }
  .sound svg {
    width: 20px;
    height: 20px;
  }
  .sound:hover,
  .close:hover {
    background: var(--ground);
  }
  .banner {
    flex: none;
  }
  .banner p {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 8px;
    padding: 8px 16px;
    font-size: 13.5px;
    line-height: 1.5;
  }
  .banner [data-tone="info"] {
    background: var(--system-ground);
    color: var(--system);
  }
  .banner [data-tone="warn"] {
    background: var(--wait-ground);
    color: var(--wait);
  }
  .banner .link {
    flex: none;
  }
  @media (max-width: 480px) {
    .window {
      inset: 0;
      width: 100%;
      height: 100%;
      border: 0;
      border-radius: 0;
      box-shadow: none;
      padding-top: env(safe-area-inset-top);
    }
  }
  @media print {
    :host {
      display: none;
    }
  }
`;
