import type { Command } from "commander";
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";
import type { OpenSession, Session } from "./command.ts";
import { exitCodes, PartlyDone, usageError } from "./failure.ts";
import { agreeToOverwrite, openInput, writeWhole } from "./files.ts";
import { example } from "./help.ts";
import { createProgress } from "./progress.ts";
import {
  type Identity,
  openUsers,
  type Part,
  readIdentity,
  readParts,
  readRecipient,
} from "./sealed-export.ts";
import { countOf } from "./text.ts";

interface ExportOptions {
  readonly to?: string;
  readonly output?: string;
}

/** Adds `export`, `export keygen` and `export decrypt`. */
export function addExportCommands(program: Command, open: OpenSession): void {
  const command = program
    .command("export")
    .description("Export all users of a realm, encrypted to a public key")
    .option("--to <file>", "public key (JWK or PEM): X25519, P-256 or RSA")
    .option("-o, --output <file>", "file for the encrypted users")
    .addHelpText(
      "after",
      example(
        "sallyport-admin export keygen -o move",
        "sallyport-admin export --to move.public.json -o users.jwe",
        "sallyport-admin import users.jwe --identity move.private.json --realm shop",
      ) +
        `

An export also needs EXPORT_KEY, from SALLYPORT_EXPORT_KEY in the environment or
from a prompt.`,
    )
    .action(async ({ to, output }: ExportOptions, command: Command) => {
      if (to === undefined || output === undefined)
        throw usageError("export needs --to <public key> and -o <file>.", "See --help.");
      await exportUsers(open(command), to, output);
    });
  addKeygen(command, open);
  addDecrypt(command, open);
}

async function exportUsers({ output, prompts, connect }: Session, to: string, path: string): Promise<void> {
  const recipient = await readRecipient(to);
  await agreeToOverwrite(path, prompts);
  const api = await connect();
  const response = await api.open({
    method: "POST",
    path: "/v1/export",
    body: { recipient },
    exportKey: "needed",
  });
  const progress = createProgress(output, null);
  let last: Part | undefined;
  let bytes = 0;
  try {
    await writeWhole(path, async (append) => {
      for await (const part of readParts(api.stream(response))) {
        await append(`${part.jwe}\n`);
        bytes += part.jwe.length + 1;
        progress.update(bytes, `part ${part.number}, ${Math.ceil(bytes / 1024)} KiB`);
        last = part;
      }
    });
  } finally {
    progress.end();
  }
  const { users = 0, unreadable = 0 } = last?.total ?? {};
  output.data({ users, unreadable, parts: last?.number ?? 0, file: path });
  output.line(`Wrote ${countOf(users, "account")} to ${path}.`);
  if (unreadable > 0) {
    throw new PartlyDone(
      exitCodes.refused,
      `${countOf(unreadable, "account")} could not be read and ${unreadable === 1 ? "is" : "are"} not in the file.`,
      "See integrity.failed in the Worker's log. A key may be missing from KEYRING.",
    );
  }
}

function addKeygen(parent: Command, open: OpenSession): void {
  parent
    .command("keygen")
    .description("Create a key pair (X25519) in <name>.public.json and <name>.private.json")
    .option("-o, --output <name>", "start of the two file names")
    .addHelpText("after", example("sallyport-admin export keygen -o move"))
    .action(async (_options: object, command: Command) => {
      const { output, prompts } = open(command);
      const name = outputOf(command);
      if (name === undefined) throw usageError("export keygen needs -o <name>.");
      const files = { public_key: `${name}.public.json`, private_key: `${name}.private.json` };
      await agreeToOverwrite(files.private_key, prompts);
      await agreeToOverwrite(files.public_key, prompts);
      const pair = await generateKeyPair("ECDH-ES", { crv: "X25519", extractable: true });
      const publicJwk = await exportJWK(pair.publicKey);
      const about = { kid: await calculateJwkThumbprint(publicJwk), alg: "ECDH-ES", use: "enc" };
      const write = (path: string, jwk: object) =>
        writeWhole(path, (append) => append(`${JSON.stringify({ ...jwk, ...about }, null, 2)}\n`));
      await write(files.private_key, await exportJWK(pair.privateKey));
      await write(files.public_key, publicJwk);
      output.data({ ...files, kid: about.kid });
      output.line(`Wrote ${files.public_key}, for export --to.`);
      output.line(`Wrote ${files.private_key}, which decrypts the export. Keep it secret.`);
    });
}

function addDecrypt(parent: Command, open: OpenSession): void {
  parent
    .command("decrypt")
    .argument("<file>", "file written by export; - for standard input")
    .description("Decrypt an export into the lines that import reads")
    .requiredOption("-i, --identity <file>", "private key (JWK or PEM)")
    .option("-o, --output <file>", "file for the users (default: standard output, unless it is a terminal)")
    .addHelpText(
      "after",
      `${example("sallyport-admin export decrypt users.jwe -i move.private.json -o users.ndjson")}

The output has secrets in plain text. import --identity reads the encrypted file
directly.`,
    )
    .action(async (file: string, { identity }: { identity: string }, command: Command) =>
      decrypt(open(command), file, { path: outputOf(command), identity: await readIdentity(identity) }),
    );
}

/** Commander assigns `--output` to `export`, which has an option of the same name. */
const outputOf = (command: Command) => command.optsWithGlobals<{ output?: string }>().output;

async function decrypt(
  { output, prompts, signal }: Session,
  file: string,
  { path, identity }: { path: string | undefined; identity: Identity },
): Promise<void> {
  if (path === undefined && process.stdout.isTTY)
    throw usageError("Refusing to write secrets to a terminal. Use -o <file>, or a pipe.");
  if (path !== undefined) await agreeToOverwrite(path, prompts);
  const users = openUsers((await openInput(file, signal)).chunks, identity);
  if (path === undefined) {
    for await (const lines of users) await writeOut(lines);
    return;
  }
  await writeWhole(path, async (append) => {
    for await (const lines of users) await append(lines);
  });
  output.data({ file: path });
  output.line(`Wrote ${path}. It has secrets in plain text. Delete it when you no longer need it.`);
}

const writeOut = (bytes: Uint8Array) =>
  new Promise<void>((resolve) => process.stdout.write(bytes, () => resolve()));
