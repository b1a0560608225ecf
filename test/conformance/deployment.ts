import type { Power } from "./line.ts";
import { codeOfStep, stepAt } from "./totp.ts";

/** What a deployment is reached by, and what else can be done with it. */
export interface Reach {
  /** Sends a request; never follows a redirect. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** Scheme, host and port. */
  readonly origin: string;
  readonly basePath: string;
  readonly adminKey: string;
  /** Milliseconds since the epoch, as the deployment's clock has it. */
  readonly now: () => number;
  readonly powers: readonly Power[];
  /** Moves the clock forward. Only with the power "clock". */
  readonly advance?: (seconds: number) => Promise<void>;
  /** Every row of every table as text, and every value of KV. Only with "dump". */
  readonly dump?: () => Promise<Record<string, readonly Record<string, unknown>[]>>;
  /** Only with "stores". */
  readonly slowedDown?: (milliseconds: number) => Deployment;
  readonly withFailingStore?: () => Deployment;
  /** What was logged since the line began. Only with "logs". */
  readonly logLines?: () => readonly string[];
  /** Only with "variables". */
  readonly configured?: (variables: Record<string, string>) => Deployment;
  /** What the site behind the gate has been sent since the line began. Only with "origin". */
  readonly atOrigin?: () => readonly Request[];
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers have every shape, and some have none
  readonly json: any;
  /** Name and value of each cookie that was set. */
  readonly cookies: ReadonlyMap<string, string>;
}

export interface Ask {
  readonly method?: string;
  readonly body?: unknown;
  readonly bearer?: string;
  readonly headers?: Record<string, string>;
}

/** An account with a password, in the realm that signs in on pages. */
export interface Account {
  readonly id: string;
  readonly username: string;
  readonly password: string;
}

/** An account with two-factor authentication. */
export interface EnrolledAccount extends Account {
  readonly secret: string;
  readonly backupCodes: readonly string[];
  /** The last step whose code was accepted. */
  spentStep: number;
}

/** A user that a backend named, with an API key of its realm. */
export interface BackendUser {
  readonly realm: string;
  readonly key: string;
  readonly id: string;
  readonly secret: string;
  readonly backupCodes: readonly string[];
  spentStep: number;
}

const longestWaitSeconds = 90;

/** A deployment, reached with its URL and its admin key. */
export class Deployment {
  readonly reach: Reach;

  constructor(reach: Reach) {
    this.reach = reach;
  }

  has(power: Power): boolean {
    return this.reach.powers.includes(power);
  }

  get base(): string {
    return this.reach.origin + this.reach.basePath;
  }

  /** Asks under `BASE_PATH`, or anywhere with a path that begins with `//`. */
  async ask(path: string, { method, body, bearer, headers: given }: Ask = {}): Promise<Answer> {
    const headers = new Headers(given);
    if (bearer !== undefined) headers.set("Authorization", `Bearer ${bearer}`);
    if (body !== undefined && !headers.has("Content-Type")) headers.set("Content-Type", "application/json");
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const url = path.startsWith("//") ? this.reach.origin + path.slice(1) : this.base + path;
    const init: RequestInit = {
      method: method ?? (text === undefined ? "GET" : "POST"),
      headers,
      redirect: "manual",
    };
    if (text !== undefined) init.body = text;
    return readAnswer(await this.reach.fetch(new Request(url, init)));
  }

  /** Asks as a person's program does that waits when it is told to: the limit in front is not what is checked. */
  async patiently(path: string, ask: Ask): Promise<Answer> {
    for (;;) {
      const answer = await this.ask(path, ask);
      const seconds = Number(answer.headers.get("Retry-After"));
      if (answer.status !== 429 || this.has("clock") || !(seconds <= longestWaitSeconds)) return answer;
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  }

  admin(path: string, ask: Ask = {}): Promise<Answer> {
    return this.ask(path, { ...ask, bearer: this.reach.adminKey });
  }

  /** `code(k)` of the requirements: the code of the deployment's current step + k. */
  code(secret: string, k = 0): Promise<string> {
    return codeOfStep(secret, this.step() + k);
  }

  step(): number {
    return stepAt(this.reach.now());
  }

  /**
   * A right code that this account has not shown yet. Where the clock is a real one it may have to wait for the next
   * step; a step of the future within the window is taken before that.
   */
  async freshCode(account: { secret: string; spentStep: number }): Promise<string> {
    // A code of the step before has to arrive before this step ends.
    const leftMilliseconds = 30_000 - (this.reach.now() % 30_000);
    const earliest = leftMilliseconds < 8_000 ? this.step() : this.step() - 1;
    const step = Math.max(account.spentStep + 1, earliest);
    if (step > this.step() + 1) await this.waitUntilStep(step - 1);
    account.spentStep = step;
    return codeOfStep(account.secret, step);
  }

  /** Waits, or moves the clock, until this step has begun. */
  async waitUntilStep(step: number): Promise<void> {
    const milliseconds = step * 30_000 - this.reach.now();
    if (milliseconds <= 0) return;
    if (this.reach.advance !== undefined) return this.reach.advance(milliseconds / 1000 + 0.1);
    await new Promise((resolve) => setTimeout(resolve, milliseconds + 200));
  }

  /** Makes sure that this step does not end within the next seconds: what is asked is about one step. */
  async beEarlyInStep(): Promise<void> {
    const leftMilliseconds = 30_000 - (this.reach.now() % 30_000);
    if (leftMilliseconds < 15_000) await this.waitUntilStep(this.step() + 1);
  }

  /** Six digits that are the code of no step around now. */
  async wrongCode(secret: string, variant = 0): Promise<string> {
    const near = await Promise.all([-3, -2, -1, 0, 1, 2, 3].map((k) => this.code(secret, k)));
    const candidates = Array.from({ length: 200 }, (_, i) =>
      String((variant * 7919 + i * 104_729) % 1_000_000),
    );
    const wrong = candidates
      .map((digits) => digits.padStart(6, "0"))
      .find((digits) => !near.includes(digits));
    if (wrong === undefined) throw new Error("every candidate is a live code");
    return wrong;
  }

  async createAccount(): Promise<Account> {
    const username = `conformance-${crypto.randomUUID()}`;
    const password = `correct horse ${crypto.randomUUID()}`;
    const answer = await this.admin("/v1/users", { body: { username, password } });
    mustBe(answer, 201, "a user is created");
    return { id: answer.json.data.id, username, password };
  }

  login({ username, password }: Pick<Account, "username" | "password">, headers = {}): Promise<Answer> {
    return this.patiently("/login", { body: { username, password }, headers });
  }

  /** A pending session's token, for an account that has a second factor. */
  async pendingToken(account: Account): Promise<string> {
    const answer = await this.login(account);
    must(answer.json?.status === "totp_required", `login asks for the second factor, not ${answer.text}`);
    return answer.json.session_token;
  }

  verify(token: string, code: string): Promise<Answer> {
    return this.ask("/totp/verify", { body: { session_token: token, code } });
  }

  /** A full session's token. */
  async signIn(account: EnrolledAccount): Promise<string> {
    const token = await this.pendingToken(account);
    const answer = await this.verify(token, await this.freshCode(account));
    mustBe(answer, 200, "a fresh code is accepted");
    return answer.json.session_token;
  }

  /** An account with two-factor authentication, set up as a person does. */
  async createEnrolledAccount(): Promise<EnrolledAccount> {
    const account = await this.createAccount();
    const bearer = (await this.login(account)).json.session_token;
    const setup = await this.ask("/totp/setup", { method: "POST", bearer });
    mustBe(setup, 200, "a set-up begins");
    const { secret } = setup.json.data;
    const enrolled = { ...account, secret, backupCodes: [] as string[], spentStep: 0 };
    const code = await this.freshCode(enrolled);
    const enabled = await this.ask("/totp/enable", { body: { code }, bearer });
    mustBe(enabled, 200, "a right code enables");
    enrolled.backupCodes.push(...enabled.json.data.backup_codes);
    return enrolled;
  }

  /** An API key of a realm that is new, or of `realm`. */
  async createKey(
    scopes: readonly string[] = ["users:read", "users:write", "verify"],
    realm = `c-${crypto.randomUUID().slice(0, 18)}`,
  ): Promise<{ realm: string; key: string; id: string }> {
    const body = { name: "conformance", scopes };
    const answer = await this.admin(`/v1/api-keys?realm=${realm}`, { body });
    mustBe(answer, 201, "a key is made");
    return { realm, key: answer.json.data.key, id: answer.json.data.id };
  }

  /** A user with a second factor, made over the service API: no password is hashed for it. */
  async createBackendUser(given?: { realm: string; key: string }): Promise<BackendUser> {
    const { realm, key } = given ?? (await this.createKey());
    const id = crypto.randomUUID();
    mustBe(
      await this.ask(`/v1/users/${id}`, { method: "PUT", body: {}, bearer: key }),
      201,
      "a user is made",
    );
    const started = await this.ask(`/v1/users/${id}/totp`, { method: "POST", bearer: key });
    mustBe(started, 200, "an enrolment begins");
    const user = {
      realm,
      key,
      id,
      secret: started.json.data.secret,
      backupCodes: [] as string[],
      spentStep: 0,
    };
    const body = { code: await this.freshCode(user) };
    const confirmed = await this.ask(`/v1/users/${id}/totp/confirm`, { body, bearer: key });
    mustBe(confirmed, 200, "a right code confirms");
    user.backupCodes.push(...confirmed.json.data.backup_codes);
    return user;
  }

  verifyFor(user: BackendUser, code: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask(`/v1/users/${user.id}/verify`, { body: { code }, bearer: user.key, headers });
  }
}

async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get("Content-Type")?.includes("json") ?? false;
  const cookies = response.headers.getSetCookie().map((cookie): [string, string] => {
    const [pair = ""] = cookie.split(";");
    return [pair.slice(0, pair.indexOf("=")), cookie];
  });
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : null,
    cookies: new Map(cookies),
  };
}

/** Throws when something is not as it must be. The message is what the report says. */
export function must(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new Error(`Not so: ${sentence}`);
}

/** Throws when an answer has not the status, and where given the code, that it must have. */
export function mustBe(answer: Answer, status: number, sentence: string, code?: string): void {
  const rightCode = code === undefined || answer.json?.code === code;
  must(
    answer.status === status && rightCode,
    `${sentence}: ${status}${code === undefined ? "" : ` ${code}`}, and it was ${answer.status} ${answer.json?.code ?? ""}`,
  );
}
