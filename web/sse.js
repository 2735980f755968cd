// Server-sent events from a stream of bytes. EventSource cannot send a key, so the page reads them itself.

/** Events of a ReadableStream, as `{ name, id, data }`, data still as text. */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = fresh();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r\n|\n/);
      rest = lines.pop();
      for (const line of lines) {
        if (line !== "") take(event, line);
        else {
          if (event.data.length) yield { ...event, data: event.data.join("\n") };
          event = fresh();
        }
      }
    }
  } finally {
    // Whoever leaves the loop hangs up, and the server stops writing.
    reader.cancel().catch(() => {});
  }
}

const fresh = () => ({ name: "message", id: null, data: [] });

function take(event, line) {
  const colon = line.indexOf(":");
  if (colon === 0) return; // A comment, which keeps the connection alive.
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (field === "event") event.name = value;
  else if (field === "data") event.data.push(value);
  else if (field === "id") event.id = value;
}
