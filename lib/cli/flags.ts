// Arguments → values, by the verb's table; help text. What a verb does with them stands in its own file beside this.
import { parseArgs } from "node:util";
import { type Flag, type Verb, verbs } from "../cli_verbs.ts";
import { InputError, messageOf } from "../run/errors.ts";
import { resolveUser } from "../run/files.ts";

/** A verb's flags as given, with typed readers that name the flag in errors. */
export class Flags {
  constructor(
    private readonly verb: string,
    private readonly values: Record<string, string | boolean | string[] | undefined>,
    private readonly own: ReadonlySet<string> = new Set(),
  ) {}

  /** Whether the user gave the flag, rather than its default. */
  given(name: string): boolean {
    return this.own.has(name);
  }

  /** Print one JSON object on stdout. */
  get json(): boolean {
    return this.flag("json");
  }

  /** Whether a flag without a value was given. */
  flag(name: string): boolean {
    return this.values[name] === true;
  }

  /** The value, if given or defaulted. */
  text(name: string): string | undefined {
    return this.values[name] as string | undefined;
  }

  /** All values of a flag that may be repeated. */
  list(name: string): string[] {
    return (this.values[name] ?? []) as string[];
  }

  /** The value; throws InputError where it is missing. */
  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) {
      throw new InputError(`Cannot run ${this.verb}: --${name} is missing; see ual ${this.verb} --help`);
    }
    return value;
  }

  /** The value as a finite number within [least, most]. */
  number(name: string, { least = -Infinity, most = Infinity } = {}): number {
    const value = Number(this.required(name));
    if (this.required(name).trim() === "" || !Number.isFinite(value) || value < least || value > most) {
      const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
      throw new InputError(`Cannot use --${name} ${this.text(name)}: give a number ${range}`);
    }
    return value;
  }

  /** The value as a whole number of at least `least`. */
  whole(name: string, least = 1): number {
    const value = this.number(name, { least });
    if (!Number.isSafeInteger(value)) {
      throw new InputError(`Cannot use --${name} ${this.text(name)}: give a whole number`);
    }
    return value;
  }
}

const COMMON: Record<string, Flag> = {
  json: { help: "one JSON object on stdout; progress stays on stderr" },
  help: { help: "this text" },
};

/** Parses the arguments after the verb. Throws InputError for unknown flags, missing values and unknown choices. */
export function parseFlags(name: string, args: string[]): Flags {
  const verb = verbs[name], flags = { ...verb.flags, ...COMMON };
  const options = Object.fromEntries(
    Object.entries(flags).map(([k, f]) => [k, {
      type: f.value ? "string" as const : "boolean" as const,
      ...(f.many ? { multiple: true } : {}),
    }]),
  );
  let parsed;
  try {
    const joined = joinNegative(args);
    parsed = parseArgs({ args: joined, options, allowPositionals: Boolean(verb.positional), strict: true });
  } catch (error) {
    const [why] = messageOf(error).split("\n");
    throw new InputError(`Cannot run ${name}: ${why}; see ual ${name} --help`);
  }
  const values: Record<string, string | boolean | string[] | undefined> = { ...parsed.values } as never;
  for (const positional of parsed.positionals) {
    const at = verb.positional!;
    if (flags[at].many) values[at] = [...(values[at] as string[] ?? []), positional];
    else if (values[at] === undefined) values[at] = positional;
    else {throw new InputError(
        `Cannot run ${name}: "${positional}" is one argument too many; see ual ${name} --help`,
      );}
  }
  const own = new Set(Object.keys(values));
  for (const [key, { default: fallback, choices }] of Object.entries(flags)) {
    values[key] ??= fallback;
    if (values[key] === "") {
      throw new InputError(
        `Cannot use --${key}: its value is empty; give ${flags[key].value} or leave it out`,
      );
    }
    if (choices && values[key] !== undefined && !choices.includes(values[key] as string)) {
      throw new InputError(`Cannot use --${key} ${values[key]}: choose from ${choices.join(", ")}`);
    }
  }
  refuseOverwriting(verb, values);
  return new Flags(name, values, own);
}

/** Throws InputError where a file is to be written that is read too, or written twice: it would be lost. */
function refuseOverwriting(
  { read = [], sources = [], write = [] }: Verb,
  values: Record<string, string | boolean | string[] | undefined>,
): void {
  const used = new Map<string, string>();
  for (const flag of [...read, ...sources, ...write]) {
    for (const value of [values[flag] ?? []].flat()) {
      if (typeof value !== "string" || /^(hf|mirror):/.test(value)) continue;
      const path = realPath(resolveUser(value)), other = used.get(path);
      if (other !== undefined && write.includes(flag)) {
        throw new InputError(
          `Cannot write --${flag} ${value}: it is the file of --${other} too; give --${flag} another file`,
        );
      }
      used.set(path, flag);
    }
  }
}

/** The path behind links, where there is something. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}

/** `--mean -1` as `--mean=-1`: a number is never a flag. */
function joinNegative(args: string[]): string[] {
  return args.flatMap((arg, i) => {
    if (/^-[\d.]/.test(arg) && args[i - 1]?.startsWith("--")) return [];
    const next = args[i + 1];
    return arg.startsWith("--") && /^-[\d.]/.test(next ?? "") ? [`${arg}=${next}`] : [arg];
  });
}

/** The help of one verb. */
export function verbHelp(name: string): string {
  const verb = verbs[name], positional = verb.positional ? ` [${verb.positional.toUpperCase()}]` : "";
  const rows = Object.entries({ ...verb.flags, ...COMMON }).map(([key, flag]) => {
    const left = `--${key}${flag.value ? ` ${flag.value}` : ""}`;
    const choices = flag.choices ? ` (${flag.choices.join(", ")})` : "";
    const fallback = flag.default === undefined ? "" : ` [${flag.default}]`;
    return `  ${left.padEnd(26)}${flag.help}${choices}${fallback}`;
  });
  return [`ual ${name}${positional} [flags]`, `${verb.summary}.`, "", ...rows].join("\n");
}

/** The help of the whole command line. */
export function generalHelp(): string {
  const rows = Object.entries(verbs).map(([name, verb]) => `  ${name.padEnd(14)}${verb.summary}`);
  return [
    "ual VERB [flags]",
    "Uncertainty-aware learning from the command line.",
    "",
    ...rows,
    "",
    "ual VERB --help lists a verb's flags.",
  ].join("\n");
}
