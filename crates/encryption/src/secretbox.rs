//! NaCl's secretbox: XSalsa20 and Poly1305. The nonce is random, which its 24 bytes allow for any number of
//! writes. The value is not bound to its place: upstream's is not either.
//!
//! Layout: 24 bytes of nonce, 16 of tag, the text.

use bytes::{BufMut, Bytes, BytesMut};
use crypto_secretbox::aead::{AeadInPlace, KeyInit};
use crypto_secretbox::{Key, Nonce, Tag, XSalsa20Poly1305};
use ironclad_engine::codec::AtRestError;
use ironclad_env::Env;

use crate::transformer::{Transformer, failed};

pub const KEY: usize = 32;
const NONCE: usize = 24;
const TAG: usize = 16;

pub struct Secretbox {
    prefix: String,
    cipher: XSalsa20Poly1305,
}

impl Secretbox {
    pub fn new(name: &str, key: &[u8; KEY]) -> Self {
        let cipher = XSalsa20Poly1305::new(Key::from_slice(key));
        Self { prefix: format!("k8s:enc:secretbox:v1:{name}:"), cipher }
    }
}

impl Transformer for Secretbox {
    fn prefix(&self) -> &str {
        &self.prefix
    }

    fn seal(&self, env: &Env, _path: &[u8], plain: Bytes) -> Result<Bytes, AtRestError> {
        let mut nonce = [0; NONCE];
        env.fill(&mut nonce);
        let mut text = plain.to_vec();
        let tag = self.cipher.encrypt_in_place_detached(Nonce::from_slice(&nonce), &[], &mut text);
        let tag = tag.map_err(|_| failed("the value cannot be encrypted"))?;
        let mut sealed = BytesMut::with_capacity(NONCE + TAG + text.len());
        sealed.put_slice(&nonce);
        sealed.put_slice(&tag);
        sealed.put_slice(&text);
        Ok(sealed.freeze())
    }

    fn open(&self, _env: &Env, _path: &[u8], sealed: Bytes) -> Result<Bytes, AtRestError> {
        let (nonce, rest) = sealed
            .split_at_checked(NONCE)
            .ok_or_else(|| failed("the stored data was shorter than the required size"))?;
        let (tag, text) = rest.split_at_checked(TAG).ok_or_else(unreadable)?;
        let mut text = text.to_vec();
        let (nonce, tag) = (Nonce::from_slice(nonce), Tag::from_slice(tag));
        self.cipher.decrypt_in_place_detached(nonce, &[], &mut text, tag).map_err(|_| unreadable())?;
        Ok(text.into())
    }
}

fn unreadable() -> AtRestError {
    failed("output array was not large enough for encryption")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
        digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
    }

    /// The example of NaCl's own documentation.
    #[test]
    fn a_box_is_as_nacl_makes_it() {
        let key = bytes("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
        let nonce = bytes("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");
        let text = bytes(
            "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c6129\
             6cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde\
             048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705",
        );
        let boxed = bytes(
            "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186a\
             c0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae\
             90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74\
             e355a5",
        );
        let key: [u8; KEY] = key.try_into().expect("a key");
        let opened = Secretbox::new("k", &key).open(
            &ironclad_env::SimEnv::new(1).shared(),
            &[],
            [nonce, boxed].concat().into(),
        );
        assert_eq!(opened, Ok(text.into()));
    }
}
