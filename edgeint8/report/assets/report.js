// Every table sorts by a click on a heading; a link to a folded table unfolds it.
// Amounts sort by the number in front: 1,234, 79.46 %, +0.25, 6.0e-07, 22 bits, 0 of 360.
const amount = text => {
  const value = parseFloat(text.replace(/,/g, ""));
  return Number.isNaN(value) ? -Number.MAX_VALUE : value;
};
Tablesort.extend("amount", text => /^[-+]?\.?\d/.test(text), (a, b) => amount(b) - amount(a));
for (const table of document.querySelectorAll("table")) new Tablesort(table);

const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = target && target.closest("details");
  if (folded) { folded.open = true; target.scrollIntoView(); }
};
window.addEventListener("hashchange", reveal);
reveal();
if (window.matchMedia("(min-width: 80rem)").matches) document.querySelector("nav details").open = true;
