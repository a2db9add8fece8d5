//! Which images an archive holds: those of OCI layouts and of `docker save`.

use std::io::{self, BufRead, BufReader, Read};

use serde::Deserialize;

/// The two files that name images are small; more than this is no index.
const INDEX_LIMIT: u64 = 4 * 1024 * 1024;

/// Why a file is no image archive.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    #[error("not a tar file: {0}")]
    NotTar(io::Error),
    #[error("no image archive: it has neither an index.json (OCI) nor a manifest.json (docker save)")]
    NotAnArchive,
    #[error("{file} is damaged: {source}")]
    Damaged { file: &'static str, source: serde_json::Error },
    #[error("the images in this archive have no names; export them with a name and a tag")]
    Unnamed,
}

/// The full names of the images in an archive, as containerd will know them, in the archive's order.
/// The archive may be compressed with gzip.
pub fn archive_names(archive: impl Read) -> Result<Vec<String>, NamesError> {
    let mut archive = BufReader::new(archive);
    let start = archive.fill_buf().map_err(NamesError::NotTar)?;
    let indexes = if start.starts_with(&GZIP_MAGIC) {
        Indexes::find(flate2::bufread::GzDecoder::new(archive))
    } else {
        Indexes::find(archive)
    }
    .map_err(NamesError::NotTar)?;
    let names = indexes.names()?;
    if names.is_empty() { Err(NamesError::Unnamed) } else { Ok(names) }
}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The files of an archive that name its images.
#[derive(Default)]
struct Indexes {
    oci: Option<Vec<u8>>,
    docker: Option<Vec<u8>>,
}

impl Indexes {
    fn find(archive: impl Read) -> io::Result<Self> {
        let mut indexes = Self::default();
        for entry in tar::Archive::new(archive).entries()? {
            let mut entry = entry?;
            let slot = match entry.path()?.to_str().map(|path| path.trim_start_matches("./")) {
                Some("index.json") => &mut indexes.oci,
                Some("manifest.json") => &mut indexes.docker,
                _ => continue,
            };
            let mut bytes = Vec::new();
            entry.by_ref().take(INDEX_LIMIT).read_to_end(&mut bytes)?;
            *slot = Some(bytes);
        }
        Ok(indexes)
    }

    /// An archive may be both; containerd then goes by the OCI index, and so do we.
    fn names(&self) -> Result<Vec<String>, NamesError> {
        if let Some(bytes) = &self.oci {
            let index: OciIndex = parse("index.json", bytes)?;
            return Ok(index.manifests.iter().filter_map(OciManifest::name).collect());
        }
        if let Some(bytes) = &self.docker {
            let images: Vec<DockerImage> = parse("manifest.json", bytes)?;
            let tags = images.iter().flat_map(|image| image.repo_tags.iter().flatten());
            return Ok(tags.map(|tag| full_name(tag)).collect());
        }
        Err(NamesError::NotAnArchive)
    }
}

fn parse<'a, T: Deserialize<'a>>(file: &'static str, bytes: &'a [u8]) -> Result<T, NamesError> {
    serde_json::from_slice(bytes).map_err(|source| NamesError::Damaged { file, source })
}

#[derive(Deserialize)]
struct OciIndex {
    #[serde(default)]
    manifests: Vec<OciManifest>,
}

#[derive(Deserialize)]
struct OciManifest {
    #[serde(default)]
    annotations: OciAnnotations,
}

#[derive(Deserialize, Default)]
struct OciAnnotations {
    #[serde(rename = "io.containerd.image.name")]
    containerd: Option<String>,
    #[serde(rename = "org.opencontainers.image.ref.name")]
    reference: Option<String>,
}

impl OciManifest {
    /// The name, if the archive says a whole one and not only a tag.
    fn name(&self) -> Option<String> {
        let OciAnnotations { containerd, reference } = &self.annotations;
        containerd.clone().or_else(|| reference.clone().filter(|name| name.contains('/')))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    repo_tags: Option<Vec<String>>,
}

/// Docker writes short names; the runtime knows the full ones: `busybox:1` is
/// `docker.io/library/busybox:1` (distribution/reference, "normalized names").
pub(crate) fn full_name(short: &str) -> String {
    match short.split_once('/') {
        None => format!("docker.io/library/{short}"),
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => short.to_owned(),
        Some(_) => format!("docker.io/{short}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn check(files: &[(&str, &str)], expected: Result<&[&str], &str>) {
        let bytes = archive(files);
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zipped.write_all(&bytes).unwrap();
        for bytes in [bytes, zipped.finish().unwrap()] {
            match (archive_names(bytes.as_slice()), expected) {
                (Ok(names), Ok(expected)) => assert_eq!(names, expected),
                (Err(error), Err(start)) => assert!(error.to_string().starts_with(start), "{error}"),
                (names, expected) => panic!("{names:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn names_come_from_either_format() {
        let oci = r#"{"manifests":[{"annotations":{"io.containerd.image.name":"a.b/c:1"}}, {}]}"#;
        check(&[("oci-layout", "{}"), ("index.json", oci)], Ok(&["a.b/c:1"]));
        let podman = r#"{"manifests":[{"annotations":{"org.opencontainers.image.ref.name":"q.io/x:2"}}]}"#;
        check(&[("./index.json", podman)], Ok(&["q.io/x:2"]));
        let docker = r#"[{"Config":"c.json","RepoTags":["busybox:1","u/app:2","h:5000/x:3"],"Layers":[]}]"#;
        let full: &[&str] = &["docker.io/library/busybox:1", "docker.io/u/app:2", "h:5000/x:3"];
        check(&[("manifest.json", docker)], Ok(full));
        check(&[("manifest.json", docker), ("index.json", oci)], Ok(&["a.b/c:1"]));
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        check(&[("etc/passwd", "x")], Err("no image archive"));
        check(&[("index.json", "{")], Err("index.json is damaged"));
        check(&[("manifest.json", "{}")], Err("manifest.json is damaged"));
        let tag_only = r#"{"manifests":[{"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}"#;
        check(&[("index.json", tag_only)], Err("the images in this archive have no names"));
        check(
            &[("manifest.json", r#"[{"RepoTags":null}]"#)],
            Err("the images in this archive have no names"),
        );
        assert!(matches!(archive_names(&[7u8; 2000][..]), Err(NamesError::NotTar(_))));
        assert!(matches!(archive_names(&b""[..]), Err(NamesError::NotAnArchive)));
    }
}
