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

/** `export`, `export keygen`, `export decrypt`. */
export function addExportCommands(program: Command, open: OpenSession): void {
  const command = program
    .command("export")
    .description("Take all users of a realm out, encrypted to a public key of yours")
    .option("--to <file>", "the public key (JWK, or PEM): X25519, P-256 or RSA")
    .option("-o, --output <file>", "where the encrypted users go")
    .addHelpText(
      "after",
      example(
        "sallyport-admin export keygen -o move",
        "sallyport-admin export --to move.public.json -o users.jwe",
        "sallyport-admin import users.jwe --identity move.private.json --realm shop",
      ) +
        `

EXPORT_KEY is needed beside the key: it comes from SALLYPORT_EXPORT_KEY of the
environment, or from a prompt.`,
    )
    .action(async ({ to, output }: ExportOptions, command: Command) => {
      if (to === undefined || output === undefined)
        throw usageError(
          "export needs --to <public key> and -o <file>.",
          "With --help it says what it takes.",
        );
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
      `${countOf(unreadable, "account")} could not be read and ${unreadable === 1 ? "is" : "are"} not in it.`,
      "The log of the Worker says why (integrity.failed): a key may be gone from KEYRING.",
    );
  }
}

function addKeygen(parent: Command, open: OpenSession): void {
  parent
    .command("keygen")
    .description(
      "Make a key pair (X25519): <name>.public.json to export to, <name>.private.json to open with",
    )
    .option("-o, --output <name>", "how the two files begin")
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
      output.line(`Wrote ${files.public_key}, to export to.`);
      output.line(`Wrote ${files.private_key}: who has it can read the export. Keep it safe.`);
    });
}

function addDecrypt(parent: Command, open: OpenSession): void {
  parent
    .command("decrypt")
    .argument("<file>", "what export wrote; - for standard input")
    .description("Open an export: lines of users with their secrets, as import takes them")
    .requiredOption("-i, --identity <file>", "the private key (JWK, or PEM)")
    .option("-o, --output <file>", "where the users go; by default standard output, if that is no terminal")
    .addHelpText(
      "after",
      `${example("sallyport-admin export decrypt users.jwe -i move.private.json -o users.ndjson")}

What comes out are secrets in the clear. import --identity reads the encrypted
file itself.`,
    )
    .action(async (file: string, { identity }: { identity: string }, command: Command) =>
      decrypt(open(command), file, { path: outputOf(command), identity: await readIdentity(identity) }),
    );
}

/** `export` has an option of the same name, and takes it wherever it stands. */
const outputOf = (command: Command) => command.optsWithGlobals<{ output?: string }>().output;

async function decrypt(
  { output, prompts, signal }: Session,
  file: string,
  { path, identity }: { path: string | undefined; identity: Identity },
): Promise<void> {
  if (path === undefined && process.stdout.isTTY)
    throw usageError("These are secrets, and this is a screen: say -o <file>, or pipe them on.");
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
  output.line(`Wrote ${path}. It holds secrets: delete it when it is not needed any more.`);
}

const writeOut = (bytes: Uint8Array) =>
  new Promise<void>((resolve) => process.stdout.write(bytes, () => resolve()));
