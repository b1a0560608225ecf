declare namespace Cloudflare {
  interface Env {
    /** The seed of all random numbers of a simulation. */
    readonly SEED: string;
  }
}
