import type { Command } from "commander";
import { Api } from "./api.ts";
import { Output } from "./output.ts";
import { Prompts } from "./prompts.ts";
import { askForExportKey, findExportKey, findKey, localUrl, parseBaseUrl } from "./settings.ts";

/** What can be said with every command. */
export interface GlobalOptions {
  readonly url?: string;
  readonly realm?: string;
  readonly json?: boolean;
  readonly color: boolean;
  readonly yes?: boolean;
}

/** What a command works with. */
export interface Session {
  readonly output: Output;
  readonly prompts: Prompts;
  /** Aborted when a signal comes; its reason is how the program then ends. */
  readonly signal: AbortSignal;
  /** The deployment, as who holds the key. Asks for the key if it has to. */
  readonly connect: () => Promise<Api>;
  /** The deployment, as anybody. */
  readonly connectAsAnybody: () => Api;
}

/** How the commands get at what they work with. */
export type OpenSession = (command: Command) => Session;

/** Makes {@link OpenSession} of one run of the program. */
export const createOpenSession =
  (signal: AbortSignal): OpenSession =>
  (command) => {
    const options = command.optsWithGlobals<GlobalOptions>();
    const prompts = new Prompts({ yes: options.yes === true, signal });
    const place = () => ({
      url: options.url === undefined ? urlOfEnvironment() : parseBaseUrl(options.url, "--url"),
      realm: options.realm,
      signal,
    });
    return {
      output: new Output({ json: options.json === true, color: mayColor(options) }),
      prompts,
      signal,
      connect: async () => {
        const { url, ...rest } = place();
        const key = await findKey(process.env, url, prompts);
        const exportKey = {
          find: () => findExportKey(process.env, key),
          ask: prompts.canAsk ? () => askForExportKey(url, prompts) : null,
        };
        return new Api({ url, ...rest, key, exportKey });
      },
      connectAsAnybody: () => new Api({ ...place(), realm: undefined, key: null, exportKey: null }),
    };
  };

function urlOfEnvironment(): URL {
  const text = process.env.SALLYPORT_URL;
  return text ? parseBaseUrl(text, "SALLYPORT_URL") : parseBaseUrl(localUrl, "The local address");
}

/** https://no-color.org */
const mayColor = ({ color }: GlobalOptions) => color && !process.env.NO_COLOR && process.env.TERM !== "dumb";
