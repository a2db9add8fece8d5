//! The smallest ELF file around the program (System V ABI, chapter 4): a header, two program headers, code.

use super::program;
use crate::Architecture;

/// The statically linked sandbox program for an architecture, ready to be run.
pub fn executable(architecture: Architecture) -> Vec<u8> {
    let (machine, code) = match architecture {
        Architecture::Amd64 => (EM_X86_64, program::x86_64()),
        Architecture::Arm64 => (EM_AARCH64, program::aarch64()),
    };
    let mut file = file_header(machine);
    let size = u64::from(HEADERS) + code.len() as u64;
    file.extend(program_header(PT_LOAD, READ | EXECUTE, ADDRESS, size));
    // Says that the stack need not be executable; without it some kernels make everything so.
    file.extend(program_header(PT_GNU_STACK, READ | WRITE, 0, 0));
    file.extend(code);
    file
}

const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;
const PT_LOAD: u32 = 1;
const PT_GNU_STACK: u32 = 0x6474_e551;
const EXECUTE: u32 = 1;
const WRITE: u32 = 2;
const READ: u32 = 4;

const FILE_HEADER: u16 = 64;
const PROGRAM_HEADER: u16 = 56;
const HEADERS: u16 = FILE_HEADER + 2 * PROGRAM_HEADER;

/// Where the file is mapped: a multiple of the largest page (64 KiB on aarch64).
const ADDRESS: u64 = 0x40_0000;
const PAGE: u64 = 0x1_0000;

fn file_header(machine: u16) -> Vec<u8> {
    let mut header = Vec::from(*b"\x7fELF");
    header.extend([2, 1, 1, 0]); // 64 bit, little endian, ELF version 1, System V
    header.extend([0; 8]); // padding
    header.extend(2u16.to_le_bytes()); // ET_EXEC
    header.extend(machine.to_le_bytes());
    header.extend(1u32.to_le_bytes()); // ELF version 1
    header.extend((ADDRESS + u64::from(HEADERS)).to_le_bytes()); // entry point: the code's first byte
    header.extend(u64::from(FILE_HEADER).to_le_bytes()); // program headers follow this one
    header.extend(0u64.to_le_bytes()); // no section headers
    header.extend(0u32.to_le_bytes()); // no flags
    for number in [FILE_HEADER, PROGRAM_HEADER, 2, 0, 0, 0] {
        // own size, size and number of program headers, the same of sections, their names
        header.extend(number.to_le_bytes());
    }
    header
}

/// Maps `size` bytes of the file, from its beginning, at `address`.
fn program_header(kind: u32, flags: u32, address: u64, size: u64) -> Vec<u8> {
    let mut header = Vec::from(kind.to_le_bytes());
    header.extend(flags.to_le_bytes());
    for number in [0, address, address, size, size, PAGE] {
        // offset in the file, virtual and physical address, size in file and memory, alignment
        header.extend(number.to_le_bytes());
    }
    header
}
