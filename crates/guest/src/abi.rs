//! What the module exports: numbers in, and out one number that says where a text lies.
//!
//! A text is `address << 32 | length` in bytes, in the module's memory. It is never freed: a host
//! makes a new instance for every case.

use crate::CASES;

/// Number of cases.
#[unsafe(no_mangle)]
pub extern "C" fn case_count() -> u32 {
    CASES.len() as u32
}

/// The name of a case.
#[unsafe(no_mangle)]
pub extern "C" fn case_name(case: u32) -> u64 {
    hand_out(CASES[case as usize].name.to_owned())
}

/// Runs a case and returns its answers.
#[unsafe(no_mangle)]
pub extern "C" fn run_case(case: u32) -> u64 {
    hand_out((CASES[case as usize].run)())
}

fn hand_out(text: String) -> u64 {
    let text: &'static str = text.leak();
    (text.as_ptr() as u64) << 32 | text.len() as u64
}

getrandom::register_custom_getrandom!(no_randomness);

/// The one draw below this module is overwritten by the seed of the case.
#[allow(
    clippy::unnecessary_wraps,
    reason = "the signature is that of the crate getrandom"
)]
fn no_randomness(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    bytes.fill(0);
    Ok(())
}
