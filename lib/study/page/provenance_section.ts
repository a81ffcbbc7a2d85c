// The page's section on provenance: settings, versions, and the hashes of model, data, adapters and code, from the manifests.
import { sortedJson } from "../../run/manifest.ts";
import { escapeHtml } from "../../show/mod.ts";
import { adaptersOf, inputsOf, type Provenance, seedsOf, versionsOf } from "../provenance.ts";
import { scroll } from "./data_table.ts";

/** The whole section's HTML. */
export function provenanceHtml(provenance: Provenance | undefined): string {
  if (!provenance) return "<p>Nothing was stored with these tables of where they come from.</p>";
  const { preset, stages } = provenance, codes = [...new Set(Object.values(stages).map(({ code }) => code))];
  const facts: [string, string][] = [
    ["preset", preset.name],
    [
      "model",
      [...new Set(Object.values(stages).flatMap(({ inputs }) => inputs.model ?? []))].join(", ") || "–",
    ],
    ["seeds", seedsOf(provenance).join(", ") || "–"],
    ...Object.entries(versionsOf(provenance)).map(([name, version]): [string, string] => [name, version]),
    ["stages", String(Object.keys(stages).length)],
    ["states of the library's code", String(codes.length)],
  ];
  return `<p>Hashes are SHA-256. A stage is made again when one of its inputs, its settings, versions or code differ; the ` +
    `tables come from the stages below. Times, memory and hardware are no part of it.</p>
<dl>${
      facts.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`).join("\n")
    }</dl>
<h3>Inputs</h3>
<p>The model, its template and definition, sets of dialogues and texts, and results that later stages read.</p>
${
      table(
        "Inputs of the stages",
        ["input", "stages", "SHA-256"],
        inputsOf(provenance).map((one) => [
          one.input,
          String(one.stages),
          code(one.sha256),
        ]),
      )
    }
<h3>Adapters</h3>
${
      table(
        "Trained adapters",
        ["adapter", "SHA-256 of adapter_model.safetensors"],
        adaptersOf(provenance).map(({ path, sha256 }) => [path, code(sha256)]),
      )
    }
<details><summary>All settings of the preset</summary>
<pre tabindex="0" aria-label="Settings of the preset">${
      escapeHtml(sortedJson(preset).trimEnd())
    }</pre></details>
<details><summary>All ${Object.keys(stages).length} stages: settings, outputs, code</summary>
${stagesHtml(provenance)}</details>`;
}

function stagesHtml({ stages }: Provenance): string {
  const lines = Object.entries(stages).map(([path, { stage, settings, inputs, outputs, code: lib }]) => [
    `${escapeHtml(path)}<br><span class="soft">${escapeHtml(stage)}</span>`,
    `<details><summary>${Object.keys(settings).length} settings, ${Object.keys(inputs).length} inputs, ` +
    `${Object.keys(outputs).length} outputs</summary><pre tabindex="0" aria-label="Manifest of ${
      escapeHtml(path)
    }">${escapeHtml(sortedJson({ inputs, outputs, settings }).trimEnd())}</pre></details>`,
    code(lib),
  ]);
  return table("Stages of the run", ["stage", "manifest", "SHA-256 of the code"], lines, true);
}

function table(title: string, heads: string[], rows: string[][], raw = false): string {
  const first = (text: string) => raw ? text : escapeHtml(text);
  const lines = rows.map(([head, ...cells]) =>
    `<tr><th scope="row">${first(head)}</th>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`
  );
  return scroll(
    title,
    heads.map((head) => `<th scope="col">${escapeHtml(head)}</th>`).join(""),
    lines.join("\n"),
  );
}

const code = (hash: string) => `<code>${escapeHtml(hash)}</code>`;
