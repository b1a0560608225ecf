import { scrypt } from "node:crypto";

interface Env {
  readonly DB: D1Database;
}

/** The components of a sign-in step in isolation: trips to D1, an HMAC, a password hash. */
export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const count = (name: string) => Number(searchParams.get(name) ?? 0);
    const id = searchParams.get("id") ?? "1";
    if (pathname === "/scrypt" || pathname === "/scrypt-read-batch") await hash();
    if (pathname.endsWith("/hmac")) await hmac();
    if (pathname.includes("read")) await read(env.DB, id);
    if (pathname.includes("batch")) await batch(env.DB, id, count("reads"), count("writes"));
    return new Response(null);
  },
} satisfies ExportedHandler<Env>;

const read = (db: D1Database, id: string) => db.prepare("SELECT * FROM floor WHERE id = ?").bind(id).all();

/** Runs a batch of `reads` statements that each read a row, and `writes` statements that each write a row. */
function batch(db: D1Database, id: string, reads: number, writes: number): Promise<unknown> {
  const select = db.prepare("SELECT * FROM floor WHERE id = ?").bind(id);
  const update = db.prepare("UPDATE floor SET n = n + 1 WHERE id = ?").bind(id);
  return db.batch([...Array(writes).fill(update), ...Array(reads).fill(select)]);
}

const key = new Uint8Array(20);
const counter = new Uint8Array(8);

async function hmac(): Promise<void> {
  const algorithm = { name: "HMAC", hash: "SHA-1" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  await crypto.subtle.sign(algorithm, imported, counter);
}

/** Uses the parameters of `src/core/crypto/password-hash.ts`. */
const hash = () =>
  new Promise<void>((resolve, reject) => {
    const options = { N: 16_384, r: 8, p: 5, maxmem: 64 * 1024 * 1024 };
    scrypt("a password", new Uint8Array(16), 32, options, (error) => (error ? reject(error) : resolve()));
  });
