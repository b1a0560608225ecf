import {
  isPathAtOrBelow,
  isValidPathWithoutDotOrEmptySegments,
  rawPathOf,
} from "../core/parsing/raw-path.ts";

/**
 * Returns the path that hono routes a request by: the path as it was sent, neither decoded nor resolved. For a path
 * below `BASE_PATH` that is not in normal form it returns "/", which only the gate's route matches: a proxy in front may
 * have read another path in it and applied that path's rules (INC-34). The gate then rejects the request.
 */
export function rawPathOrSlashIfDotOrEmptySegments(url: string, basePath: string): string {
  const path = rawPathOf(url);
  return isPathAtOrBelow(basePath, path) && !isValidPathWithoutDotOrEmptySegments(path) ? "/" : path;
}
