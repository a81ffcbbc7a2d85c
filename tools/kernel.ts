// A Deno kernel as a child process, spoken to over the Jupyter protocol. After each cell a marker is broadcast and
// awaited, because "idle" can overtake outputs.
import { type Message, Socket } from "../lib/show/zmtp.ts";

const decoder = new TextDecoder();

/** How the kernel answered a cell. */
export interface Reply {
  status: "ok" | "error";
  ename?: string;
  evalue?: string;
  traceback?: string[];
}

/** A running kernel. Close it: it is a child process. */
export class Kernel {
  private constructor(
    private readonly child: Deno.ChildProcess,
    private readonly shell: Socket,
    private readonly outputs: Socket,
    private readonly died: Promise<never>,
    private readonly connection: string,
  ) {}

  /** Starts a kernel in `folder`, whose nearest deno.json it follows. */
  static async start(folder: string, env: Record<string, string>): Promise<Kernel> {
    const key = crypto.randomUUID();
    const [shell_port, iopub_port, stdin_port, control_port, hb_port] = freePorts(5);
    const ports = { shell_port, iopub_port, stdin_port, control_port, hb_port };
    const connection = await Deno.makeTempFile({ prefix: "kernel-", suffix: ".json" });
    const address = { ip: "127.0.0.1", transport: "tcp", signature_scheme: "hmac-sha256", key };
    await Deno.writeTextFile(connection, JSON.stringify({ ...address, ...ports }));
    const child = new Deno.Command(Deno.execPath(), {
      args: ["-q", "jupyter", "--kernel", "--conn", connection],
      cwd: folder,
      env: { ...env, UAL_CONNECTION: connection },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const died = death(child);
    try {
      const opened = Promise.all([
        Socket.open(shell_port, "DEALER", key),
        Socket.open(iopub_port, "SUB", key),
      ]);
      const [shell, outputs] = await Promise.race([opened, died]);
      const kernel = new Kernel(child, shell, outputs, died, connection);
      await Promise.race([kernel.#subscribed(), died]);
      return kernel;
    } catch (error) {
      kill(child);
      await Deno.remove(connection);
      throw error;
    }
  }

  /** Runs `code` and gives each output message to `onOutput`, in order and complete before this returns. */
  async execute(code: string, onOutput: (message: Message) => void): Promise<Reply> {
    const executed = this.#execute(code, onOutput).catch(async (error) => {
      await Promise.race([this.died, new Promise((resolve) => setTimeout(resolve, 2000))]); // the better reason
      throw error;
    });
    return await Promise.race([executed, this.died]);
  }

  async #execute(code: string, onOutput: (message: Message) => void): Promise<Reply> {
    const tag = crypto.randomUUID();
    const collect = async () => {
      for (;;) {
        const message = await this.outputs.receive();
        if (message.type === "ual_marker" && message.content.tag === tag) return;
        onOutput(message);
      }
    };
    const run = async () => {
      const reply = await this.#request(code, true);
      await this.#request(marker(tag), false);
      return reply;
    };
    return (await Promise.all([run(), collect()]))[0];
  }

  /** Sends markers until one arrives: the subscription takes effect at a moment of its own. */
  async #subscribed() {
    const first = this.outputs.receive();
    for (let arrived = false; !arrived;) {
      await this.#request(marker("start"), false);
      arrived = await Promise.race([
        first.then(() => true),
        new Promise<false>((r) => setTimeout(r, 20, false)),
      ]);
    }
  }

  async #request(code: string, store: boolean): Promise<Reply> {
    const content = { code, silent: !store, store_history: store, user_expressions: {}, allow_stdin: false };
    const id = await this.shell.send("execute_request", { ...content, stop_on_error: true });
    for (;;) {
      const message = await this.shell.receive();
      if (message.parent === id) return message.content;
    }
  }

  /** Ends the kernel's process, and no other; a running cell fails. */
  kill(): void {
    kill(this.child);
  }

  /** Ends the kernel's process and lets go of all that belongs to it. */
  async close(): Promise<void> {
    kill(this.child);
    await this.child.status;
    this.shell.close();
    this.outputs.close();
    await Deno.remove(this.connection);
  }
}

const marker = (tag: string) => `Deno.jupyter.broadcast("ual_marker", { tag: "${tag}" })`;

function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map((listener) => (listener.addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return ports;
}

/** Rejects when the process ends, with the last of what it wrote to stderr. */
function death(child: Deno.ChildProcess): Promise<never> {
  let tail = "";
  const reading = (async () => {
    for await (const bytes of child.stderr) tail = (tail + decoder.decode(bytes)).slice(-4000);
  })();
  const died = Promise.all([child.status, reading]).then(([status]): never => {
    const how = status.signal ?? `code ${status.code}`;
    throw new Error(`the kernel died (${how})${tail ? `: ${tail.trim()}` : ""}`);
  });
  died.catch(() => {});
  return died;
}

function kill(child: Deno.ChildProcess) {
  try {
    child.kill("SIGKILL");
  } catch {
    // it has ended already
  }
}
