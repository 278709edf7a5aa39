// Sorts the table of images by the column whose heading is pressed; a second time, the other way round.
"use strict";
const table = document.getElementById("images");
const body = table.tBodies[0];
for (const heading of table.tHead.rows[0].cells) {
  heading.querySelector("button").addEventListener("click", () => {
    const rising = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const at = heading.cellIndex;
    const text = heading.dataset.kind === "text";
    const order = (a, b) => {
      const x = a.cells[at].dataset.value, y = b.cells[at].dataset.value;
      return text ? x.localeCompare(y, undefined, { numeric: true }) : Number(x) - Number(y);
    };
    const rows = [...body.rows].sort((a, b) => (rising ? order(a, b) : order(b, a)));
    body.append(...rows);
  });
}
