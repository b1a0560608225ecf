/** One trip to D1, as Sallyport has sent it. */
export interface SentTrip {
  readonly statements: number;
  /** How many of them write. */
  readonly writing: number;
}
