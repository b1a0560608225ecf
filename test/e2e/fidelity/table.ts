import type { Exchange } from "./exchange.ts";
import { conditionalExchanges } from "./exchanges/conditionals.ts";
import { cookieExchanges } from "./exchanges/cookies.ts";
import { methodExchanges } from "./exchanges/methods.ts";
import { requestBodyExchanges } from "./exchanges/request-bodies.ts";
import { requestHeaderExchanges } from "./exchanges/request-headers.ts";
import { responseBodyExchanges } from "./exchanges/response-bodies.ts";
import { responseHeaderExchanges } from "./exchanges/response-headers.ts";
import { statusExchanges } from "./exchanges/statuses.ts";
import { targetExchanges } from "./exchanges/targets.ts";
import { upgradeExchanges } from "./exchanges/upgrades.ts";

/** Exchanges of one kind. */
export interface ExchangeGroup {
  /** As docs/fidelity.md names it. */
  readonly name: string;
  readonly exchanges: readonly Exchange[];
}

export const exchangeGroups: readonly ExchangeGroup[] = [
  { name: "methods", exchanges: methodExchanges },
  { name: "paths and queries", exchanges: targetExchanges },
  { name: "headers of requests", exchanges: requestHeaderExchanges },
  { name: "cookies", exchanges: cookieExchanges },
  { name: "bodies of requests", exchanges: requestBodyExchanges },
  { name: "conditional requests and ranges", exchanges: conditionalExchanges },
  { name: "statuses and interim responses", exchanges: statusExchanges },
  { name: "headers of responses", exchanges: responseHeaderExchanges },
  { name: "bodies and encodings of responses", exchanges: responseBodyExchanges },
  { name: "WebSockets and other upgrades", exchanges: upgradeExchanges },
];

/** All exchanges. */
export const exchanges: readonly Exchange[] = exchangeGroups.flatMap((group) => group.exchanges);
