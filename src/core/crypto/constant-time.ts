/**
 * True when the texts are equal. Compares their SHA-256 hashes in constant time, because `timingSafeEqual` throws for
 * unequal lengths (OTP-16).
 */
export async function isEqualInConstantTime(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([digest(a), digest(b)]);
  return crypto.subtle.timingSafeEqual(left, right);
}

const digest = (text: string) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
