// Processes that ask a judge and are killed: nothing durable is asked again, nothing is doubled, and two never share a ledger.
import assert from "node:assert/strict";
import { join } from "node:path";
import { ledgerEntries, verifyLedger } from "../lib/chat/ledger_verify.ts";
import { openChat } from "../lib/chat/mod.ts";
import { stream } from "../lib/run/seed.ts";
import { inFolder } from "./folder.ts";
import { questionAt } from "./oracles/chat_child.ts";
import { besideJudge, type LoopbackJudge } from "./oracles/loopback_judge.ts";

const child = new URL("oracles/chat_child.ts", import.meta.url).pathname;
const sleep = (milliseconds: number) => new Promise<void>((done) => setTimeout(done, milliseconds));

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function start(judge: LoopbackJudge, ledger: string, count: number, options: object, before: string[] = []) {
  const args = ["run", "-A", "--quiet", child, judge.baseUrl, ledger, `${count}`, JSON.stringify(options)];
  const [program, ...rest] = [...before, Deno.execPath(), ...args];
  const env = { NO_COLOR: "1" };
  const process = new Deno.Command(program, {
    args: rest,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const ended: Promise<Ended> = process.output().then(({ code, stdout, stderr }) => ({
    code,
    stdout: text(stdout),
    stderr: text(stderr),
  }));
  return { process, ended };
}

const textsIn = (path: string) =>
  new Set([...ledgerEntries(path)].map(({ question }) => question.messages[0].content));

Deno.test("killed with SIGKILL at 12 random moments, no answer on the disk is asked again, and none is lost but those in flight", () =>
  inFolder((folder) =>
    besideJudge(async () => {
      await sleep(3);
      return { answer: "42" };
    }, async (judge) => {
      const path = join(folder, "answers.jsonl"), random = stream(12, "moments of death"), count = 6000;
      let kills = 0, finished: Ended | undefined;
      for (let run = 0; kills < 12; run++) {
        assert.ok(run < 30, "the runs end before they are killed");
        const durable = run ? textsIn(path) : new Set(), from = judge.calls.length;
        const { process, ended } = start(judge, path, count, { concurrency: 8 });
        while (judge.calls.length === from && !await Promise.race([ended, sleep(2)])) { /* it starts */ }
        await Promise.race([ended, sleep(random.uniform(run) * 250)]);
        try {
          process.kill("SIGKILL");
        } catch { /* it has just ended */ }
        const end = await ended;
        if (end.code === 137) kills++;
        else finished = end;
        const again = judge.calls.slice(from).filter(({ body }) => durable.has(body.messages[0].content));
        assert.equal(again.length, 0, "an answer that was on the disk was asked again");
        const { faults } = verifyLedger(path);
        assert.ok(faults.every(({ fault }) => fault.startsWith("it is torn")), JSON.stringify(faults));
      }
      assert.equal(finished, undefined, "every process was killed");
      const end = await start(judge, path, count, { concurrency: 64 }).ended;
      assert.equal(end.code, 0, end.stderr);
      const { answers, failures } = JSON.parse(end.stdout);
      assert.deepEqual([answers, failures], [count, 0]);
      assert.deepEqual(verifyLedger(path), { answers: count, faults: [] });
      // at each death 8 were in flight, and one may have come and not been written
      assert.ok(judge.calls.length - count <= 12 * 9, `${judge.calls.length - count} asked again`);
    })
  ));

Deno.test("a second process on a ledger is refused with the first one's pid, or waits until it has gone", () =>
  inFolder((folder) =>
    besideJudge(({ n }) => n < 3 ? { answer: "1" } : { hang: true }, async (judge) => {
      const path = join(folder, "answers.jsonl"), first = start(judge, path, 10, { concurrency: 1 });
      while (judge.calls.length < 4) await sleep(10);
      const second = await start(judge, path, 10, {}).ended;
      assert.equal(second.code, 1);
      assert.match(
        second.stderr,
        new RegExp(
          `InputError: Cannot use ${path}: process ${first.process.pid} has it open; wait for it, stop it`,
        ),
      );
      judge.script = () => ({ answer: "2" });
      const waiting = start(judge, path, 10, { waitForLedger: true });
      await sleep(1500);
      const calls = judge.calls.length;
      first.process.kill("SIGKILL");
      await first.ended;
      const { code, stdout, stderr } = await waiting.ended;
      assert.equal(code, 0, stderr);
      assert.deepEqual([calls, JSON.parse(stdout)], [4, { answers: 10, failures: 0, cached: 3 }]);
      assert.deepEqual(verifyLedger(path), { answers: 10, faults: [] });
    })
  ));

Deno.test("a ledger that the disk will not take stops everything, keeps what it has, and goes on when there is room", () =>
  inFolder((folder) =>
    besideJudge(() => ({ answer: "42" }), async (judge) => {
      const path = join(folder, "answers.jsonl"),
        limited = ["sh", "-c", 'ulimit -f 16; trap "" XFSZ; exec "$0" "$@"'];
      const { code, stderr } = await start(judge, path, 500, { concurrency: 4 }, limited).ended;
      assert.equal(code, 1);
      assert.match(
        stderr,
        /InputError: Cannot write .*answers\.jsonl: the file grew past the allowed file size/,
      );
      const kept = verifyLedger(path);
      assert.deepEqual(kept.faults, []);
      assert.ok(kept.answers > 5 && judge.calls.length < 500);
      await using chat = await openChat({ baseUrl: judge.baseUrl, model: "judge", fingerprint: null }, {
        ledger: path,
      });
      for (let i = 0; i < 60; i++) await chat.complete(questionAt(i));
      assert.deepEqual(verifyLedger(path).faults, []);
      assert.ok(judge.calls.length <= 60 + 3 * 8, `${judge.calls.length}`);
    })
  ));
