/** Wycheproof's files as `scripts/wycheproof.ts` hands them over: null where the folder is not there. */
declare module "virtual:wycheproof" {
  export interface Case {
    readonly tcId: number;
    readonly comment: string;
    readonly result: "valid" | "invalid" | "acceptable";
  }

  /** Bytes are in hexadecimal everywhere. */
  export interface AeadCase extends Case {
    readonly key: string;
    readonly iv: string;
    readonly aad: string;
    readonly msg: string;
    readonly ct: string;
    readonly tag: string;
  }

  export interface MacCase extends Case {
    readonly key: string;
    readonly msg: string;
    readonly tag: string;
  }

  export interface HkdfCase extends Case {
    readonly ikm: string;
    readonly salt: string;
    readonly info: string;
    /** Bytes. */
    readonly size: number;
    readonly okm: string;
  }

  export interface SignatureCase extends Case {
    readonly msg: string;
    readonly sig: string;
  }

  export interface JwsCase extends Case {
    readonly jws: string;
  }

  type Jwk = import("jose").JWK;

  export interface SignatureGroup {
    readonly publicKeyJwk: Jwk;
    readonly tests: readonly SignatureCase[];
  }

  /** `public` is not there where the key is a shared one. */
  export interface JwsGroup {
    readonly private: Jwk;
    readonly public?: Jwk;
    readonly tests: readonly JwsCase[];
  }

  interface File<Group> {
    readonly numberOfTests: number;
    readonly testGroups: readonly Group[];
  }

  export interface Vectors {
    readonly aes_gcm: File<{ readonly tests: readonly AeadCase[] }>;
    readonly hmac_sha1: File<{ readonly tests: readonly MacCase[] }>;
    readonly hmac_sha256: File<{ readonly tests: readonly MacCase[] }>;
    readonly hkdf_sha256: File<{ readonly tests: readonly HkdfCase[] }>;
    readonly ed25519: File<SignatureGroup>;
    readonly json_web_signature: File<JwsGroup>;
  }

  const vectors: Vectors | null;
  export default vectors;
}
