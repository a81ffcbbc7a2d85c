// Rows as CSV (RFC 4180), for spreadsheets and other programs.

/**
 * A line of all fields that occur, then one a row. Numbers in full; what is missing, null or NaN is empty; lists and objects are JSON.
 */
export function csvOf(rows: readonly object[]): string {
  const fields = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = rows.map((row) =>
    fields.map((field) => cell((row as Record<string, unknown>)[field])).join(",")
  );
  return [fields.map(cell).join(","), ...lines].join("\r\n") + "\r\n";
}

function cell(value: unknown): string {
  if (value === undefined || value === null || Number.isNaN(value)) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
