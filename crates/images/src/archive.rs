//! Images as one tar file in OCI layout (OCI image specification, `image-layout.md`).

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::config::{Architecture, Config, config_blob};
use crate::layer::{Layer, LayerError};

/// One image for one architecture. The first layer is the lowest.
#[derive(Debug, Clone)]
pub struct Image {
    pub architecture: Architecture,
    pub config: Config,
    pub layers: Vec<Layer>,
}

/// Why an archive was not written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Layer(#[from] LayerError),
    #[error("encoding an image manifest: {0}")]
    Encode(#[from] serde_json::Error),
    #[error("writing the image archive: {0}")]
    Write(#[from] io::Error),
}

/// Writes `images`, each under its full name (`ironclad.local/pause:1`), as one archive.
///
/// The same images give the same bytes. Blobs that images share are written once.
pub fn write_archive(images: &[(&str, &Image)], out: impl Write) -> Result<(), ArchiveError> {
    let mut blobs = Blobs::default();
    let mut manifests = Vec::new();
    for (name, image) in images {
        let mut descriptor = add_image(&mut blobs, image)?;
        descriptor.annotations = BTreeMap::from([
            // containerd takes the whole name from here, other tools the tag from the second.
            ("io.containerd.image.name", (*name).to_owned()),
            ("org.opencontainers.image.ref.name", (*name).to_owned()),
        ]);
        manifests.push(descriptor);
    }
    let index = Index { schema_version: 2, media_type: MEDIA_INDEX, manifests };

    let mut tar = tar::Builder::new(out);
    append(&mut tar, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    append(&mut tar, "index.json", &serde_json::to_vec(&index)?)?;
    for (digest, bytes) in &blobs.by_digest {
        append(&mut tar, &format!("blobs/sha256/{digest}"), bytes)?;
    }
    tar.into_inner()?.flush()?;
    Ok(())
}

const MEDIA_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MEDIA_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const MEDIA_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MEDIA_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Adds an image's layers, configuration and manifest; returns where its manifest is.
fn add_image(blobs: &mut Blobs, image: &Image) -> Result<Descriptor, ArchiveError> {
    let mut layers = Vec::new();
    for layer in &image.layers {
        layers.push(blobs.add(MEDIA_LAYER, layer.to_tar()?));
    }
    let diff_ids: Vec<String> = layers.iter().map(|layer| layer.digest.clone()).collect();
    let config = config_blob(&image.config, image.architecture, &diff_ids);
    let config = blobs.add(MEDIA_CONFIG, serde_json::to_vec(&config)?);
    let manifest = Manifest { schema_version: 2, media_type: MEDIA_MANIFEST, config, layers };
    let mut descriptor = blobs.add(MEDIA_MANIFEST, serde_json::to_vec(&manifest)?);
    descriptor.platform = Some(Platform { architecture: image.architecture.name(), os: "linux" });
    Ok(descriptor)
}

/// The blobs of an archive, by the hexadecimal SHA-256 of their bytes.
#[derive(Default)]
struct Blobs {
    by_digest: BTreeMap<String, Vec<u8>>,
}

impl Blobs {
    fn add(&mut self, media_type: &'static str, bytes: Vec<u8>) -> Descriptor {
        let digest = hex(&Sha256::digest(&bytes));
        let descriptor = Descriptor {
            media_type,
            digest: format!("sha256:{digest}"),
            size: bytes.len(),
            annotations: BTreeMap::new(),
            platform: None,
        };
        self.by_digest.insert(digest, bytes);
        descriptor
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u8,
    media_type: &'static str,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: &'static str,
    digest: String,
    size: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
}

#[derive(Serialize)]
struct Platform {
    architecture: &'static str,
    os: &'static str,
}

fn append(tar: &mut tar::Builder<impl Write>, path: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, path, bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive_names;
    use std::io::Read;

    fn sample() -> Image {
        let mut layer = Layer::default();
        layer.file("bin/app", 0o755, "#!/bin/sh\n").unwrap();
        let config = Config {
            entrypoint: vec!["/bin/app".into()],
            env: [("PATH".to_owned(), "/bin".to_owned())].into(),
            user: "1000:1000".into(),
            exposed_ports: vec![8080],
            ..Config::default()
        };
        Image { architecture: Architecture::Amd64, config, layers: vec![layer] }
    }

    fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for entry in tar::Archive::new(archive).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            found.insert(path, bytes);
        }
        found
    }

    fn json(bytes: &[u8]) -> serde_json::Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn every_digest_is_that_of_its_blob_and_leads_to_the_configuration() {
        let mut archive = Vec::new();
        write_archive(&[("ironclad.local/app:1", &sample())], &mut archive).unwrap();
        let files = files(&archive);
        for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("blobs/")) {
            assert_eq!(*path, format!("blobs/sha256/{}", hex(&Sha256::digest(bytes))));
        }
        let blob = |descriptor: &serde_json::Value| {
            let bytes = &files[&descriptor["digest"].as_str().unwrap().replace("sha256:", "blobs/sha256/")];
            assert_eq!(descriptor["size"], bytes.len());
            json(bytes)
        };
        let index = json(&files["index.json"]);
        let manifest = blob(&index["manifests"][0]);
        let config = blob(&manifest["config"]);
        assert_eq!(
            config["config"],
            serde_json::json!({
                "User": "1000:1000", "ExposedPorts": {"8080/tcp": {}}, "Env": ["PATH=/bin"],
                "Entrypoint": ["/bin/app"],
            })
        );
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
    }

    #[test]
    fn the_same_image_gives_the_same_bytes_and_shared_layers_are_written_once() {
        let write = |images: &[(&str, &Image)]| {
            let mut archive = Vec::new();
            write_archive(images, &mut archive).unwrap();
            archive
        };
        let (one, two) = (sample(), sample());
        assert_eq!(write(&[("a:1", &one)]), write(&[("a:1", &two)]));
        let both = write(&[("a:1", &one), ("b:1", &two)]);
        assert_eq!(files(&both).len(), files(&write(&[("a:1", &one)])).len());
        assert_eq!(archive_names(both.as_slice()).unwrap(), ["a:1", "b:1"]);
    }
}
