import { describe, expect, it } from "vitest";
import { formatClientNetwork } from "../../../src/core/parsing/client-network.ts";

describe("client network", () => {
  it.each([
    ["203.0.113.7", "203.0.113.7"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:0DB8:0001:0002:ffff::", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8::/64"],
    ["2001:db8:0:1::", "2001:db8:0:1::/64"],
    ["2001:0:0:1::", "2001:0:0:1::/64"],
    ["::1", "::/64"],
    ["::", "::/64"],
    ["0:0:0:5::", "0:0:0:5::/64"],
    ["fe80::1", "fe80::/64"],
    ["64:ff9b::203.0.113.7", "64:ff9b::/64"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["::FFFF:cb00:7107", "203.0.113.7"],
    ["0:0:0:0:0:ffff:cb00:7107", "203.0.113.7"],
    ["::ffff:0:cb00:7107", "::/64"],
  ])("INC-07 counts %s as %s", (address, network) => {
    expect(formatClientNetwork(address)).toBe(network);
  });

  it("INC-14 puts two addresses of one /64 together and two of different ones apart", () => {
    expect(formatClientNetwork("2001:db8:1:2::a")).toBe(
      formatClientNetwork("2001:DB8:1:2:ffff:ffff:ffff:ffff"),
    );
    expect(formatClientNetwork("2001:db8:1:2::a")).not.toBe(formatClientNetwork("2001:db8:1:3::a"));
  });

  it.each([
    null,
    "",
    " ",
    "localhost",
    "unknown",
    "203.0.113",
    "203.0.113.7.1",
    "203.0.113.256",
    "203.0.113.07",
    "0313.0.0161.7",
    "0xcb.0.113.7",
    "3405803783",
    "203.0.113.7:443",
    "203.0.113.7, 198.51.100.1",
    " 203.0.113.7",
    "203.0.113.7\n",
    "２０３.0.113.7",
    "[2001:db8::1]",
    "2001:db8::1]/#",
    "fe80::1%eth0",
    "fe80::1%25eth0",
    "2001:db8::1::2",
    "2001:db8:1:2:3:4:5:6:7",
    "2001:db8:12345::",
    "2001:db8",
    "::ffff:203.0.113.256",
    "gggg::",
    ":",
    "user@203.0.113.7",
  ])("puts %j into the shared bucket", (address) => {
    expect(formatClientNetwork(address)).toBe("unknown");
  });
});
