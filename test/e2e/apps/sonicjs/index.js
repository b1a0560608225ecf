// What the guide of SonicJS writes for a site that has no collections and plugins of its own.
import { createSonicJSApp } from "@sonicjs-cms/core";

export default createSonicJSApp({
  collections: { directory: "./collections", autoSync: true },
  plugins: { directory: "./plugins", autoLoad: false },
});
