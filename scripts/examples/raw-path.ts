/** The characters of a segment of a path (RFC 3986 3.3). `'` is `\x27`, because HAProxy ends a quoted text with it. */
const segmentCharacter = String.raw`[A-Za-z0-9_.~!$&\x27()*+,;=:@-]|%[0-9A-Fa-f]{2}`;

/**
 * A pattern for the paths that every server reads alike: no backslash, empty segment or malformed escape. Paths with dot
 * segments match it, too.
 */
export const plainSegments = `(/(${segmentCharacter})+)+/?`;

/** A pattern for a dot segment, escaped or not. Its end is the end of the path, or what is given. */
export const dotSegment = (end = "$") => `/([.]|%2[Ee]){1,2}(/|${end})`;
