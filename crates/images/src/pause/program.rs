//! The sandbox's program, instruction by instruction.
//!
//! In C it would be:
//!
//! ```c
//! sigset_t set = {SIGINT, SIGTERM, SIGCHLD};
//! rt_sigprocmask(SIG_BLOCK, &set, NULL, 8);
//! for (;;) {
//!     int signal = rt_sigtimedwait(&set, NULL, NULL, 8);
//!     if (signal < 0) continue;                             // interrupted
//!     if (signal != SIGCHLD) exit(0);
//!     while (wait4(-1, NULL, WNOHANG, NULL) > 0) {}         // orphans that ended
//! }
//! ```
//!
//! The signals are blocked and waited for instead of handled: the kernel drops a signal that process 1 of
//! a PID namespace has no handler for, but never one that is blocked, and without handlers there is no
//! signal frame, no restorer and no stack to care for. One SIGCHLD may stand for many ended children,
//! hence the inner loop.
//!
//! System calls: x86-64 takes the number in rax and the arguments in rdi, rsi, rdx, r10 (System V ABI,
//! A.2.1); aarch64 in x8 and x0 to x3. The numbers are those of `asm/unistd_64.h` and
//! `asm-generic/unistd.h`. The listings are what `as` and `llvm-mc` make of the text on the right.

/// Bit n-1 stands for signal n: SIGINT 2, SIGTERM 15, SIGCHLD 17.
const SIGNALS: u64 = 1 << (2 - 1) | 1 << (15 - 1) | 1 << (17 - 1);

/// The x86-64 program with its data behind it. Entry point is its first byte; it runs at any address.
pub(super) fn x86_64() -> Vec<u8> {
    let code: &[&[u8]] = &[
        // start:
        &[0x31, 0xff],                               // xor  edi, edi          SIG_BLOCK = 0
        &[0x48, 0x8d, 0x35, 0x47, 0x00, 0x00, 0x00], // lea  rsi, [rip + set]
        &[0x31, 0xd2],                               // xor  edx, edx          no old set
        &[0x6a, 0x08],                               // push 8                 size of a set
        &[0x41, 0x5a],                               // pop  r10
        &[0x6a, 0x0e],                               // push 14                rt_sigprocmask
        &[0x58],                                     // pop  rax
        &[0x0f, 0x05],                               // syscall
        // wait:
        &[0x48, 0x8d, 0x3d, 0x35, 0x00, 0x00, 0x00], // lea  rdi, [rip + set]
        &[0x31, 0xf6],                               // xor  esi, esi          no siginfo
        &[0x31, 0xd2],                               // xor  edx, edx          no timeout
        &[0x6a, 0x08],                               // push 8
        &[0x41, 0x5a],                               // pop  r10
        &[0xb8, 0x80, 0x00, 0x00, 0x00],             // mov  eax, 128          rt_sigtimedwait
        &[0x0f, 0x05],                               // syscall
        &[0x85, 0xc0],                               // test eax, eax
        &[0x78, 0xe6],                               // js   wait              interrupted
        &[0x83, 0xf8, 0x11],                         // cmp  eax, 17           SIGCHLD
        &[0x75, 0x16],                               // jne  exit
        // reap:
        &[0x83, 0xcf, 0xff], // or   edi, -1           any child
        &[0x31, 0xf6],       // xor  esi, esi          no status
        &[0x6a, 0x01],       // push 1                 WNOHANG
        &[0x5a],             // pop  rdx
        &[0x45, 0x31, 0xd2], // xor  r10d, r10d        no usage
        &[0x6a, 0x3d],       // push 61                wait4
        &[0x58],             // pop  rax
        &[0x0f, 0x05],       // syscall
        &[0x85, 0xc0],       // test eax, eax
        &[0x7f, 0xec],       // jg   reap              one ended; more may have
        &[0xeb, 0xcb],       // jmp  wait
        // exit:
        &[0x31, 0xff], // xor  edi, edi          status 0
        &[0x6a, 0x3c], // push 60                exit
        &[0x58],       // pop  rax
        &[0x0f, 0x05], // syscall
        // set:
        &SIGNALS.to_le_bytes(),
    ];
    code.concat()
}

/// The aarch64 program with its data behind it. Entry point is its first byte; it runs at any address.
pub(super) fn aarch64() -> Vec<u8> {
    let code: &[u32] = &[
        // start:
        0xd2800000, // mov  x0, #0             SIG_BLOCK = 0
        0x10000361, // adr  x1, set
        0xd2800002, // mov  x2, #0             no old set
        0xd2800103, // mov  x3, #8             size of a set
        0xd28010e8, // mov  x8, #135           rt_sigprocmask
        0xd4000001, // svc  #0
        // wait:
        0x100002c0, // adr  x0, set
        0xd2800001, // mov  x1, #0             no siginfo
        0xd2800002, // mov  x2, #0             no timeout
        0xd2800103, // mov  x3, #8
        0xd2801128, // mov  x8, #137           rt_sigtimedwait
        0xd4000001, // svc  #0
        0x37ffff40, // tbnz w0, #31, wait      interrupted
        0x7100441f, // cmp  w0, #17            SIGCHLD
        0x54000141, // b.ne exit
        // reap:
        0x92800000, // mov  x0, #-1            any child
        0xd2800001, // mov  x1, #0             no status
        0xd2800022, // mov  x2, #1             WNOHANG
        0xd2800003, // mov  x3, #0             no usage
        0xd2802088, // mov  x8, #260           wait4
        0xd4000001, // svc  #0
        0x7100001f, // cmp  w0, #0
        0x54ffff2c, // b.gt reap               one ended; more may have
        0x17ffffef, // b    wait
        // exit:
        0xd2800000, // mov  x0, #0             status 0
        0xd2800ba8, // mov  x8, #93            exit
        0xd4000001, // svc  #0
        0xd503201f, // nop                     aligns the set
    ];
    let mut bytes: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    // set:
    bytes.extend(SIGNALS.to_le_bytes());
    bytes
}
