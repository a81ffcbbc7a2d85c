// A stop button in a notebook's output. A page cannot write files and this kernel gets no messages while a cell runs, so the
// button asks an endpoint on loopback inside the kernel, with a token that is made anew for each button.
import { type Bundle, inNotebook, type Live, showLive } from "./show.ts";

/** A place in a notebook's output where a button can be. */
export interface ButtonPlace {
  /** Puts a button there; its endpoint is open until close(). */
  open(label: string, onPress: () => void | Promise<void>): Promise<StopButton>;
}

/** A button that is shown. */
export interface StopButton {
  /** Where the page's button sends its request: POST, with the token in the query. */
  url: string;
  /** Closes the endpoint and takes the button away. */
  close(): Promise<void>;
}

const NONE: Bundle = { "text/html": "<div></div>", "text/plain": "" };

/**
 * Shows an empty place for a button; what stays in the notebook is the same whether one was there or not. The button works
 * in a page on the machine that the kernel runs on.
 */
export async function buttonPlace(): Promise<ButtonPlace> {
  const place: Live | undefined = inNotebook() ? await showLive(NONE) : undefined;
  return {
    async open(label, onPress) {
      const token = crypto.randomUUID();
      const server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        (request) => answer(request, token, onPress),
      );
      const url = `http://127.0.0.1:${server.addr.port}/stop?token=${token}`;
      await place?.update(buttonOf(label, url));
      return {
        url,
        async close() {
          await place?.update(NONE);
          await server.shutdown();
        },
      };
    },
  };
}

/** Only POST /stop with the token, asked of this machine by its own name: no page elsewhere can guess or rebind its way in. */
async function answer(
  request: Request,
  token: string,
  onPress: () => void | Promise<void>,
): Promise<Response> {
  const { pathname, searchParams, hostname } = new URL(request.url);
  const headers = { "access-control-allow-origin": "*", "access-control-allow-private-network": "true" };
  if (request.method === "OPTIONS") return new Response(null, { status: 204, headers });
  const right = pathname === "/stop" && hostname === "127.0.0.1" && searchParams.get("token") === token;
  if (!right) return new Response("no\n", { status: 403 });
  if (request.method !== "POST") {
    return new Response("POST only\n", { status: 405, headers: { ...headers, allow: "POST" } });
  }
  await onPress();
  return new Response("stopping\n", { headers });
}

function buttonOf(label: string, url: string): Bundle {
  // The kernel answers between two batches: say at once that it was asked.
  const press = `this.disabled=true;this.textContent='asked to stop after this step';` +
    `fetch('${url}',{method:'POST'}).then(r=>{if(!r.ok)throw 0}).catch(()=>{this.disabled=false;` +
    `this.textContent='no answer: is the kernel on this machine? try again'})`;
  return {
    "text/html": `<button type="button" class="ual-stop" onclick="${press}">${label}</button>`,
    "text/plain": "",
  };
}
