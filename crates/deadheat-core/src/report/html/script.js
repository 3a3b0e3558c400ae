"use strict";
{
  const root = document.documentElement;
  const themes = ["auto", "light", "dark"];
  const button = document.getElementById("theme");
  const show = theme => {
    root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  // Where the browser keeps nothing for files, the choice lasts as long as the page.
  const kept = action => { try { return action(localStorage); } catch { return null; } };
  const stored = kept(storage => storage.getItem("deadheat-theme"));
  if (themes.includes(stored)) show(stored);
  button.addEventListener("click", () => {
    const theme = themes[(themes.indexOf(root.dataset.theme || "auto") + 1) % themes.length];
    show(theme);
    kept(storage => storage.setItem("deadheat-theme", theme));
  });
}
{
  const table = document.getElementById("benchmarks");
  if (table) {
    const rank = ["regressed", "improved", "inconclusive", "unexplained", "unchanged"];
    const rows = Array.from(table.tBodies, body => ({
      body,
      panel: body.rows[1],
      button: body.querySelector(".open"),
      name: body.querySelector(".id").textContent,
      verdict: rank.indexOf(body.dataset.verdict),
      index: Number(body.dataset.index),
      change: Number(body.dataset.change),
      base: Number(body.dataset.base),
      head: Number(body.dataset.head),
      only: ["otherOutput" in body.dataset ? "other-output" : "", body.dataset.verdict],
    }));
    for (const row of rows) row.text = row.name.toLowerCase();
    const search = document.getElementById("search");
    const order = document.getElementById("order");
    const chips = Array.from(document.querySelectorAll(".chip"));
    const isPressed = chip => chip.getAttribute("aria-pressed") === "true";

    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const only = chips.filter(isPressed).map(chip => chip.dataset.only);
      let count = 0;
      for (const row of rows) {
        const fits = words.every(word => row.text.includes(word)) &&
          (only.length === 0 || row.only.some(kind => only.includes(kind)));
        row.body.hidden = !fits;
        count += fits;
      }
      document.getElementById("shown").textContent =
        count === rows.length ? `${count} shown` : `${count} of ${rows.length} shown`;
      document.getElementById("none").hidden = count > 0;
    };
    search.addEventListener("input", filter);
    for (const chip of chips) {
      chip.addEventListener("click", () => {
        chip.setAttribute("aria-pressed", String(!isPressed(chip)));
        filter();
      });
    }

    const compare = {
      name: (a, b) => a.name < b.name ? -1 : Number(a.name > b.name),
      verdict: (a, b) => a.verdict - b.verdict || b.change - a.change,
    };
    const heads = Array.from(table.querySelectorAll("button.sort"));
    const sort = (key, direction) => {
      const by = compare[key] || ((a, b) => a[key] - b[key]);
      rows.sort((a, b) => direction * by(a, b) || a.index - b.index);
      const sorted = document.createDocumentFragment();
      for (const row of rows) sorted.append(row.body);
      table.tHead.after(sorted);
      for (const head of heads) {
        const cell = head.closest("th");
        if (head.dataset.key === key) {
          cell.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
        } else {
          cell.removeAttribute("aria-sort");
        }
      }
      order.value = key;
    };
    // Numbers begin with the largest, words with the first.
    const usual = key => ["change", "base", "head"].includes(key) ? -1 : 1;
    for (const head of heads) {
      head.addEventListener("click", () => {
        const key = head.dataset.key;
        const now = head.closest("th").getAttribute("aria-sort");
        sort(key, now ? (now === "ascending" ? -1 : 1) : usual(key));
      });
    }
    order.addEventListener("change", () => sort(order.value, usual(order.value)));

    const open = (row, is) => {
      row.panel.hidden = !is;
      row.button.setAttribute("aria-expanded", String(is));
    };
    const rowOf = target => rows.find(row => row.body === target.closest("tbody"));
    table.addEventListener("click", event => {
      // A click anywhere in a row opens it; one that selects text does not.
      if (!event.target.closest("tbody > .row") || String(getSelection())) return;
      const row = rowOf(event.target);
      if (row) open(row, row.panel.hidden);
    });
    table.addEventListener("keydown", event => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step || !event.target.matches(".open")) return;
      const seen = rows.filter(row => !row.body.hidden);
      const next = seen[seen.indexOf(rowOf(event.target)) + step];
      if (next) {
        event.preventDefault();
        next.button.focus();
      }
    });
    const follow = () => {
      const row = rows.find(row => `#${row.body.id}` === location.hash);
      if (!row) return;
      row.body.hidden = false;
      open(row, true);
      row.body.scrollIntoView({ block: "start" });
    };
    addEventListener("hashchange", follow);
    document.addEventListener("keydown", event => {
      const isTyping = event.target.matches("input, select, textarea");
      if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        search.focus();
      }
    });
    document.getElementById("toolbar").hidden = false;
    filter();
    follow();
  }
}
