// The one connection over which everything comes in; the browser reconnects it by itself.

const KINDS = [
  "citizen", "webhook", "seen", "town", "offered", "crm", "content", "answer", "note", "confirmed", "record", "mode", "missed",
];

// hello(run): a connection to this run of the sandbox; ready(): all that was remembered has come.
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
