/** The deployment and realm to import into or export from. */
export interface Target {
  readonly baseUrl: string;
  readonly adminKey: string;
  /** Required for an export. */
  readonly exportKey?: string;
  readonly realm: string;
}

/** The totals of a complete import. */
export interface Sum {
  readonly created: number;
  readonly unchanged: number;
  readonly failed: number;
}

/** The limit of the service API for one request. */
const chunkLines = 5000;

/** Sends a request to the service API for a realm. */
export function call(
  { baseUrl, adminKey, exportKey, realm }: Target,
  path: string,
  type: string,
  body: string,
) {
  return fetch(`${baseUrl}/api/auth${path}${path.includes("?") ? "&" : "?"}realm=${realm}`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${adminKey}`,
      "Content-Type": type,
      ...(exportKey === undefined ? {} : { "X-Sallyport-Export-Key": exportKey }),
    },
    body,
  });
}

/** Imports lines, each with its newline, in chunks and in order. */
export async function sendLines(
  target: Target,
  lines: Iterable<string>,
  onProgress: (nextLine: number) => void = () => {},
): Promise<Sum> {
  const sum = { created: 0, unchanged: 0, failed: 0 };
  let firstLine = 1;
  for (const chunk of chunksOf(lines)) {
    const answer = await call(target, `/v1/import?first_line=${firstLine}`, "application/x-ndjson", chunk);
    if (answer.status !== 200) throw new Error(`import: ${answer.status} ${await answer.text()}`);
    const { data } = (await answer.json()) as { data: Sum & { next_line: number } };
    for (const name of ["created", "unchanged", "failed"] as const) sum[name] += data[name];
    firstLine = data.next_line;
    onProgress(firstLine);
  }
  return sum;
}

function* chunksOf(lines: Iterable<string>): Generator<string> {
  let chunk: string[] = [];
  for (const line of lines) {
    chunk.push(line);
    if (chunk.length < chunkLines) continue;
    yield chunk.join("");
    chunk = [];
  }
  if (chunk.length > 0) yield chunk.join("");
}
