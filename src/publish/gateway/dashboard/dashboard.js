"use strict";

// Between two looks at the queues; each asks the broker about all of them.
const LOOK_EVERY = 2000;
// Points of a chart: ten minutes.
const POINTS = 300;
// Dead letters shown of a group.
const PREVIEW = 5;

const element = (id) => document.getElementById(id);
const token = element("token");
const depths = new Map();

token.value = sessionStorage.getItem("fanout-token") ?? "";
token.addEventListener("change", () => {
  sessionStorage.setItem("fanout-token", token.value);
  lookAtDead();
});
element("forget").addEventListener("click", () => {
  sessionStorage.removeItem("fanout-token");
  token.value = "";
  say("The token is forgotten.");
});

function say(text) {
  element("said").textContent = text;
}

async function call(method, path, body) {
  const headers = {};
  if (token.value) headers.authorization = `Bearer ${token.value}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(path, {
    method, headers, body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(60000),
  });
  const text = await answer.text();
  let content;
  try { content = JSON.parse(text); } catch { content = { detail: text }; }
  if (!answer.ok && !(path === "/health" && content.status)) {
    throw new Error(content.detail ?? `the gateway answered ${answer.status}`);
  }
  return content;
}

// Everything that comes from outside goes through textContent.
function cell(row, content, kind) {
  const made = row.insertCell();
  if (kind) made.className = kind;
  if (content instanceof Node) made.append(content);
  else made.textContent = content ?? "–";
  return made;
}

// The place is where the keyboard goes back to when a table is made anew.
function button(text, label, place, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.dataset.place = place;
  made.textContent = text;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

function chart(points, name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const most = Math.max(1, ...points);
  svg.setAttribute("viewBox", `0 0 ${POINTS} 100`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${name}: ${points.at(-1) ?? 0} now, ${most} at most`);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  const left = POINTS - points.length;
  line.setAttribute("points", points.map((y, x) => `${left + x},${98 - (96 * y) / most}`).join(" "));
  svg.append(line);
  return svg;
}

function total(retry) {
  const all = Object.values(retry ?? {});
  return all.some((one) => one === null) ? null : all.reduce((sum, one) => sum + one, 0);
}

// Keeps the keyboard where it is when a table is made anew.
function refill(body, fill) {
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset.place : null;
  body.replaceChildren();
  fill(body);
  if (focused) [...body.querySelectorAll("button")].find((one) => one.dataset.place === focused)?.focus();
}

function queueRow(body, queue) {
  const seen = depths.get(queue.name) ?? [];
  seen.push(queue.messages_ready ?? 0);
  depths.set(queue.name, seen.slice(-POINTS));
  const row = body.insertRow();
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = queue.name;
  row.append(name);
  cell(row, queue.messages_ready, "figure");
  cell(row, queue.messages_unacknowledged, "figure");
  cell(row, total(queue.retry), "figure");
  cell(row, queue.suspects, queue.suspects ? "figure bad" : "figure");
  cell(row, queue.consumers, queue.consumers === 0 && !queue.paused ? "figure bad" : "figure");
  const rate = queue.rates?.acknowledge;
  cell(row, rate === null || rate === undefined ? null : Math.round(rate), "figure");
  cell(row, `${queue.dead_letters ?? "–"} (${queue.dead_letter_queue})`, queue.dead_letters ? "figure bad" : "figure");
  cell(row, chart(depths.get(queue.name), `Depth of ${queue.name}`));
  const paused = queue.paused === true;
  const word = paused ? "resume" : "pause";
  const act = () => change(`/rabbitmq/queues/${encodeURIComponent(queue.name)}/${word}`, `${queue.name}: ${word}d`);
  const made = cell(row, button(paused ? "Resume" : "Pause", `${paused ? "Resume" : "Pause"} ${queue.name}`, queue.name, act));
  if (paused) made.prepend(Object.assign(document.createElement("span"), { className: "bad", textContent: "paused " }));
}

async function change(path, done) {
  try {
    await call("POST", path);
    say(done);
    await look();
  } catch (error) {
    say(error.message);
  }
}

function showIssues(issues) {
  const list = element("issues");
  list.replaceChildren(...(issues.length ? issues : ["nothing"]).map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    item.className = issues.length ? "bad" : "calm";
    return item;
  }));
}

async function look() {
  try {
    const health = await call("GET", "/health");
    const broker = health.dependencies?.rabbitmq;
    element("state").textContent = `${health.status} · broker ${broker?.status ?? "unknown"} · ${broker?.pending_events ?? 0} events wait for it`;
    element("state").className = health.status === "healthy" ? "calm" : "bad";
    showIssues(health.issues ?? []);
    const queues = await call("GET", "/rabbitmq/queues");
    refill(element("queues").tBodies[0], (body) => queues.forEach((queue) => queueRow(body, queue)));
  } catch (error) {
    element("state").textContent = `no figures: ${error.message}`;
    element("state").className = "bad";
  }
}

function groupRow(body, group) {
  const row = body.insertRow();
  const reason = document.createElement("th");
  reason.scope = "row";
  reason.textContent = group.reason;
  row.append(reason);
  cell(row, group.count, "figure");
  cell(row, group.queue);
  cell(row, group.kind);
  cell(row, group.error, "error");
  cell(row, group.newest);
  const name = `${group.reason}, ${group.kind ?? "no kind"}`;
  const both = document.createDocumentFragment();
  both.append(button("Preview", `Preview ${name}`, `preview ${group.id}`, () => preview(group)), " ",
    button("Replay", `Replay ${name}`, `replay ${group.id}`, () => askReplay(group)));
  cell(row, both);
}

async function lookAtDead() {
  element("dead-state").textContent = "reading …";
  try {
    const all = await call("GET", "/dlq/groups");
    refill(element("groups").tBodies[0], (body) => all.groups.forEach((group) => groupRow(body, group)));
    const groups = all.groups.length === 1 ? "one group" : `${all.groups.length} groups`;
    const rest = all.other ? `, and ${all.other} of further groups` : "";
    element("dead-state").textContent = `${all.ready} dead letters in ${groups}${rest}`;
  } catch (error) {
    element("dead-state").textContent = error.message;
  }
}

function open(title, body, word, act) {
  element("ask-title").textContent = title;
  element("ask-body").replaceChildren(...body);
  const go = element("ask-do");
  go.hidden = !act;
  go.textContent = word ?? "";
  go.onclick = act ? async () => { element("ask").close(); await act(); } : null;
  element("ask").showModal();
  // Enter by accident changes nothing.
  element("ask-close").focus();
}

element("ask-close").addEventListener("click", () => element("ask").close());

async function preview(group) {
  try {
    const page = await call("GET", `/dlq?group=${encodeURIComponent(group.id)}&limit=${PREVIEW}`);
    const [first, ...others] = page.dead_letters;
    // Each look for one letter reads the queue: the first in full, the others as listed.
    const letters = first ? [await call("GET", `/dlq/${encodeURIComponent(first.id)}`), ...others] : [];
    open(`${group.reason}: ${letters.length} of ${group.count}`, letters.map((letter) => {
      const text = document.createElement("pre");
      text.tabIndex = 0;
      text.textContent = JSON.stringify(letter, null, 2);
      return text;
    }));
  } catch (error) {
    say(error.message);
  }
}

function askReplay(group) {
  const text = document.createElement("p");
  text.textContent = `${group.count} events go back to ${group.queue ?? "their queues"}, in steps of 1, 10, 100, 1,000; it stops where one fails again.`;
  open(`Replay ${group.reason}?`, [text], "Replay", () => replay(group));
}

async function replay(group) {
  say(`replaying ${group.count} …`);
  try {
    const answer = await call("POST", "/dlq/replay", { group: group.id, canary: true });
    const report = answer.running ? await end(group) : answer;
    const why = report.stopped ? `, stopped: ${report.stopped.detail ?? "asked to"}` : "";
    say(`replay of ${group.reason}: ${report.done} went back${why}`);
  } catch (error) {
    say(error.message);
  }
  await lookAtDead();
}

// A long replay goes on without an answer; its report comes at the end.
async function end(group) {
  for (;;) {
    await new Promise((done) => setTimeout(done, LOOK_EVERY));
    const run = await call("GET", "/dlq/replay");
    if (run.error) throw new Error(run.error);
    if (!run.running) return run.report ?? { done: run.done };
    say(`replay of ${group.reason} goes on: ${run.done} went back, waiting for what becomes of them`);
  }
}

element("look").addEventListener("click", lookAtDead);

// One look after the other, and none while nobody looks at the page.
async function turn() {
  if (!document.hidden) await look();
  setTimeout(turn, LOOK_EVERY);
}

turn();
lookAtDead();
