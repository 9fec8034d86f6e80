// Enhances the pages: live updates, relative times, keyboard shortcuts. Every page works without it.
"use strict";
(() => {
  const EVERY = 5000; // where no stream is to be had
  const QUIET = 30000; // between two questions beside a stream: other replicas tell it nothing
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

  function said(milliseconds) {
    let rest = Math.abs(milliseconds) / 1000;
    if (rest < 1) return "now";
    if (rest >= 600) rest -= rest % 60; // from ten minutes on nobody asks for seconds
    else if (rest >= 10) rest = Math.round(rest);
    const parts = [];
    for (const [unit, size] of units) {
      const count = Math.floor(rest / size);
      if (count) parts.push(`${count} ${unit}`);
      else if (parts.length) break;
      rest -= count * size;
    }
    const length = parts.slice(0, 2).join(" ");
    return milliseconds > 0 ? `in ${length}` : `${length} ago`;
  }

  // A browser may keep nothing for us, and then says so by throwing.
  const kept = name => { try { return localStorage.getItem(`chronos-${name}`); } catch { return null; } };
  const keep = (name, value) => { try { localStorage.setItem(`chronos-${name}`, value); } catch { /* for this page only */ } };

  let ahead = 0; // of the server's clock over ours
  let format; // ten milliseconds to make, and most pages show no local time
  const local = at => (format ??= new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "medium"})).format(at);
  const WAYS = {
    long: ["Times: relative", at => said(at - Date.now() - ahead)],
    utc: ["Times: UTC", at => `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`],
    here: ["Times: local", at => local(at)],
  };
  let way = kept("times") in WAYS ? kept("times") : "long";
  function count() {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = Date.parse(time.dateTime);
      const words = WAYS[way][1](at);
      if (time.textContent !== words) time.textContent = words;
    }
  }
  document.addEventListener("pointerover", event => {
    const time = event.target.closest?.("time[datetime]");
    if (!time || time.dataset.local) return;
    time.dataset.local = "1";
    time.title += ` · ${local(Date.parse(time.dateTime))} local time`;
  });

  // Only what is marked as live is exchanged, and not while somebody is in it: focus, text and open details stay.
  function isBusy(part) {
    const focused = document.activeElement;
    return (focused && focused !== document.body && part.contains(focused) && !focused.matches("[tabindex='0'],a"))
      || part.querySelector("details[open]") || String(getSelection() || "") !== "" && getSelection().containsNode(part, true);
  }
  let asked = Date.now(); // as the page itself is loaded
  let rest = 1000; // between two refreshes: ten times as long as one takes
  let due = 0;
  let stream = null;
  let tab; // its next page takes the stream of this one over
  try { tab = sessionStorage.getItem("chronos-tab"); } catch { /* a stream for each page, then */ }
  if (!tab) {
    tab = Math.random().toString(36).slice(2);
    try { sessionStorage.setItem("chronos-tab", tab); } catch { /* as above */ }
  }
  const isStreaming = () => stream !== null && stream.readyState === EventSource.OPEN;
  function soon() {
    due = due || setTimeout(() => { due = 0; refresh().catch(() => {}); }, Math.max(0, asked + rest - Date.now()));
  }
  // The runner has few streams: a page that nobody looks at gives its own back.
  function listen() {
    if (document.hidden) { stream?.close(); stream = null; return; }
    if (stream && stream.readyState !== EventSource.CLOSED) return;
    const isFirst = stream === null && Date.now() - asked < EVERY;
    stream = new EventSource(`${document.body.dataset.stream}?tab=${tab}`);
    stream.addEventListener("changed", soon);
    stream.addEventListener("open", () => { if (!isFirst) soon(); });
  }
  // A page that cannot be refreshed says so, and since when: old news must not pass for new.
  let fresh = Date.now();
  function away(kind) {
    const place = document.getElementById("away");
    if (!place || (place.dataset.kind || "") === kind) return;
    place.dataset.kind = kind;
    for (const said of place.querySelectorAll("p")) said.remove();
    if (!kind) return;
    const said = place.querySelector(`[data-away=${kind}]`).content.cloneNode(true);
    said.querySelector("[data-at]").textContent = local(fresh);
    place.append(said);
  }
  let question = 0; // an answer to an earlier one comes too late
  async function refresh(isAsked = false) {
    if (document.hidden) return;
    asked = Date.now();
    const mine = ++question;
    let answer;
    try {
      answer = await fetch(location.href, {headers: {Accept: "text/html"}, credentials: "same-origin"});
    } catch { away("gone"); return; }
    if (answer.redirected) { away("out"); return; }
    if (answer.status >= 502) away("gone"); // what a proxy answers for it
    if (!answer.ok) return;
    fresh = Date.now();
    away("");
    rest = Math.min(EVERY, Math.max(1000, 10 * (Date.now() - asked)));
    const date = Date.parse(answer.headers.get("Date"));
    if (date && Math.abs(date - Date.now()) > 2000) ahead = date - Date.now();
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== question) return;
    document.title = parsed.title;
    document.documentElement.dataset.refreshed = ""; // rows that are there already do not appear again
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = parsed.querySelector(`[data-live="${part.dataset.live}"]`);
      if (!next || (!isAsked && isBusy(part)) || part.outerHTML === next.outerHTML) continue;
      const link = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      const at = [...part.querySelectorAll("[data-row]")].findIndex(row => row.classList.contains("at"));
      part.replaceWith(next);
      if (link) next.querySelector(`a[href="${CSS.escape(link)}"]`)?.focus();
      if (at >= 0) next.querySelectorAll("[data-row]")[at]?.classList.add("at");
    }
    count();
  }

  // The list follows what is typed; without scripts the button does the same.
  const find = document.querySelector("[data-find]");
  let typed = 0;
  find?.addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(() => {
      const given = [...new FormData(find)].filter(([, value]) => value !== "");
      const query = new URLSearchParams(given).toString();
      history.replaceState(null, "", find.action + (query ? `?${query}` : ""));
      refresh(true).catch(() => {});
    }, 150);
  });

  const rows = () => [...document.querySelectorAll("[data-row]")];
  function move(step) {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex(row => row.classList.contains("at"));
    all[at]?.classList.remove("at");
    const row = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + step))];
    row.classList.add("at");
    row.scrollIntoView({block: "nearest"});
    row.querySelector("th a, td a")?.focus({preventScroll: true});
  }
  const THEMES = {"": "system", light: "light", dark: "dark"};
  let theme = kept("theme") in THEMES ? kept("theme") : "";
  const after = (value, among) => among[(among.indexOf(value) + 1) % among.length];
  const button = id => document.getElementById(id);
  function dress() {
    document.documentElement.dataset.theme = theme;
    if (button("theme")) button("theme").textContent = `Theme: ${THEMES[theme]}`;
    if (button("times")) button("times").textContent = WAYS[way][0];
    if (button("keys")) button("keys").textContent = keysOn ? "Disable shortcuts" : "Enable shortcuts";
  }
  const acts = {
    theme() { theme = after(theme, Object.keys(THEMES)); keep("theme", theme); dress(); },
    times() { way = after(way, Object.keys(WAYS)); keep("times", way); dress(); count(); },
    keys() { keysOn = !keysOn; keep("keys", keysOn ? "on" : "off"); dress(); },
    ask() { button("help")?.showModal(); },
  };
  let keysOn = kept("keys") !== "off";
  const PRESSED = {t: "theme", z: "times", "?": "ask"};
  const TURNED = {"[": "prev", "]": "next"};
  let going = 0;
  document.addEventListener("keydown", event => {
    if (!keysOn || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const page = Date.now() - going < 1500 && document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    going = 0;
    if (page) page.click();
    else if (event.key === "g") going = Date.now();
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "/") {
      event.preventDefault();
      document.querySelector("input[type=search]")?.focus();
    } else if (event.key in PRESSED) acts[PRESSED[event.key]]();
    else if (event.key in TURNED) document.querySelector(`a[rel=${TURNED[event.key]}]`)?.click();
  });
  for (const name of Object.keys(acts)) button(name)?.addEventListener("click", acts[name]);
  document.querySelector(".keys")?.removeAttribute("hidden");
  dress();
  requestAnimationFrame(() => setTimeout(() => { // after the first paint
    const zone = document.getElementById("zone");
    if (!zone) return;
    zone.textContent = `; your time zone is ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
    zone.hidden = false;
  }));
  for (const shown of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(shown.textContent);
      button.textContent = "Copied";
    });
    shown.after(button);
  }
  if (way !== "long") count(); // as the server wrote them, for the first second
  setInterval(count, 1000);
  if (document.body.dataset.stream) {
    document.addEventListener("visibilitychange", () => { listen(); soon(); });
    listen();
    setInterval(() => { if (Date.now() - asked >= (isStreaming() ? QUIET : EVERY)) soon(); }, EVERY);
    setInterval(listen, QUIET); // one that was refused is asked for again
  }
})();
