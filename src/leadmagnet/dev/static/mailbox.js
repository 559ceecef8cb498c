const REFRESH_MS = 2000;
const LATEST = 200;
const byId = (id) => document.getElementById(id);
const narrowScreen = matchMedia("(max-width: 760px)");

let mails = [];
let chosen = null;
let look = { part: "html", width: "wide", scheme: "light" };

function element(tag, text, attributes = {}) {
  const node = document.createElement(tag);
  node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function when(mail) {
  const date = new Date(mail.receivedAt);
  const today = date.toDateString() === new Date().toDateString();
  return today ? date.toLocaleTimeString() : date.toLocaleString();
}

function visible() {
  const words = byId("filter").value.trim().toLowerCase();
  return mails.filter((mail) => [...mail.to, mail.subject].join(" ").toLowerCase().includes(words));
}

function showList() {
  const rows = visible().map((mail) => {
    const row = element("button", "", { type: "button", "data-id": mail.id });
    row.append(
      element("strong", mail.to.join(", ")),
      element("time", when(mail), { datetime: mail.receivedAt }),
      element("span", mail.subject),
    );
    if (mail.id === chosen?.id) row.setAttribute("aria-current", "true");
    return row;
  });
  // The list is rebuilt every two seconds; a keyboard user must not lose their place.
  const focused = document.activeElement?.dataset?.id;
  byId("list").replaceChildren(...rows);
  if (focused) rows.find((row) => row.dataset.id === focused)?.focus();
  const many = mails.length === LATEST ? `latest ${LATEST} mails` : `${mails.length} mails`;
  byId("count").textContent = mails.length === 1 ? "1 mail" : many;
  byId("nothing").hidden = rows.length > 0 || chosen !== null;
  byId("empty").disabled = mails.length === 0;
}

function facts(mail) {
  const pairs = [["From", mail.from], ["To", mail.to.join(", ")]];
  if (mail.replyTo.length) pairs.push(["Reply to", mail.replyTo.join(", ")]);
  pairs.push(["Received", new Date(mail.receivedAt).toLocaleString()]);
  return pairs.flatMap(([name, value]) => [element("dt", name), element("dd", value)]);
}

function headerRows(mail) {
  const sections = [
    ["Headers", Object.entries(mail.headers)],
    ["Tags", Object.entries(mail.tags)],
    ["Sent with", [["Configuration set", mail.configurationSet ?? "none"], ["Message id", mail.id]]],
  ];
  return sections.flatMap(([title, pairs]) => {
    const heading = element("tr", "");
    heading.append(element("th", pairs.length ? title : `${title}: none`, { colspan: "2" }));
    const rows = pairs.map(([name, value]) => {
      const row = element("tr", "");
      row.append(element("th", name, { scope: "row" }), element("td", value));
      return row;
    });
    return [heading, ...rows];
  });
}

function showMail(mail) {
  chosen = mail;
  location.hash = mail ? mail.id : "";
  document.body.classList.toggle("reading", mail !== null);
  byId("pane").hidden = mail === null;
  if (mail) {
    byId("subject").textContent = mail.subject;
    byId("facts").replaceChildren(...facts(mail));
    byId("text").textContent = mail.text ?? "This mail has no text part.";
    byId("headers").firstElementChild.replaceChildren(...headerRows(mail));
    byId("frame").src = `/api/messages/${encodeURIComponent(mail.id)}/html`;
    if (mail.html === null && look.part === "html") look.part = "text";
  }
  showLook();
  showList();
}

function showLook() {
  for (const tab of document.querySelectorAll("[data-part]")) {
    const selected = tab.dataset.part === look.part;
    tab.setAttribute("aria-selected", String(selected));
    byId(tab.dataset.part).hidden = !selected;
  }
  for (const choice of ["width", "scheme"]) {
    for (const button of document.querySelectorAll(`[data-${choice}]`)) {
      button.setAttribute("aria-pressed", String(button.dataset[choice] === look[choice]));
    }
  }
  byId("looks").hidden = look.part !== "html";
  byId("frame").className = `${look.width} ${look.scheme}`;
}

async function refresh() {
  try {
    const response = await fetch(`/api/messages?limit=${LATEST}`);
    const latest = await response.json();
    const changed = latest[0]?.id !== mails[0]?.id || latest.length !== mails.length;
    mails = latest;
    if (changed) showList();
    if (chosen && !mails.some((mail) => mail.id === chosen.id)) showMail(null);
  } catch {
    byId("count").textContent = "not running";
  }
}

async function start() {
  await refresh();
  showList();
  const linked = mails.find((mail) => mail.id === location.hash.slice(1));
  const first = narrowScreen.matches ? null : mails[0];
  if (linked ?? first) showMail(linked ?? first);
  setInterval(refresh, REFRESH_MS);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { id, part, width, scheme } = button.dataset;
  if (id) showMail(mails.find((mail) => mail.id === id) ?? null);
  if (part) look.part = part;
  if (width) look.width = width;
  if (scheme) look.scheme = scheme;
  if (part || width || scheme) showLook();
});
byId("back").addEventListener("click", () => showMail(null));
byId("filter").addEventListener("input", showList);
byId("empty").addEventListener("click", async () => {
  await fetch("/api/messages", { method: "DELETE" });
  await refresh();
});
start();
