// What the pages gain where scripts run: they stay fresh, count down, and obey keys. Everything works without.
"use strict";
(() => {
  const EVERY = 5000;
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

  function said(milliseconds) {
    let rest = Math.abs(milliseconds) / 1000;
    if (rest < 1) return "now";
    if (rest >= 10) rest = Math.round(rest);
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

  let ahead = 0; // of the server's clock over ours
  const local = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "medium"});
  function count() {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = Date.parse(time.dateTime);
      const words = said(at - Date.now() - ahead);
      if (time.textContent !== words) time.textContent = words;
      if (!time.dataset.local) {
        time.dataset.local = "1";
        time.title += ` · ${local.format(at)} here`;
      }
    }
  }

  // Only what is marked as live is exchanged, and not while somebody is in it: focus, text and open details stay.
  function isBusy(part) {
    const focused = document.activeElement;
    return (focused && focused !== document.body && part.contains(focused) && !focused.matches("[tabindex='0'],a"))
      || part.querySelector("details[open]") || String(getSelection() || "") !== "" && getSelection().containsNode(part, true);
  }
  async function refresh() {
    if (document.hidden) return;
    const answer = await fetch(location.href, {headers: {Accept: "text/html"}, credentials: "same-origin"});
    if (!answer.ok || answer.redirected) return;
    const date = Date.parse(answer.headers.get("Date"));
    if (date && Math.abs(date - Date.now()) > 2000) ahead = date - Date.now();
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = fresh.title;
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
      if (!next || isBusy(part) || part.outerHTML === next.outerHTML) continue;
      const link = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      const at = [...part.querySelectorAll("[data-row]")].findIndex(row => row.classList.contains("at"));
      part.replaceWith(next);
      if (link) next.querySelector(`a[href="${CSS.escape(link)}"]`)?.focus();
      if (at >= 0) next.querySelectorAll("[data-row]")[at]?.classList.add("at");
    }
    count();
  }

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
  const keysOn = () => localStorage.getItem("chronos-keys") !== "off";
  let going = 0;
  document.addEventListener("keydown", event => {
    if (!keysOn() || event.ctrlKey || event.metaKey || event.altKey) return;
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
    } else if (event.key === "?") document.querySelector(".keys").scrollIntoView();
  });

  const keys = document.getElementById("keys");
  if (keys) {
    const tell = () => { keys.textContent = keysOn() ? "turn keys off" : "turn keys on"; };
    keys.addEventListener("click", () => { localStorage.setItem("chronos-keys", keysOn() ? "off" : "on"); tell(); });
    tell();
    document.querySelector(".keys").hidden = false;
  }
  const zone = document.getElementById("zone");
  if (zone) {
    zone.textContent = `; here it is ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
    zone.hidden = false;
  }
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
  count();
  setInterval(count, 1000);
  setInterval(() => refresh().catch(() => {}), EVERY);
})();
