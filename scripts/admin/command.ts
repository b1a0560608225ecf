import type { Command } from "commander";
import { Api } from "./api.ts";
import { Output } from "./output.ts";
import { Prompts } from "./prompts.ts";
import { askForExportKey, findExportKey, findKey, localUrl, parseBaseUrl } from "./settings.ts";

/** The options of every command. */
export interface GlobalOptions {
  readonly url?: string;
  readonly realm?: string;
  readonly json?: boolean;
  readonly color: boolean;
  readonly yes?: boolean;
}

/** The output, prompts and API clients of one command. */
export interface Session {
  readonly output: Output;
  readonly prompts: Prompts;
  /** Aborted by SIGINT, SIGTERM or SIGHUP. Its reason is the error that ends the program. */
  readonly signal: AbortSignal;
  /** Creates an API client with the key. Prompts for the key when the environment does not have it. */
  readonly connect: () => Promise<Api>;
  /** Creates an API client without a key. */
  readonly connectWithoutKey: () => Api;
}

/** Creates the session of a command. */
export type OpenSession = (command: Command) => Session;

/** Creates the {@link OpenSession} of one run of the program. */
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
      connectWithoutKey: () => new Api({ ...place(), realm: undefined, key: null, exportKey: null }),
    };
  };

function urlOfEnvironment(): URL {
  const text = process.env.SALLYPORT_URL;
  return text ? parseBaseUrl(text, "SALLYPORT_URL") : parseBaseUrl(localUrl, "The local address");
}

/** https://no-color.org */
const mayColor = ({ color }: GlobalOptions) => color && !process.env.NO_COLOR && process.env.TERM !== "dumb";
