// The connection over which all events arrive; the browser reconnects it automatically.

const KINDS = [
  "citizen", "webhook", "seen", "town", "offered", "crm", "content", "answer", "note", "confirmed", "record", "mode", "rules", "missed",
];

// hello(run): connected to this run of the sandbox; ready(): all remembered events have arrived.
export function listen({ hello, ready, happened, live }) {
  const source = new EventSource("/stream");
  source.addEventListener("open", () => live(true));
  source.addEventListener("error", () => live(false));
  source.addEventListener("hello", (event) => hello(JSON.parse(event.data).run));
  source.addEventListener("ready", ready);
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => happened(kind, JSON.parse(event.data)));
  }
}
