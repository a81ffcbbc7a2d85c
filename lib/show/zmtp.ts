// A socket to a Jupyter kernel: ZeroMQ's ZMTP 3.0 by hand (NULL security) and Jupyter's signed messages on it.
// Not a general client: only what the notebook runner and show() need.
import { createHmac } from "node:crypto";

/** A message of the protocol; contents differ by type. */
export interface Message {
  type: string;
  parent?: string;
  // deno-lint-ignore no-explicit-any
  content: any;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const delimiter = "<IDS|MSG>";

/** One ZeroMQ socket to the kernel. */
export class Socket {
  #buffer = new Uint8Array(1 << 16);
  #start = 0;
  #end = 0;

  private constructor(private readonly connection: Deno.TcpConn, private readonly key: string) {}

  static async open(port: number, type: "DEALER" | "SUB", key: string): Promise<Socket> {
    const socket = new Socket(await connect(port), key);
    const greeting = new Uint8Array(64); // signature, version 3.0, mechanism
    greeting.set([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0]);
    greeting.set(encoder.encode("NULL"), 12);
    await socket.#write(greeting);
    await socket.#read(64);
    const name = (text: string) => [text.length, ...encoder.encode(text)];
    await socket.#frame(
      new Uint8Array([
        ...name("READY"),
        ...name("Socket-Type"),
        0,
        0,
        0,
        type.length,
        ...encoder.encode(type),
      ]),
      4,
    );
    await socket.#readFrame();
    if (type === "SUB") await socket.#frame(new Uint8Array([1]), 0); // subscribe to everything
    return socket;
  }

  async send(type: string, content: unknown): Promise<string> {
    const id = crypto.randomUUID();
    const date = new Date().toISOString();
    const header = { msg_id: id, session: "ual", date, username: "ual", msg_type: type, version: "5.3" };
    const parts = [header, {}, {}, content].map((part) => encoder.encode(JSON.stringify(part)));
    const mac = createHmac("sha256", this.key);
    for (const part of parts) mac.update(part);
    const frames = [encoder.encode(delimiter), encoder.encode(mac.digest("hex")), ...parts];
    for (const [i, frame] of frames.entries()) await this.#frame(frame, i < frames.length - 1 ? 1 : 0);
    return id;
  }

  async receive(): Promise<Message> {
    const frames: Uint8Array[] = [];
    for (let more = true; more;) {
      const frame = await this.#readFrame();
      frames.push(frame.data);
      more = frame.more;
    }
    const at = frames.findIndex((frame) =>
      frame.length === delimiter.length && decoder.decode(frame) === delimiter
    );
    const json = (i: number) => JSON.parse(decoder.decode(frames[at + i]));
    return { type: json(2).msg_type, parent: json(3).msg_id, content: json(5) };
  }

  close() {
    this.connection.close();
  }

  async #write(bytes: Uint8Array) {
    for (let done = 0; done < bytes.length;) done += await this.connection.write(bytes.subarray(done));
  }

  async #frame(data: Uint8Array, flags: number) {
    const frame = new Uint8Array(9 + data.length);
    frame[0] = flags | 2; // long form: eight bytes of length
    new DataView(frame.buffer).setUint32(5, data.length);
    frame.set(data, 9);
    await this.#write(frame);
  }

  async #readFrame(): Promise<{ more: boolean; data: Uint8Array }> {
    const flags = (await this.#read(1))[0];
    const length = flags & 2
      ? new DataView((await this.#read(8)).buffer).getUint32(4)
      : (await this.#read(1))[0];
    return { more: (flags & 1) === 1, data: await this.#read(length) };
  }

  async #read(length: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#end - this.#start < length) {
      if (this.#buffer.length - this.#start < length || this.#end === this.#buffer.length) {
        this.#makeRoom(length);
      }
      const got = await this.connection.read(this.#buffer.subarray(this.#end));
      if (got === null) throw new Error("the kernel closed the connection");
      this.#end += got;
    }
    const bytes = this.#buffer.slice(this.#start, this.#start + length);
    this.#start += length;
    return bytes;
  }

  #makeRoom(length: number) {
    const rest = this.#buffer.subarray(this.#start, this.#end);
    const size = Math.max(1 << 16, 2 * length, 2 * rest.length);
    const buffer = size > this.#buffer.length ? new Uint8Array(size) : this.#buffer;
    if (buffer === this.#buffer) buffer.copyWithin(0, this.#start, this.#end);
    else buffer.set(rest);
    this.#end -= this.#start;
    this.#start = 0;
    this.#buffer = buffer;
  }
}

async function connect(port: number): Promise<Deno.TcpConn> {
  for (let attempt = 0;; attempt++) {
    try {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      connection.setNoDelay();
      return connection;
    } catch (error) {
      if (attempt > 800) throw error; // 20 s
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}
