//! The portable core gives the same ids and the same score bits natively and in wasm.
//!
//! `scripts/build-guest` builds the guest; it does nothing when that is up to date. Fuel and memory
//! of every run are bounded, so a guest that loops or leaks fails instead of hanging.

#![allow(
    clippy::disallowed_methods,
    reason = "a test may look at its environment"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use guest::CASES;
use wasmtime::{
    Config, Engine, Instance, Module, Store, StoreLimits, StoreLimitsBuilder, Trap, TypedFunc,
};

/// Instructions that one case may take, about; the longest takes a tenth.
const FUEL_MAX: u64 = 10_000_000_000;
/// Half of what an edge worker gets.
const MEMORY_BYTES_MAX: usize = 64 << 20;

/// The module: the one that `SKERRY_GUEST` names, else built if need be.
fn guest_path() -> PathBuf {
    if let Ok(built) = std::env::var("SKERRY_GUEST") {
        return PathBuf::from(built);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/build-guest");
    let built = Command::new(script).output().expect("the script runs");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "building the guest failed:\n{said}");
    PathBuf::from(
        String::from_utf8(built.stdout)
            .expect("a path in UTF-8")
            .trim(),
    )
}

fn load() -> (Engine, Module) {
    let mut config = Config::new();
    config.consume_fuel(true);
    let engine = Engine::new(&config).expect("a valid configuration");
    let module = Module::from_file(&engine, guest_path()).expect("the guest is a module");
    (engine, module)
}

/// One instance, with its bounds.
struct Guest {
    store: Store<StoreLimits>,
    instance: Instance,
}

impl Guest {
    fn new(engine: &Engine, module: &Module, fuel: u64) -> Self {
        let limits = StoreLimitsBuilder::new()
            .memory_size(MEMORY_BYTES_MAX)
            .build();
        let mut store = Store::new(engine, limits);
        store.limiter(|limits| limits);
        store.set_fuel(fuel).expect("fuel is switched on");
        let instance = Instance::new(&mut store, module, &[]).expect("the guest needs no imports");
        Self { store, instance }
    }

    fn case_count(&mut self) -> usize {
        let count: TypedFunc<(), u32> = self
            .instance
            .get_typed_func(&mut self.store, "case_count")
            .expect("exported");
        count.call(&mut self.store, ()).expect("it returns") as usize
    }

    fn text(&mut self, function: &str, case: usize) -> wasmtime::Result<String> {
        let function: TypedFunc<u32, u64> = self
            .instance
            .get_typed_func(&mut self.store, function)
            .expect("exported");
        let place = function.call(&mut self.store, case as u32)?;
        let memory = self
            .instance
            .get_memory(&mut self.store, "memory")
            .expect("exported");
        let start = (place >> 32) as usize;
        let bytes = &memory.data(&self.store)[start..][..(place & 0xffff_ffff) as usize];
        Ok(String::from_utf8(bytes.to_vec()).expect("answers are text"))
    }
}

/// Natively on several threads, of which wasm has none: the index must not depend on their number.
fn natively(case: usize) -> String {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("one thread");
    pool.install(CASES[case].run)
}

/// The first lines that differ, with their number.
fn difference(native: &str, wasm: &str) -> Option<String> {
    let lines = native.lines().zip(wasm.lines()).enumerate();
    let differing = lines.filter(|(_, (native, wasm))| native != wasm);
    let first = differing.take(3).map(|(number, (native, wasm))| {
        format!("line {}\n  native {native}\n  wasm   {wasm}", number + 1)
    });
    (native != wasm).then(|| first.collect::<Vec<_>>().join("\n"))
}

#[test]
fn answers_are_equal_to_the_bit() {
    let (engine, module) = load();
    let mut guest = Guest::new(&engine, &module, FUEL_MAX);
    assert_eq!(guest.case_count(), CASES.len());
    let mut differences = Vec::new();
    for (number, case) in CASES.iter().enumerate() {
        let mut guest = Guest::new(&engine, &module, FUEL_MAX);
        assert_eq!(
            guest.text("case_name", number).expect("it returns"),
            case.name
        );
        let wasm = guest.text("run_case", number).unwrap_or_else(|error| {
            panic!("{} failed in wasm: {error:?}", case.name);
        });
        let native = natively(number);
        assert!(native.lines().count() > 10, "{} asks too little", case.name);
        if let Some(difference) = difference(&native, &wasm) {
            differences.push(format!("{}: {difference}", case.name));
        }
        let used = FUEL_MAX - guest.store.get_fuel().expect("fuel is switched on");
        println!(
            "{}: {} lines, {used} fuel",
            case.name,
            native.lines().count()
        );
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// No clock, no randomness, no files: what is not imported cannot be used.
#[test]
fn the_guest_imports_nothing() {
    let (_, module) = load();
    let imports: Vec<String> = module
        .imports()
        .map(|import| format!("{}.{}", import.module(), import.name()))
        .collect();
    assert!(imports.is_empty(), "{}", imports.join(", "));
}

/// The bound is a bound: a run that needs more fuel than it has stops.
#[test]
fn fuel_is_bounded() {
    let (engine, module) = load();
    let mut guest = Guest::new(&engine, &module, 100_000);
    let stopped = guest
        .text("run_case", CASES.len() - 1)
        .expect_err("too little fuel");
    assert_eq!(stopped.downcast_ref::<Trap>(), Some(&Trap::OutOfFuel));
}
