/** The password of each hash below that does not say otherwise. */
export const foreignPassword = "correct horse battery";

/**
 * scrypt hashes of other systems, as these programs wrote them: Werkzeug 3.1.9, Django 5.2, passlib 1.7.4. Spring's is from
 * the reference of Spring Security (DelegatingPasswordEncoder); its password is "password".
 */
export const scryptHashes = {
  werkzeug:
    "scrypt:32768:8:1$zuB94UGxK9qvfVsL$567d5dda7237f0d73383a0fee1b26c8621e566594ca3b990d5ade9615b98fd68a906dd10645dd54ed22ad9e8e495c19ce1a1e6145d63f78925aa977fc9f7b3de",
  django:
    "scrypt$16384$Cum3uI7Eq0wb2E4mgI3nqO$8$5$6dWUTeu8NEMzKUfRf4/K7IadQHVdGVBV5nF3A/Kvvo5PfuKKqe/F2ALAKFUoC5JmlOE2kLdKgB7fNgLOZpxckw==",
  passlib: "$scrypt$ln=14,r=8,p=1$q9WaE6JUijHmHOP8/39PqQ$o75/t1SOc9NbbzIsgFMivjoAmfCSqIgspQ+y2ZjL5RI",
  spring:
    "{scrypt}$e0801$8bWJaSu2IKSn9Z9kM+TPXfOc/9bdYSrN1oD9qfVThWEwdRTnO7re7Ei+fUZRJ68k9lTyuTeUp4of4g24hHnazw==$OAOec05+bXxvuu/1qZ6NUR+xQYvYv7BeL1QxwRpY5Pc=",
} as const;

/** The name of the form, and a hash as a program or its documentation writes it. They take long to guess. */
export const slowHashes: readonly (readonly [form: string, hash: string])[] = [
  // passlib, argon2-cffi
  [
    "argon2",
    "$argon2id$v=19$m=65536,t=3,p=4$wngPwfifU0pprZXSOmfMOQ$A3w28E95sKxLmB5o+/1iBZQqLYdtNieeK0icgqG/6ag",
  ],
  // Django
  [
    "argon2",
    "argon2$argon2id$v=19$m=102400,t=2,p=8$OXBlWHdNbnJvcWlldTlRbFhDMDYxUw$ki5NBgjetQWrmT1sLJkW1HcT2gA4kDUJbqNcUNgOCII",
  ],
  [
    "argon2",
    "{argon2@SpringSecurity_v5_8}$argon2id$v=19$m=16384,t=2,p=1$v7fN5p91BQbdbA2HfdSPRg$MULpa02CO/6FKfqwuerCFvS7OhMxGFCKUOoWfzt86Rc",
  ],
  ["bcrypt", "$2b$10$abcdefghijklmnopqrstuuCj7fyLDJytXL.TfOiOeiv0fQvSOK1/2"],
  ["bcrypt", "$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG"],
  ["bcrypt", "{bcrypt}$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG"],
  ["bcrypt", "bcrypt_sha256$$2b$12$HuHBgdAas34oqFktZBhBZuelqhbqFOYyeARKxOGMl6BKEWd9gJDyK"],
  ["bcrypt", "bcrypt$$2b$12$FTmSfylUAn5dUhkPIFmBNOvb13K6fIu1.9/.RHUgBvBHh7ZgqLGru"],
  ["PBKDF2", "pbkdf2_sha256$1000000$9m8BrfC8jDmpVkaGvKPSY4$z2QDgVkNy69Pqccxd6/Xn6QktWhcUzMR6iyl04CXD9Q="],
  ["PBKDF2", "pbkdf2_sha1$1000000$dtQN1012F38HMxJLjiimFn$kwPsVbA6huvSP7OPcAcSfYbK9hI="],
  [
    "PBKDF2",
    "$pbkdf2-sha512$25000$NGYM4TxnDGGMEaJ0TomRMg$RsPNmOT0sEZl0ntnlnvkKPE9H3dgep6R03whnmZ95fTgM4YRZUmxDyMkrYqKtzC6jZ2EWj3ZfbnV5szr.qWOJA",
  ],
  ["PBKDF2", "$pbkdf2$131000$knIOoRSC0HovZexdKwXgfA$bKMuI9yWNUiU4wPvVomBReyHZOM"],
  [
    "PBKDF2",
    "pbkdf2:sha256:1000000$PQdlpalEMNU3l5lK$74f41e063193786e27c62343a639cd4cf53416df336274f5dda30e1c8ded3c9b",
  ],
  ["PBKDF2", "pbkdf2:sha1:1000$IwGeh5lDweJJ01ox$4c7f6a8fa86bb3415f281d40573df88454c356c8"],
  ["PBKDF2", "{PBKDF2-SHA256}29000$vrc2plRKSQkhJARgbC2FkA$2NAnEgrqn3H2B.2skKXyakAyyBF.NvzTbBJ6jOt6J9g"],
  ["PBKDF2", "{pbkdf2}5d923b44a6d129f3ddf3e3c8d29412723dcbde72445e8ef6bf3b508fbf17fa4ed4d6b99ca763d8dc"],
  ["sha256crypt", "$5$rounds=535000$juT3rrPj7a0BQ6O0$p8A48Nu.lBdbteamw/S3xPzMtq0zVS2D5QGOivvqAl3"],
  [
    "sha512crypt",
    "$6$rounds=656000$goQKOV5KWGyLlzpl$SIC/9NRlU6HHtcYjoN9jjH69r1oaJaPny3XIlh6Mw5ZSzb.HeMbuCldmKwpKX4.JWlx7T70.IJ7tl4Y8zxoFq1",
  ],
  [
    "sha512crypt",
    "{CRYPT}$6$rounds=656000$TNhdKMnvb5zi53Nj$mnibUGUKebJaEYQQfzrHFRiytc1fHsZIfATsXt6SM7lU6Z.JmCgd4hlP0EMjvyFy2SuubnLd4FzDoM8n6uEbW/",
  ],
  ["yescrypt", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$YAXMK9Llbqk/FSGbrI16AP6p2zwE4UhuWrJZceAG.p2"],
  ["yescrypt", "$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$Yjr3pclyq3lwNkvmdiTrObGQ8UY2.YXxKdcv.1G.Uo6"],
  ["scrypt", "$7$CU..../....abcdefgh$WFMS32OZC5wd1xXCS1Yrq.hjTpkdzYuyWnzXdY1f8K2"],
  ["phpass", "$P$H5uinNHXrQC27zJC5UdfSRBd/bs7Fd/"],
  [
    "Firebase scrypt",
    "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj1b2g6AUCAlFwMw==$C0sHCg9ek77hsg==$zKVTMvnWVw5BBOZNUdnsalx4c4c7y/w7IS5p6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84+hfTw==",
  ],
];

/** The form, and a hash that is guessed quickly. Written by passlib and Django, or in Spring's reference. */
export const fastHashes: readonly (readonly [form: string, hash: string])[] = [
  ["{SSHA}", "{SSHA}K/8f8OVjzFfx/u2Oa8Jyxvn5sxgzJsQY"],
  ["{SHA}", "{SHA}mN7MYuzjmaIu0w1JDvMzvn/ec4U="],
  ["{MD5}", "{MD5}iOTd0kAtktUOGHnW7Nn/1A=="],
  ["{SMD5}", "{SMD5}B9nB9OixYwy2cCGEJTsK3b53zlk="],
  [
    "{SSHA512}",
    "{SSHA512}vl/Y6++w/Q19sTNnusaMiNwKzqjktdM9ERK/tVg0GpURn8PEvKegh9VfY29UIIrVeFS+qgPBETvN+ppitOkw90hJiTEmpBSC",
  ],
  ["{SHA256}", "{sha256}97cde38028ad898ebc02e690819fa220e88c62e0699403e94fff291cfffaf8410849f27605abcbc0"],
  ["{MD5}", "md5$2ZiXsQ6ekuJelVa16MScy2$b76d06545796c49abf2e802acc62687b"],
  ["{SHA1}", "sha1$HnsMDu2tjJ4r$dc49a414cd6feb77a0a816a8c38a93509056af16"],
  ["{MD5-CRYPT}", "$1$7jXaMvzj$WZPd/SpLPdCl4nnIheXI61"],
  ["{MD5-CRYPT}", "$apr1$Kf7nqpe1$fZUdhhRKXFAC376fQFw.L/"],
];
