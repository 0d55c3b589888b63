"use strict";
// Everything that matters is in the tables already; this sorts them and draws the distributions.
(() => {
  const key = (row, column) => {
    const cell = row.cells[column];
    const number = parseFloat(cell.dataset.value);
    return Number.isNaN(number) ? null : number;
  };
  const compare = (a, b, column, sign) => {
    const x = key(a, column), y = key(b, column);
    if (x !== null && y !== null) return sign * (x - y);
    if (x !== null || y !== null) return x !== null ? -1 : 1; // what has no figure comes last, either way
    return sign * a.cells[column].textContent.localeCompare(b.cells[column].textContent);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.className = "sort";
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const ascending = head.getAttribute("aria-sort") !== "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        const body = table.tBodies[0];
        body.append(...[...body.rows].sort((a, b) => compare(a, b, column, ascending ? 1 : -1)));
      });
    });
  }

  const data = JSON.parse(document.getElementById("data").textContent);
  const place = document.getElementById("plots");
  const unit = (rows, name) => {
    const largest = rows.reduce((most, row) => Math.max(most, row.value), 0);
    const scales = name.startsWith("ns")
      ? [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]]
      : name.startsWith("bytes")
        ? [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]]
        : [[1, name]];
    return scales.find(([size]) => largest >= size) ?? scales[scales.length - 1];
  };
  for (const figure of data) {
    const all = figure.lines.flatMap(({ subject, values }, line) => values.map((value, i) => ({ subject, line, n: i + 1, value })));
    const [size, name] = unit(all, figure.unit);
    const rows = all.map((row) => ({ ...row, value: row.value / size }));
    const common = { width: 900, marginLeft: 110, style: { background: "transparent" }, color: { scheme: "Tableau10" } };
    const plot = figure.curve
      ? Plot.plot({
          ...common, height: 300, color: { legend: true, scheme: "Tableau10" }, x: { label: "instances", grid: true }, y: { label: name, grid: true },
          marks: [Plot.lineY(rows, { x: "n", y: "value", stroke: "subject", z: "line" }), Plot.dot(rows, { x: "n", y: "value", stroke: "subject", r: 2 })],
        })
      : Plot.plot({
          ...common, height: 40 + 34 * new Set(rows.map((row) => row.subject)).size,
          x: { label: name, grid: true, type: figure.spread > 20 ? "log" : "linear", zero: figure.spread <= 20 }, y: { label: null },
          marks: [Plot.tickX(rows, { x: "value", y: "subject", stroke: "subject", strokeOpacity: 0.45, title: (row) => `${row.subject}: ${row.value.toPrecision(4)} ${name}` })],
        });
    const element = document.createElement("figure");
    const title = document.createElement("h3");
    title.textContent = figure.title;
    element.append(title, plot);
    place.append(element);
  }
  document.getElementById("plots-section").hidden = data.length === 0;
})();
