// Waits until the kernel has sent out what was displayed: its "idle" can overtake outputs, which are then lost or land
// in the next cell. A marker of ours (an update to a display that is not there, which every frontend passes over), seen
// on the kernel's own output socket, proves that all before it is out.
import { Socket } from "./zmtp.ts";

/**
 * Returns once everything broadcast so far has left the kernel. The project's kernel names its connection file in
 * UAL_CONNECTION; for another kernel this waits a time that was enough for `bytes` of output.
 */
export async function published(bytes: number): Promise<void> {
  const connection = await readConnection();
  if (!connection) {
    await sleep(15 + bytes / 25_000);
    return;
  }
  const socket = await Socket.open(connection.iopub_port, "SUB", connection.key);
  const tag = crypto.randomUUID();
  const arrived = (async () => {
    for (;;) {
      const { content } = await socket.receive();
      if (content.transient?.display_id === tag) return true;
    }
  })();
  for (let done = false; !done;) { // the subscription takes effect at a moment of its own
    await Deno.jupyter.display({}, { raw: true, display_id: tag, update: true });
    done = await Promise.race([arrived, sleep(5)]);
  }
  socket.close();
}

async function readConnection(): Promise<{ iopub_port: number; key: string } | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(Deno.env.get("UAL_CONNECTION")!));
  } catch {
    return undefined; // another kernel
  }
}

function sleep(milliseconds: number): Promise<false> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, false));
}
