/** Four decimal numbers without leading zeros. The URL parser would read those as octal, and accepts hexadecimal too. */
const ipv4Pattern = /^(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}$/;

/** The characters of an IPv6 address without brackets and zone id (`%eth0`), which a client address on the internet never has. */
const ipv6Pattern = /^[0-9A-Fa-f:.]+$/;

/** All clients without a usable address share one counter, so that hiding the address gives no additional attempts. */
const sharedNetwork = "unknown";

/**
 * Returns the network for which a client's failures are counted: an IPv4 address, or the /64 of an IPv6 address, which
 * providers usually assign to one customer. Equal networks have equal text (INC-07).
 *
 * @param address the client address from the platform, without port or brackets; null when there is none
 * @returns `203.0.113.7`, `2001:db8:1:2::/64`, or `unknown` for no address and for an invalid one. An IPv4-mapped IPv6
 * address (RFC 4291 2.5.5.2) gives its IPv4 address
 */
export function formatClientNetwork(address: string | null): string {
  if (address === null) return sharedNetwork;
  if (ipv4Pattern.test(address)) return canonicalHost(address) ?? sharedNetwork;
  const host = ipv6Pattern.test(address) ? canonicalHost(`[${address}]`) : null;
  if (host === null) return sharedNetwork;
  const groups = expandGroups(host.slice(1, -1));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join(".");
  }
  const prefix = groups.slice(0, 4).map((group) => group.toString(16));
  const network = canonicalHost(`[${prefix.join(":")}::]`);
  return network === null ? sharedNetwork : `${network.slice(1, -1)}/64`;
}

/** Returns the URL parser's serialisation of a host, or null when the parser rejects it. */
function canonicalHost(host: string): string | null {
  const url = `http://${host}/`;
  return URL.canParse(url) ? new URL(url).hostname : null;
}

/** Returns the eight 16-bit groups of an IPv6 address in canonical text. */
function expandGroups(canonical: string): number[] {
  const [head = "", tail] = canonical.split("::");
  const before = parseGroups(head);
  const after = parseGroups(tail ?? "");
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function parseGroups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}
