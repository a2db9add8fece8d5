//! Fixtures of this crate's tests. Keys and digests were made with openssl, so
//! that expectations are not our own output.

use jiff::Timestamp;

use crate::ca::CertificateAuthority;
use crate::issue::Serial;

/// `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`, `openssl pkey -pubout`.
pub(crate) const EC_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEzeRxy9su6kTuT5yX3wbjapBOZV2+
yO+kjT5togj2y5Tp8T3mWXsrRxH6JW2QWRdiSPNc7QCPx4HwUYhQ8e+b4g==
-----END PUBLIC KEY-----
";
/// `openssl pkey -pubout -outform DER | openssl dgst -sha256 -binary | base64url`.
pub(crate) const EC_KEY_ID: &str = "-ogAqb73_BTBHiKoNH4ex5FHOAa3UttS2lchpzM245Q";
/// The same key, `openssl ec` (SEC1) and `openssl pkey` (PKCS#8).
pub(crate) const EC_PRIVATE_SEC1: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEICRWkNrvoZftdHit98DIbGkRIC0HERXTpWDCqm1HfKmPoAoGCCqGSM49
AwEHoUQDQgAEzeRxy9su6kTuT5yX3wbjapBOZV2+yO+kjT5togj2y5Tp8T3mWXsr
RxH6JW2QWRdiSPNc7QCPx4HwUYhQ8e+b4g==
-----END EC PRIVATE KEY-----
";
pub(crate) const EC_PRIVATE_PKCS8: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgJFaQ2u+hl+10eK33
wMhsaREgLQcRFdOlYMKqbUd8qY+hRANCAATN5HHL2y7qRO5PnJffBuNqkE5lXb7I
76SNPm2iCPbLlOnxPeZZeytHEfolbZBZF2JI81ztAI/HgfBRiFDx75vi
-----END PRIVATE KEY-----
";
/// `openssl genpkey -algorithm RSA`.
pub(crate) const RSA_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAiCEhCAuONlER6eFZVlet
19qF3kl+zV26meuqPzXcxm7qJasUI+96PU9oU7PR2ZlzlFxCrpqj96BMpoI9skuY
1GH8HLOR0N8RPxHRvwhhQwfj/BfIfAWEFbKMqAbZc2F4F0SPwukyxcCPwnEtoJ+6
DGViDQ8r0JtmhWdDAkWWuh8etwEFCrb3gL4/42YrT553COe7bJA4L+MFDJggKnoJ
Nh4NUMHE+++f6IXwNFt2dTaB9SbtrH5VW4hqk2EzghRJ8l4/MupfPR0I1Wfgm38Y
G7dmFgYnfgK1PKMyfRNNeErL/YrCXQPJOQSrGtOAbum1HxXUt3noJE8ZJpm7pLo8
0wIDAQAB
-----END PUBLIC KEY-----
";
pub(crate) const RSA_KEY_ID: &str = "IctS1yBT5hUO8DiAq11VUD0QfqRHfsgA0dcazIgTVaU";
/// A token for service account `ns/builder`, bound to pod `p` on node `n`,
/// signed with the RSA key above by `openssl dgst -sha256 -sign`; issuer and
/// audience `https://kubernetes.default.svc`, valid from [`NOW`] for an hour.
pub(crate) const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6IkljdFMxeUJUNWhVTzhEaUFxMTFWVUQwUWZxUkhmc2dBMGRjYXpJZ1RWYVUifQ.eyJhdWQiOlsiaHR0cHM6Ly9rdWJlcm5ldGVzLmRlZmF1bHQuc3ZjIl0sImV4cCI6MTc2NzIyOTIwMCwiaWF0IjoxNzY3MjI1NjAwLCJuYmYiOjE3NjcyMjU2MDAsImlzcyI6Imh0dHBzOi8va3ViZXJuZXRlcy5kZWZhdWx0LnN2YyIsImp0aSI6IjBlNmEyYzVmLTBkN2EtNGIyZi05YTBlLTZiMGMyZjVkOGExMSIsImt1YmVybmV0ZXMuaW8iOnsibmFtZXNwYWNlIjoibnMiLCJzZXJ2aWNlYWNjb3VudCI6eyJuYW1lIjoiYnVpbGRlciIsInVpZCI6InUtMSJ9LCJwb2QiOnsibmFtZSI6InAiLCJ1aWQiOiJ1LTIifSwibm9kZSI6eyJuYW1lIjoibiIsInVpZCI6InUtMyJ9fSwic3ViIjoic3lzdGVtOnNlcnZpY2VhY2NvdW50Om5zOmJ1aWxkZXIifQ.QwD_qBmI6uhiu_KkXYi--0Ye_hJKntaxheQAVQScwZezqwPVCApB-Lv4lnMj6EcmMv0FM1bsWmzfWsJ2zuc74yzD3YOye_gS3OZccC-nr1bz7ZWHaMS7_g-TUnh_jLc-eo3EuIhOQJPOFNwzJbakPbqLppou2MU78O88DT9WRufvHAnNACVuc9woqRzMS04R7d37RuiCzgNu5AfKDXvLk9q9Z6mQMqXx3kokz-gTibv6Cp25oX7bWUkEEOr87Ii0ZZiUxBz7ya_tZnKsMj2T9o70T84sA59_lM8QV8gQk3t5f4fIfySLWY6ik-8D4AOmBLBaqF9-JymYOd2y2Eve8g";

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_767_225_600;

pub(crate) fn now() -> Timestamp {
    later(0)
}

pub(crate) fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds).unwrap()
}

/// A serial number that says which test value it is.
pub(crate) fn serial(tag: u8) -> Serial {
    [tag; 16]
}

pub(crate) fn ca(name: &str) -> CertificateAuthority {
    CertificateAuthority::generate(name, now(), serial(1)).unwrap()
}
