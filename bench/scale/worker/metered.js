// Sallyport with a meter on its stores. Not TypeScript, because the types of the Worker would conflict with those of the benchmark,
// which include the browser's.
import sallyport from "../../../src/index.ts";
import { meter } from "./meter.ts";

export default meter(sallyport);
