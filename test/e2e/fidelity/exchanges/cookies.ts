import { type Exchange, exchange, respond } from "../exchange.ts";

const cookies = (name: string, lines: readonly string[], session: Exchange["session"] = "before"): Exchange =>
  exchange(`a request with ${name}`, "GET /x", { lines, session });

export const cookieExchanges: readonly Exchange[] = [
  cookies("a cookie behind the session", ["Cookie: a=1"]),
  cookies("cookies before the session", ["Cookie: a=1; b=2"], "after"),
  cookies("several Cookie lines", ["Cookie: a=1", "Cookie: b=2; c=3", "Cookie: d=4"]),
  cookies("several Cookie lines and one for the session", ["Cookie: a=1", "Cookie: b=2"], "own line"),
  cookies("cookies with commas", ["Cookie: a=1,2,3; b=x, y; c=,"]),
  cookies("cookies in quotes", ['Cookie: a="1 2"; b="x;y"; c="\\"q"; d="']),
  cookies("cookies with odd spaces", ["Cookie: a=1;b=2;  c=3 ;d = 4;\te=5"]),
  cookies("cookies without names, values and equals signs", ["Cookie: =1; a=; b; ; c=3;"]),
  cookies("cookies in UTF-8", ["Cookie: name=J\xc3\xb6rg; \xc3\xa4=1"]),
  cookies("cookies in Latin-1", ["Cookie: name=J\xf6rg; b=\xff"]),
  cookies("cookies of JSON", ['Cookie: a={"b":[1,"c"]}; d=%7B%22e%22%3A1%7D']),
  cookies("two cookies of one name", ["Cookie: a=1; a=2; A=3"]),
  cookies("a cookie of 6,000 bytes", [`Cookie: a=${"x".repeat(6000)}; b=2`], "after"),
  cookies("$Version", ['Cookie: $Version="1"; a="1"; $Path="/"']),
  cookies("another __Host- cookie", ["Cookie: __Host-session=1; __Secure-x=2; __Host-sally=3"]),
  cookies("other cookies of Sallyport's", [
    "Cookie: __Host-sallyport-device=1; a=1; __Host-sallyport-pending=2",
  ]),
  exchange("a session in Authorization", "GET /x", { session: "bearer", lines: ["Cookie: a=1"] }),
  exchange(
    "a response with several Set-Cookie lines",
    "GET /x",
    {},
    respond(
      "200 OK",
      [
        "Set-Cookie: a=1; Path=/; HttpOnly",
        "X-Between: 1",
        "Set-Cookie: b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT; SameSite=None; Secure; Partitioned",
        "Set-Cookie: a=3",
      ],
      "x",
    ),
  ),
  exchange(
    "a response with odd Set-Cookie lines",
    "GET /x",
    {},
    respond(
      "200 OK",
      [
        'Set-Cookie: a="1, 2;3"',
        "Set-Cookie: b",
        "Set-Cookie: =c",
        "Set-Cookie:",
        "Set-Cookie: d=J\xc3\xb6rg\xff; Max-Age=0",
      ],
      "x",
    ),
  ),
  exchange(
    "a response with cookies under Sallyport's names",
    "GET /x",
    {},
    respond(
      "200 OK",
      [
        "Set-Cookie: __Host-sallyport=evil; Path=/; Secure",
        "Set-Cookie: a=1",
        "Set-Cookie: __host-SALLYPORT-pending=evil",
      ],
      "x",
    ),
  ),
];
