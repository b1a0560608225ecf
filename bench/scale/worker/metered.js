// Sallyport with a meter on its stores. Not TypeScript, so that the types of the Worker and those of the benchmark, which
// has the browser's, are not mixed.
import sallyport from "../../../src/index.ts";
import { meter } from "./meter.ts";

export default meter(sallyport);
