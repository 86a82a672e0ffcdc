// Care alarms, shown over everything else until an employee confirms them.

import { inWords, post } from "/page/api.js";
import { openConversation } from "/page/desk.js";
import { h, icon, sync } from "/page/dom.js";
import { careName } from "/page/marks.js";
import { failed } from "/page/orders.js";
import { departmentName, tenantOf } from "/page/state.js";
import { clock, counted, word } from "/page/words.js";

const ID_SHOWN = 8;

const by = (id) => document.getElementById(id);

export function draw(page) {
  const alarms = [...page.state.alarms.values()];
  const here = by("alarms").contains(document.activeElement);
  sync(by("alarms-list"), alarms.map((one) => alarm(page, one)));
  // The focused button disappeared with its alarm: focus the next alarm, else the desks.
  if (here && !by("alarms").contains(document.activeElement)) {
    (by("alarms-list").querySelector("button") ?? by("desk")).focus();
  }
  by("alarms").hidden = alarms.length === 0;
}

function alarm(page, { id, care, nth, at, refusal = "" }) {
  const conversation = page.state.conversations.get(id);
  const { desk } = page.state.town;
  const where = conversation && departmentName(page.state, tenantOf(page.state, conversation), conversation.department);
  const make = () =>
    h(
      "li",
      {},
      icon("alert"),
      h("p", {},
        h("strong", {}, `${word("alarm.title")}: ${careName(care)}`), " ",
        `${counted("alarm.asked", nth)}, ${word("alarm.last", { time: clock(at) })}. `,
        h("span", {}, where ? word("alarm.where", { department: where }) : `${word("record.id")} …${id.slice(-ID_SHOWN)}`),
        refusal && h("span", { class: "refusal" }, refusal)),
      h("span", { class: "does" },
        desk && h("a", { href: `${desk}/conversations/${id}`, target: "_blank", rel: "noopener" },
          `${word("alarm.open")} ${word("answering.tab")}`),
        conversation && h("button", { type: "button", "data-focus": "open", onclick: () => openConversation(page, conversation) },
          word("alarm.open")),
        h("button", { type: "button", class: "strong", "data-focus": "confirm", onclick: () => confirm(page, id) },
          word("alarm.confirm"))),
    );
  return { key: id, sign: [care, nth, at, where, refusal, document.documentElement.lang].join(" "), make };
}

// The stream tells all pages about the confirmation; an error is shown at the alarm.
async function confirm(page, id) {
  const given = await post("/desk/actions", { conversationId: id, action: "confirm" });
  const refusal = given.ok ? await failed(given.body.id) : inWords(given);
  const still = page.state.alarms.get(id);
  if (still && refusal) Object.assign(still, { refusal });
  page.redraw();
}
