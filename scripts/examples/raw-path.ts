/** The characters of a path segment (RFC 3986 3.3). `'` is `\x27`, because it ends a quoted text in HAProxy. */
const segmentCharacter = String.raw`[A-Za-z0-9_.~!$&\x27()*+,;=:@-]|%[0-9A-Fa-f]{2}`;

/**
 * Matches the paths that every server parses alike: no backslash, empty segment or malformed escape. Paths with dot
 * segments match too.
 */
export const plainSegments = `(/(${segmentCharacter})+)+/?`;

/** Matches a dot segment, percent-encoded or not, which `end` or the end of the path follows. */
export const dotSegment = (end = "$") => `/([.]|%2[Ee]){1,2}(/|${end})`;
