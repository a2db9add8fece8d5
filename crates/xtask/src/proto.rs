//! `cargo xtask proto`: Rust code from the gRPC contracts.
//!
//! The compiler is `tools/protogen`, a workspace of its own, because building it takes longer than
//! building what it generates and only those who edit a contract need it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

/// Every contract, and the folder its code is committed in (`<package>.rs`).
const CONTRACTS: &[Contract] = &[
    Contract { proto: "crates/cri/proto/cri.proto", generated: "crates/cri/src/generated/runtime.v1.rs" },
    Contract {
        proto: "crates/encryption/proto/kms.proto",
        generated: "crates/encryption/src/generated/v2.rs",
    },
    Contract {
        proto: "crates/encryption/proto/encrypted_object.proto",
        generated: "crates/encryption/src/generated/encrypted.rs",
    },
    Contract {
        proto: "crates/traces/proto/trace.proto",
        generated: "crates/traces/src/generated/opentelemetry.proto.collector.trace.v1.rs",
    },
];

struct Contract {
    proto: &'static str,
    generated: &'static str,
}

/// Generates the gRPC code anew from the .proto files.
#[derive(clap::Args)]
pub struct Arguments {
    /// Change nothing; fail if what is committed is not what the contracts give.
    #[arg(long)]
    check: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let root = super::workspace_root();
    for contract in CONTRACTS {
        let fresh = generate(&root, contract)?;
        let committed = root.join(contract.generated);
        if arguments.check {
            let old = std::fs::read_to_string(&committed).unwrap_or_default();
            ensure!(old == fresh, "{} is out of date: run `cargo xtask proto`", contract.generated);
        } else {
            std::fs::write(&committed, fresh).with_context(|| format!("writing {}", contract.generated))?;
            println!("{} -> {}", contract.proto, contract.generated);
        }
    }
    Ok(())
}

/// The code of one contract, as the generator prints it.
fn generate(root: &Path, contract: &Contract) -> anyhow::Result<String> {
    let out_dir = root.join("target/protogen/out");
    std::fs::create_dir_all(&out_dir).context("making target/protogen/out")?;
    let status = Command::new(cargo())
        .current_dir(root)
        .args(["run", "--quiet", "--locked", "--manifest-path", "tools/protogen/Cargo.toml"])
        .args(["--target-dir", "target/protogen", "--", contract.proto])
        .arg(&out_dir)
        .status()
        .context("running cargo")?;
    if !status.success() {
        bail!("tools/protogen failed on {}", contract.proto);
    }
    let name = Path::new(contract.generated).file_name().context("a contract without a file name")?;
    let fresh = out_dir.join(name);
    std::fs::read_to_string(&fresh).with_context(|| format!("reading {}", fresh.display()))
}

/// The cargo that runs this program, or the one in the path.
fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}
