/** A trip to D1 that Sallyport made. */
export interface SentTrip {
  readonly statements: number;
  /** The number of statements that write. */
  readonly writing: number;
}
