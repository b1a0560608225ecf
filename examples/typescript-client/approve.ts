import { createClient } from "sallyport/client";
import { approve } from "./two-factor.ts";

// SALLYPORT_URL=https://shop.example/api/auth SALLYPORT_KEY=sp_… node approve.ts 42 123456
const [userId = "", code = ""] = process.argv.slice(2);
const { SALLYPORT_URL: url = "", SALLYPORT_KEY: key = "" } = process.env;
console.log(await approve(createClient(url, key), { userId, code, action: "transfer" }));
