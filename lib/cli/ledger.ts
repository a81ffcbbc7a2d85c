// `ual ledger ls|show|verify`: looks into a ledger of answers, which may be in use.
import type { Output } from "../cli.ts";
import type { Entry } from "../chat/ledger_line.ts";
import { ledgerEntries, verifyLedger } from "../chat/ledger_verify.ts";
import { InputError } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";
import type { Flags } from "./flags.ts";

/** Faults that are printed. */
const SHOWN = 20;

/** One line an answer: the key's beginning, time, model, tokens, cost. */
// deno-lint-ignore require-await
export async function ls(flags: Flags): Promise<Output> {
  const json = [], rows = [];
  let cost = 0;
  for (const entry of ledgerEntries(resolveUser(flags.required("ledger")))) {
    const { key, time, question: { model, repeat }, answer: { usage } } = entry;
    json.push({
      key,
      time,
      model,
      repeat,
      prompt_tokens: usage.prompt,
      completion_tokens: usage.completion,
      cost: entry.cost ?? null,
    });
    rows.push(rowOf(entry));
    cost += entry.cost ?? 0;
  }
  rows.push(`${json.length} answers, ${cost.toFixed(6)} USD where the price was known`);
  return { json, text: rows.join("\n") };
}

function rowOf({ key, time, question: { model, repeat }, answer: { usage }, cost }: Entry): string {
  const tokens = `${usage.prompt}+${usage.completion}`.padStart(10);
  const usd = (cost === undefined ? "–" : cost.toFixed(6)).padStart(10);
  return `${key.slice(0, 12)}  ${time}  ${tokens} tokens  ${usd} USD  ${model}${
    repeat ? `, repeat ${repeat}` : ""
  }`;
}

/** The entry whose key begins with `--key`, as JSON. */
// deno-lint-ignore require-await
export async function show(flags: Flags): Promise<Output> {
  const path = flags.required("ledger"), key = flags.required("key");
  const found = [...ledgerEntries(resolveUser(path)).filter((entry) => entry.key.startsWith(key))];
  if (found.length !== 1) {
    const what = found.length
      ? `${found.length} keys begin so; give more of it`
      : "no key begins so; see ual ledger ls";
    throw new InputError(`Cannot show ${key} of ${path}: ${what}`);
  }
  return { json: found[0], text: JSON.stringify(found[0], null, 2) };
}

/** Hashes everything anew; fails where anything is wrong. */
// deno-lint-ignore require-await
export async function verify(flags: Flags): Promise<Output> {
  const path = flags.required("ledger"), { answers, faults } = verifyLedger(resolveUser(path));
  const lines = faults.slice(0, SHOWN).map(({ line, fault }) => `${path}:${line}: ${fault}`);
  if (faults.length > SHOWN) lines.push(`and ${faults.length - SHOWN} more`);
  const state = faults.length === 0
    ? "nothing is wrong"
    : faults.length === 1
    ? "1 line is wrong"
    : `${faults.length} lines are wrong`;
  return {
    json: { ledger: path, answers, faults },
    text: [...lines, `${answers} answers; ${state}`].join("\n"),
    failed: faults.length > 0,
  };
}
