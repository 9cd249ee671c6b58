//! Soak.
#![allow(warnings)]
use rand::{Rng, SeedableRng};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let t = keyfold_fuzzing::target(&a[1]).unwrap();
    let from: u64 = a[2].parse().unwrap();
    let n: u64 = a[3].parse().unwrap();
    let start = std::time::Instant::now();
    let mut bad = 0;
    for s in from..from + n {
        let mut rng = rand::rngs::StdRng::seed_from_u64(s);
        let len = [100, 400, 1500, 4000][(s % 4) as usize];
        let mut b = vec![0u8; len];
        rng.fill(b.as_mut_slice());
        let r = std::panic::catch_unwind(|| (t.run)(&b));
        if let Err(e) = r {
            bad += 1;
            let m = e.downcast_ref::<String>().cloned().unwrap_or_default();
            eprintln!(
                "SEED {s} len {len}: {}",
                m.chars().take(200).collect::<String>()
            );
            std::fs::write(format!("/tmp/soak-{}-{s}", a[1]), &b).unwrap();
        }
    }
    eprintln!("{n} runs, {bad} bad, {:?}", start.elapsed());
}
