// The bar that says that a change of the rules was refused, until the files are mended.

import { word } from "/page/words.js";

const by = (id) => document.getElementById(id);

export function draw(page) {
  const { refused } = page.state;
  by("rules").hidden = !refused;
  if (!refused) return;
  const { where, what, count } = refused;
  by("rules-fault").textContent = `${where}: ${what}`;
  by("rules-more").textContent = count > 1 ? word("rules.more", { n: count - 1 }) : "";
}
