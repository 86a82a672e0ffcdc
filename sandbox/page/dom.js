// Building elements, and bringing a list on the page up to date without losing the focus.

const SVG = "http://www.w3.org/2000/svg";

// h("p", { class: "x", onclick: f, "aria-label": "y" }, "text", child, …); null children are left out.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

// A drawing of 24 by 24 made of stroked lines. Screen readers skip it, so it needs text beside it.
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon icon-${name}`);
  for (const line of ICONS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", line);
    svg.append(path);
  }
  return svg;
}

const ICONS = {
  clock: ["M12 3a9 9 0 1 0 .01 0", "M12 7.5V12l3 2"],
  tick: ["M5 12.5l4.5 4.5L19 7"],
  ticks: ["M2.5 12.5L7 17l9.5-10", "M11.5 16l1 1L22 7"],
  cross: ["M6 6l12 12", "M18 6L6 18"],
  question: ["M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4", "M12 17.6v.1"],
  pin: ["M12 21s7-6.4 7-11.5A7 7 0 0 0 5 9.5C5 14.6 12 21 12 21z", "M12 7a2.5 2.5 0 1 0 .01 0"],
  camera: ["M4 8h3.5l1.5-2.5h6L16.5 8H20v11H4z", "M12 10a3.5 3.5 0 1 0 .01 0"],
  thumb: ["M7 11v9H4v-9z", "M7 11l4-8c1.5 0 2.5 1 2.2 2.6L12.6 9H19a1.5 1.5 0 0 1 1.5 1.8l-1.4 7.7A2 2 0 0 1 17.1 20H7"],
  letter: ["M3 6h18v13H3z", "M3 6.5l9 7 9-7"],
  paper: ["M6 3h8l4 4v14H6z", "M14 3v4h4"],
  tray: ["M3 13l3-8h12l3 8v6H3z", "M3 13h5l1.5 2.5h5L16 13h5"],
  pen: ["M4 20l1-4L16 5l3 3L8 19z", "M13.5 7.5l3 3"],
  plane: ["M3 11.5L21 4l-5 17-4-7.5z", "M12 13.5L21 4"],
  eye: ["M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12z", "M12 9.3a2.7 2.7 0 1 0 .01 0"],
  alert: ["M12 3.5L22 20H2z", "M12 9.5v5", "M12 17.2v.1"],
  up: ["M12 20V5", "M6 11l6-6 6 6"],
  down: ["M12 4v15", "M6 13l6 6 6-6"],
  heart: ["M12 20s-8-5-8-10.5A4.3 4.3 0 0 1 12 7a4.3 4.3 0 0 1 8 2.5C20 15 12 20 12 20z"],
  lock: ["M5 11h14v9H5z", "M8 11V8a4 4 0 0 1 8 0v3"],
  tag: ["M3 12V4h8l9.5 9.5-7.5 7.5z", "M7.5 8.4v.1"],
  gear: ["M12 8.5a3.5 3.5 0 1 0 .01 0", "M12 2.5v3 M12 18.5v3 M2.5 12h3 M18.5 12h3 M5.3 5.3l2.1 2.1 M16.6 16.6l2.1 2.1 M5.3 18.7l2.1-2.1 M16.6 7.4l2.1-2.1"],
  rows: ["M4 7h.1 M4 12h.1 M4 17h.1", "M9 7h11 M9 12h11 M9 17h11"],
  reply: ["M9 6l-6 5.5L9 17", "M3.5 11.5H14a6 6 0 0 1 6 6v1"],
  signpost: ["M12 3v18", "M5 6h11l3 2.5L16 11H5z"],
};

// Make the children of `parent` follow `wanted`: [{ key, sign, make }]. A child is rebuilt only if
// its `sign` changes; a rebuilt child gets the focus back.
export function sync(parent, wanted) {
  const present = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const place = focused && placeOf(parent, focused);
  let next = parent.firstElementChild;
  for (const { key, sign, make } of wanted) {
    let child = present.get(key);
    if (!child || child.dataset.sign !== sign) {
      const fresh = make();
      fresh.dataset.key = key;
      fresh.dataset.sign = sign;
      if (child) {
        if (next === child) next = fresh;
        fresh.classList.add("still"); // an existing child is not animated
        child.replaceWith(fresh);
      }
      child = fresh;
    }
    present.delete(key);
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
  for (const child of present.values()) child.remove();
  if (place && !parent.contains(document.activeElement)) refocus(parent, place);
}

function placeOf(parent, focused) {
  let child = focused;
  while (child.parentElement !== parent) child = child.parentElement;
  return { key: child.dataset.key, focus: focused.dataset.focus };
}

function refocus(parent, { key, focus }) {
  const child = [...parent.children].find((one) => one.dataset.key === key);
  if (!child) return;
  const again = focus ? child.querySelector(`[data-focus="${CSS.escape(focus)}"]`) : child;
  (again ?? child).focus?.();
}

// Keep a scrolled list at its end, unless the user has scrolled back.
export function following(scroller, change) {
  const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
  change();
  if (atEnd) scroller.scrollTop = scroller.scrollHeight;
}
