// What `jsreport init` writes, with the configuration file that the environment variable `configFile` names.
import jsreport from "@jsreport/jsreport-core";

await jsreport({ loadConfig: true }).init();
