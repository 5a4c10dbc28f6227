/**
 * The demo page: logs invented customers in, and shows the SMS that a real phone would get. It uses the widget as any
 * host page does: the element's `token`, `show()`, `ask()` and its events.
 */

import type {} from "../src/element.js"; // the element's type; its code comes from /widget.js

interface DemoCustomer {
  readonly customer_id: string;
  readonly name: string;
  readonly story: string;
}

interface Login {
  readonly customerId: string;
  readonly token: string;
}

const LOGIN_KEY = "suixing-demo/login";

function find<T extends Element>(selector: string, kind: new () => T): T {
  const element = document.querySelector(selector);
  if (!(element instanceof kind)) throw new Error(`the page has no ${selector}`);
  return element;
}

const chat = document.getElementsByTagName("suixing-chat")[0] ?? document.body.appendChild(document.createElement("suixing-chat"));
const form = find("#login", HTMLFormElement);
const chooser = find("#customer", HTMLSelectElement);
const story = find("#story", HTMLElement);
const sms = find("#sms", HTMLElement);
const smsCode = find("#sms-code", HTMLElement);

/** The answer's JSON; null when the server refuses, or when nobody answers (which the page says). */
async function getJson(path: string, init?: RequestInit): Promise<unknown> {
  try {
    const response = await fetch(path, init);
    return response.ok ? await response.json() : null;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    story.dataset["failed"] = "";
    story.textContent = "演示服务暂时没有回应，请稍后刷新页面。";
    return null;
  }
}

function remembered(): Login | null {
  const raw = sessionStorage.getItem(LOGIN_KEY);
  return raw === null ? null : (JSON.parse(raw) as Login);
}

/** The login of this tab; the widget gets its token, or none. */
function use(login: Login | null): void {
  if (login === null) sessionStorage.removeItem(LOGIN_KEY);
  else sessionStorage.setItem(LOGIN_KEY, JSON.stringify(login));
  chat.token = login?.token ?? null;
  chooser.value = login?.customerId ?? "";
  story.textContent = chooser.selectedOptions[0]?.dataset["story"] ?? "";
  sms.hidden = true;
}

async function login(customerId: string): Promise<void> {
  if (customerId === "") {
    use(null);
    return;
  }
  const body = JSON.stringify({ customer_id: customerId });
  const init = { method: "POST", headers: { "Content-Type": "application/json" }, body };
  const answer = (await getJson("/demo/login", init)) as { token: string } | null;
  if (answer === null) story.textContent = "演示登录没有成功，请再选一次。";
  else use({ customerId, token: answer.token });
}

async function showSms(): Promise<void> {
  const login = remembered();
  if (login === null) return;
  const answer = (await getJson(`/demo/otp?customer_id=${encodeURIComponent(login.customerId)}`)) as { code: string } | null;
  if (answer === null) return;
  smsCode.textContent = answer.code;
  sms.hidden = false;
}

function option(value: string, text: string, story: string): HTMLOptionElement {
  const element = new Option(text, value);
  element.dataset["story"] = story;
  return element;
}

/** Without `DEMO=1` the list does not exist (404), and neither does the chooser. */
async function offerLogins(): Promise<void> {
  const customers = (await getJson("/demo/customers")) as readonly DemoCustomer[] | null;
  form.hidden = customers === null && story.dataset["failed"] === undefined;
  if (customers === null) return;
  chooser.append(...customers.map(({ customer_id, name, story }) => option(customer_id, `${name}（${customer_id}）`, story)));
  use(remembered());
}

chooser.addEventListener("change", () => void login(chooser.value));
form.addEventListener("submit", (event) => {
  event.preventDefault();
});
chat.addEventListener("suixing-step-up", () => void showSms());
chat.addEventListener("suixing-login", () => {
  chat.hide();
  form.scrollIntoView({ block: "center" });
  chooser.focus();
});
chat.addEventListener("suixing-expired", () => void login(remembered()?.customerId ?? "")); // the demo logs in again by itself
find("#sms-close", HTMLElement).addEventListener("click", () => {
  sms.hidden = true;
});
for (const button of document.querySelectorAll<HTMLElement>("[data-open]")) {
  button.addEventListener("click", () => {
    chat.show();
  });
}
for (const button of document.querySelectorAll<HTMLElement>("[data-ask]")) {
  button.addEventListener("click", () => {
    chat.ask(button.dataset["ask"] ?? "");
  });
}

const saved = remembered();
await customElements.whenDefined("suixing-chat");
if (saved !== null) chat.token = saved.token;
await offerLogins();
