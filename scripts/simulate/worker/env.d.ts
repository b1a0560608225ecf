declare namespace Cloudflare {
  interface Env {
    /** What all chance of a simulation comes from. */
    readonly SEED: string;
  }
}
