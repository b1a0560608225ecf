import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Program } from "../apps/program.ts";
import type { Gate } from "../support/gates.ts";
import type { Cast } from "./cast.ts";
import { enrolProgram, signInProgram } from "./sign-in.ts";

const run = promisify(execFile);
const client = fileURLToPath(new URL("./caldav_client.py", import.meta.url));

export function describeRadicale(cast: () => Cast): void {
  it("keeps a calendar for a CalDAV client (password)", async () => {
    const { program, password: gate } = cast();
    const { cookie } = await signInProgram(gate);
    await useCalendar(gate, program, cookie);
    await moveEntry(gate, program, cookie, "password");
  });

  it("keeps a calendar for a CalDAV client whose Basic password is the first factor (origin)", async () => {
    const { program, origin: gate } = cast();
    const cookie = await enrolProgram(gate, basic(program));
    await useCalendar(gate, program, cookie);
    await moveEntry(gate, program, cookie, "origin");
  });
}

/** Radicale that takes the user from `X-Remote-User`, as its manual recommends behind a proxy. */
export function describeTrustingRadicale(cast: () => Cast): void {
  it("gets no user from a client's header (password)", async () => {
    const { program, password: gate } = cast();
    const { cookie } = await signInProgram(gate);
    const ask = (baseUrl: string) =>
      fetch(`${baseUrl}/${program.username}/`, {
        method: "PROPFIND",
        headers: { Cookie: cookie, "X-Remote-User": program.username },
      });
    assert.equal((await ask(program.url)).status, 207);
    const anonymous = await ask(gate.baseUrl);
    assert.equal(anonymous.status, 403);
    assert.equal(await anonymous.text(), "Access to the requested resource forbidden.");
  });
}

export const basic = ({ username, password }: Program) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

async function useCalendar(gate: Gate, { username, password }: Program, cookie: string): Promise<void> {
  const { stdout } = await run("/usr/bin/python3", [client, `${gate.baseUrl}/`, username, password, cookie]);
  assert.deepEqual(stdout.trim().split("\n"), ["A mad tea-party ☕", "The trial"]);
}

const card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:hatter\r\nN:Hatter;;;;\r\nFN:Hatter\r\nEND:VCARD\r\n";

/** What the library does not do: an address book, and a card that moves to another one. */
async function moveEntry({ baseUrl }: Gate, program: Program, cookie: string, mode: string): Promise<void> {
  const books = `${baseUrl}/${program.username}/${mode}`;
  const ask = (method: string, path: string, headers: Record<string, string> = {}, body?: string) =>
    fetch(`${books}-${path}`, {
      method,
      headers: { Authorization: basic(program), Cookie: cookie, ...headers },
      ...(body !== undefined && { body }),
    });
  for (const book of ["old", "new"])
    assert.equal((await ask("MKCOL", `${book}/`, xml, addressBook)).status, 201);
  const put = await ask(
    "PUT",
    "old/hatter.vcf",
    { "Content-Type": "text/vcard", "If-None-Match": "*" },
    card,
  );
  assert.equal(put.status, 201);
  const etag = put.headers.get("ETag") ?? "";

  const Destination = `${books}-new/hatter.vcf`;
  assert.equal((await ask("MOVE", "old/hatter.vcf", { Destination })).status, 201);
  assert.equal((await ask("GET", "old/hatter.vcf")).status, 404);
  const moved = await ask("GET", "new/hatter.vcf");
  assert.match(await moved.text(), /FN:Hatter/);
  assert.equal(moved.headers.get("ETag"), etag);
  assert.equal((await ask("PUT", "new/hatter.vcf", { "If-Match": '"stale"' }, card)).status, 412);
  for (const book of ["old", "new"]) assert.equal((await ask("DELETE", `${book}/`)).status, 200);

  // The runtime refuses the method before the Worker gets the request: docs/applications.md.
  assert.equal((await ask("MKCALENDAR", "calendar/")).status, 501);
}

const xml = { "Content-Type": "application/xml" };
const addressBook = `<?xml version="1.0"?><mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop>
  <resourcetype><collection/><C:addressbook/></resourcetype></prop></set></mkcol>`;
